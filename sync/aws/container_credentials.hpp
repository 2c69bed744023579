// Credentials of a task (ECS, Fargate) or pod (EKS Pod Identity), from an endpoint beside it.
// Source: AWS SDKs and Tools reference, "Container credential provider".
#pragma once

#include "sync/aws/credential_provider.hpp"

namespace postern::sync::aws {

/// AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, else AWS_CONTAINER_CREDENTIALS_FULL_URI; with the
/// authorization of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE (read anew each time: it is replaced
/// before it runs out), else of AWS_CONTAINER_AUTHORIZATION_TOKEN. A full URI is https, or http to
/// this host or one of AWS's own addresses for it: a credential request goes nowhere else.
class container_credentials final : public credential_provider {
  public:
    explicit container_credentials(provider_parts parts) : parts_{parts} {}
    [[nodiscard]] std::string_view name() const noexcept override { return "container endpoint"; }
    [[nodiscard]] base::result<credentials> find(const std::stop_token& stop) override;

  private:
    provider_parts parts_;
};

} // namespace postern::sync::aws
