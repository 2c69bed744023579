// Credentials that environment variables hold, or name a web identity for.
#pragma once

#include "sync/aws/credential_provider.hpp"
#include "sync/aws/sts.hpp"

namespace postern::sync::aws {

/// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN.
class environment_credentials final : public credential_provider {
  public:
    explicit environment_credentials(const environment& env) : env_{env} {}
    [[nodiscard]] std::string_view name() const noexcept override { return "environment"; }
    [[nodiscard]] base::result<credentials> find(const std::stop_token& stop) override;

  private:
    const environment& env_;
};

/// AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME: service accounts of EKS.
class web_identity_credentials final : public credential_provider {
  public:
    web_identity_credentials(provider_parts parts, sts_place sts)
        : parts_{parts}, sts_{std::move(sts)} {}
    [[nodiscard]] std::string_view name() const noexcept override { return "web identity"; }
    [[nodiscard]] base::result<credentials> find(const std::stop_token& stop) override;

  private:
    provider_parts parts_;
    sts_place sts_;
};

} // namespace postern::sync::aws
