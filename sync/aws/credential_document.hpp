// The JSON in which credential_process, container endpoints and instance metadata give credentials.
#pragma once

#include "base/error.hpp"
#include "sync/aws/credentials.hpp"

#include <optional>
#include <string_view>

namespace postern::sync::aws {

/// {"AccessKeyId", "SecretAccessKey", "Token" or "SessionToken", "Expiration"}; token and
/// expiration may be missing. Errors: misconfigured with what is wrong, never with a value.
[[nodiscard]] base::result<credentials> credentials_of_document(std::string_view text,
                                                                std::string_view source);

/// "2026-11-21T13:00:00Z", with a fraction or an offset ("+02:00") too (ISO 8601), or nothing.
[[nodiscard]] std::optional<base::wall_time> iso_time_of(std::string_view text);

} // namespace postern::sync::aws
