// Signed permission to see one session: the token of a link, and the cookie that it is exchanged
// for. Made by control and the CLI, read by workers. Pure but for the MAC, which is OpenSSL's.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::base {

/// The first key signs; all verify, so that keys can be changed without ending every link. Keys are
/// bytes of any kind. Empty: nothing can be signed, and nothing is believed.
using access_keys = std::vector<std::string>;
inline constexpr std::size_t access_keys_max = 2;

/// What a token is for. One that was made for the one is none for the other: a cookie cannot be
/// passed on as a link.
enum class access_use : char { link = 'l', cookie = 'c' };

/// How long a link may hold, and how long it does where nobody says.
inline constexpr std::chrono::hours access_link_longest{30 * 24};
inline constexpr std::chrono::hours access_link_standard{1};

/// Who may see what for how long. Views outlive the call.
struct access_grant {
    access_use use = access_use::link;
    std::string_view scope;       // the session's route key
    std::uint32_t generation = 0; // the session's, when the token was made
    std::int64_t expires_s = 0;   // epoch seconds, 0 to 2^40-1; past it the token is dead
};

/// "EXPIRES-GENERATION-MAC", all of them small hexadecimal digits without leading zeros (the MAC:
/// 64 of them, HMAC-SHA256 over use, expiry, generation and scope). Requires: a key, an expiry
/// within its range.
[[nodiscard]] std::string make_access_token(const access_keys& keys, const access_grant& grant);

enum class access_fault {
    none,
    forged,  // not a token, or not made by one of the keys for this use and scope
    expired, // was good until then
    revoked, // names another generation than the session's
};

struct access_reading {
    access_fault fault = access_fault::forged;
    std::int64_t expires_s = 0; // unless forged
};

/// Reads a token that anybody may have sent. `wanted`: use, scope and present generation;
/// `expires_s` is not looked at. The MAC is compared in constant time, and before anything that the
/// token says is believed.
[[nodiscard]] access_reading read_access_token(const access_keys& keys, const access_grant& wanted,
                                               std::string_view token, std::int64_t now_s);

/// Whether two texts are equal, in a time that only depends on their sizes.
[[nodiscard]] bool same_secret(std::string_view a, std::string_view b) noexcept;

/// The generation after `generation`, which revokes all that was made before. Grows with the clock,
/// so that it is none that an earlier session of the same name had.
[[nodiscard]] std::uint32_t next_access_generation(std::uint32_t generation,
                                                   std::int64_t now_s) noexcept;

/// The parameter that carries a link's token.
inline constexpr std::string_view access_parameter = "postern_access";
/// How cookies that carry access begin; the rest of the name tells sessions of one origin apart.
inline constexpr std::string_view access_cookie_prefix = "__Host-postern_access_";
/// The cookie's name for a session. Two sessions that share one take each other's cookie away, and
/// nothing else.
[[nodiscard]] std::string access_cookie_name(std::string_view scope);

/// `url` with the token as its last parameter, before a fragment.
[[nodiscard]] std::string with_access_token(std::string_view url, std::string_view token);
/// Where `text` first has the parameter's name, be it where no link has it, or with escapes for
/// letters; text.size(): nowhere.
[[nodiscard]] std::size_t find_access_parameter(std::string_view text) noexcept;
/// Takes every access parameter, its name with escapes or without, out of `query` (without "?"):
/// the rest as it was, byte for byte, in `rest`, the first token as a view into `query`. Nothing:
/// there was none, and `rest` is not touched.
[[nodiscard]] std::optional<std::string_view> take_access_token(std::string_view query,
                                                                std::string& rest);

} // namespace postern::base
