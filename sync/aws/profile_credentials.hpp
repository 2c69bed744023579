// Credentials that a profile of the shared files leads to.
#pragma once

#include "sync/aws/credential_provider.hpp"
#include "sync/aws/shared_config.hpp"
#include "sync/aws/sts.hpp"

#include <functional>
#include <string>
#include <vector>

namespace postern::sync::aws {

/// In this order, for one profile: a role (role_arn with source_profile, credential_source or
/// web_identity_token_file), a static key, credential_process. The files are read anew each time.
/// Single sign-on and MFA are for people: a clear error.
class profile_credentials final : public credential_provider {
  public:
    /// `is_chosen`: someone named this profile, so it has to be there.
    profile_credentials(provider_parts parts, sts_place sts, std::string profile_name,
                        bool is_chosen)
        : parts_{parts}, sts_{std::move(sts)}, profile_{std::move(profile_name)}, is_chosen_{
                                                                                      is_chosen} {}
    [[nodiscard]] std::string_view name() const noexcept override { return "shared files"; }
    [[nodiscard]] base::result<credentials> find(const std::stop_token& stop) override;

  private:
    struct search;
    [[nodiscard]] base::result<credentials> of_profile(search& s, const std::string& name);
    [[nodiscard]] base::result<credentials> of_role(search& s, const std::string& name,
                                                    const profile& p);
    [[nodiscard]] base::result<credentials> of_source(search& s, const std::string& name,
                                                      const profile& p);
    [[nodiscard]] base::result<credentials> of_process(search& s, const std::string& name,
                                                       const std::string& command);

    provider_parts parts_;
    sts_place sts_;
    std::string profile_;
    bool is_chosen_;
};

} // namespace postern::sync::aws
