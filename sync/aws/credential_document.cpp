#include "sync/aws/credential_document.hpp"

#include "base/iso_time.hpp"
#include "sync/aws/credential_provider.hpp"
#include "sync/aws/json.hpp"

#include <fmt/format.h>

#include <chrono>

namespace postern::sync::aws {
std::optional<base::wall_time> iso_time_of(std::string_view text) {
    const auto ms = base::iso_time_of(text, base::iso_form::complete);
    if (!ms)
        return std::nullopt;
    return std::chrono::floor<std::chrono::seconds>(
        base::wall_time{std::chrono::milliseconds{*ms}});
}

base::result<credentials> credentials_of_document(std::string_view text, std::string_view source) {
    const auto document = parse_json(text);
    if (!document || !document->is_object())
        return unusable("what it gave is no JSON object");
    credentials found;
    found.access_key_id = string_at(*document, "AccessKeyId");
    found.secret_access_key = string_at(*document, "SecretAccessKey");
    found.session_token = string_at(*document, "SessionToken");
    if (found.session_token.empty())
        found.session_token = string_at(*document, "Token");
    if (found.access_key_id.empty() || found.secret_access_key.empty())
        return unusable("what it gave has no AccessKeyId or no SecretAccessKey");
    if (const std::string expiration = string_at(*document, "Expiration"); !expiration.empty()) {
        found.expires_at = iso_time_of(expiration);
        if (!found.expires_at)
            return unusable(fmt::format("its Expiration \"{}\" is no time; right would be one like "
                                        "2026-01-31T12:00:00Z",
                                        expiration.substr(0, 40)));
    }
    found.source = source;
    return found;
}

} // namespace postern::sync::aws
