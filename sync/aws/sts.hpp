// Roles: the two calls to AWS's Security Token Service that give credentials. Its query protocol:
// a form in, XML out. Source: STS API reference, AssumeRole and AssumeRoleWithWebIdentity.
#pragma once

#include "sync/aws/credential_provider.hpp"

#include <string>

namespace postern::sync::aws {

struct sts_place {
    std::string region;   // for the endpoint and the signature; empty: us-east-1
    std::string endpoint; // AWS_ENDPOINT_URL_STS; empty: the region's
};

struct role_wish {
    std::string role_arn;
    std::string session_name = "postern";
    std::string external_id{};
    unsigned duration_s = 3'600;
};

/// Credentials of a role, for who has those of `by`. Errors: denied, down, ...: aws_error's, with
/// the service's words.
[[nodiscard]] base::result<credentials> assume_role(const provider_parts& parts,
                                                    const sts_place& place, const role_wish& wish,
                                                    const credentials& by,
                                                    const std::stop_token& stop);

/// The same for who has a token of an identity provider, read anew from `token_file`: it is
/// replaced there before it runs out.
[[nodiscard]] base::result<credentials> assume_role_with_web_identity(const provider_parts& parts,
                                                                      const sts_place& place,
                                                                      const role_wish& wish,
                                                                      const std::string& token_file,
                                                                      const std::stop_token& stop);

/// The text of the first element `name` in `xml`, with its entities replaced; empty: there is none,
/// or it has elements in it. Enough for STS's answers, whose values are plain text.
[[nodiscard]] std::string xml_text(std::string_view xml, std::string_view name);

} // namespace postern::sync::aws
