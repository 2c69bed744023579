// Which texts the API takes as names, and how they travel in URLs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::control {

inline constexpr std::size_t name_bytes_max =
    127; // clientId, userId, threadId: two and a dash fit a route key
inline constexpr std::size_t branch_bytes_max = 255;
inline constexpr std::size_t instruction_bytes_max =
    16 * 1024; // fits an argument of exec (128 KiB) with ease

/// [A-Za-z0-9._~-], at most `name_bytes_max`, first a letter, digit, '_' or '~': names go into host
/// names, paths and the arguments of programs, where a leading '.' or '-' would mean something
/// else.
[[nodiscard]] bool is_name(std::string_view text) noexcept;
/// As a name, but up to 255 bytes, and no word that stands in its place in the API's paths.
[[nodiscard]] bool is_new_session_id(std::string_view text) noexcept;
/// A git branch of [A-Za-z0-9._/-] without "..", "//", and '.', '/' or '-' at an end where git
/// refuses them.
[[nodiscard]] bool is_branch(std::string_view text) noexcept;
[[nodiscard]] bool is_instruction(std::string_view text) noexcept;

/// A decoded text, or what is wrong with the escape that stands first among the bad ones.
struct percent_decoding {
    enum class fault {
        none,
        broken,  // '%' without two hexadecimal digits behind it
        control, // stands for one of the bytes 00 to 1F, or 7F
    };
    fault wrong = fault::none;
    std::string text;        // empty unless `none`
    std::string_view escape; // the bad one, as it stands in what was given: "%0", "%00"
};
/// RFC 3986, section 2.1.
[[nodiscard]] percent_decoding percent_decoded(std::string_view text);

} // namespace postern::control
