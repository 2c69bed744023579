// What a request to AWS is signed with.
#pragma once

#include "base/clock.hpp"

#include <optional>
#include <string>

namespace postern::sync::aws {

/// Never logged but for `source` and `access_key_id`, which AWS does not hold secret.
struct credentials {
    std::string access_key_id;
    std::string secret_access_key;
    std::string session_token;                 // empty: a long-term key
    std::optional<base::wall_time> expires_at; // nothing: never
    std::string source;                        // "environment", "instance metadata"; for people

    /// Whether they sign the same; a new expiry alone makes no difference.
    [[nodiscard]] bool same_key(const credentials& other) const noexcept {
        return access_key_id == other.access_key_id &&
               secret_access_key == other.secret_access_key && session_token == other.session_token;
    }
};

} // namespace postern::sync::aws
