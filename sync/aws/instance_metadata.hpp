// What an EC2 instance tells those on it: the credentials of its role, and its region. Version 2 of
// the service only: each question carries a token that was fetched by a PUT before. Source: EC2
// user guide, "Use IMDS to access instance metadata".
#pragma once

#include "sync/aws/credential_provider.hpp"

#include <string>
#include <string_view>

namespace postern::sync::aws {

/// Not thread-safe.
class instance_metadata {
  public:
    explicit instance_metadata(provider_parts parts) : parts_{parts} {}

    /// The text at "/latest/meta-data/PATH"; a token is fetched for each. Errors: no_credentials
    /// (is turned off, or nobody answers: not on EC2), not_found (404), misconfigured, down,
    /// denied.
    [[nodiscard]] base::result<std::string> get(std::string_view path, const std::stop_token& stop);
    /// "us-east-1".
    [[nodiscard]] base::result<std::string> region(const std::stop_token& stop);
    [[nodiscard]] const provider_parts& parts() const noexcept { return parts_; }

  private:
    [[nodiscard]] base::result<std::string> origin() const;
    [[nodiscard]] base::result<std::string> token(const std::string& at,
                                                  const std::stop_token& stop);
    provider_parts parts_;
};

/// The instance's role. What the service gives is believed to hold for ten minutes at least, also
/// where it has expired: so AWS's own tools get over an outage of that service, and AWS takes it.
class instance_credentials final : public credential_provider {
  public:
    explicit instance_credentials(provider_parts parts) : metadata_{parts} {}
    [[nodiscard]] std::string_view name() const noexcept override { return "instance metadata"; }
    [[nodiscard]] base::result<credentials> find(const std::stop_token& stop) override;

  private:
    instance_metadata metadata_;
};

} // namespace postern::sync::aws
