#include "sync/aws/environment_credentials.hpp"

#include <fmt/format.h>

namespace postern::sync::aws {

base::result<credentials> environment_credentials::find(const std::stop_token&) {
    const auto key = env_("AWS_ACCESS_KEY_ID"), secret = env_("AWS_SECRET_ACCESS_KEY");
    if (!key && !secret)
        return nothing_here("AWS_ACCESS_KEY_ID is not set");
    if (!key || !secret)
        return unusable(fmt::format("AWS_{} is set, but AWS_{} is not",
                                    key ? "ACCESS_KEY_ID" : "SECRET_ACCESS_KEY",
                                    key ? "SECRET_ACCESS_KEY" : "ACCESS_KEY_ID"));
    return credentials{
        *key, *secret, env_("AWS_SESSION_TOKEN").value_or(""), {}, std::string{name()}};
}

base::result<credentials> web_identity_credentials::find(const std::stop_token& stop) {
    const auto file = parts_.env("AWS_WEB_IDENTITY_TOKEN_FILE");
    if (!file)
        return nothing_here("AWS_WEB_IDENTITY_TOKEN_FILE is not set");
    const auto role = parts_.env("AWS_ROLE_ARN");
    if (!role)
        return unusable("AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not");
    role_wish wish{*role};
    if (const auto session = parts_.env("AWS_ROLE_SESSION_NAME"))
        wish.session_name = *session;
    return assume_role_with_web_identity(parts_, sts_, wish, *file, stop);
}

} // namespace postern::sync::aws
