// Where a client asks for credentials before each request.
#pragma once

#include "base/error.hpp"
#include "sync/aws/credentials.hpp"

#include <memory>
#include <stop_token>

namespace postern::sync::aws {

/// Requires of an implementation: thread-safe; quick while it has credentials that hold.
class credential_source {
  public:
    virtual ~credential_source() = default;

    /// Credentials that hold now. Errors: no_credentials with what was tried, cancelled.
    [[nodiscard]] virtual base::result<std::shared_ptr<const credentials>>
    get(const std::stop_token& stop) = 0;
    /// A service did not take `refused`: looks for others. True: `get` now gives other ones.
    [[nodiscard]] virtual bool renew(const credentials& refused, const std::stop_token& stop) = 0;
};

/// The same ones for ever.
class fixed_credentials final : public credential_source {
  public:
    explicit fixed_credentials(credentials only)
        : only_{std::make_shared<const credentials>(std::move(only))} {}
    [[nodiscard]] base::result<std::shared_ptr<const credentials>>
    get(const std::stop_token&) override {
        return only_;
    }
    [[nodiscard]] bool renew(const credentials&, const std::stop_token&) override { return false; }

  private:
    std::shared_ptr<const credentials> only_;
};

} // namespace postern::sync::aws
