// UTF-8 from elsewhere (RFC 3629): where it is none, and what of it people may be shown.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern::base {

/// Bytes of the well-formed character at the start of `text` (Unicode, table 3-7); 0: there is
/// none.
[[nodiscard]] std::size_t utf8_length(std::string_view text) noexcept;

[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

/// C0, the tab as well, or DEL.
[[nodiscard]] bool has_control_bytes(std::string_view text) noexcept;

/// The longest start of `text` of at most `bytes_max` bytes that does not end inside a character.
[[nodiscard]] std::string_view utf8_prefix(std::string_view text, std::size_t bytes_max) noexcept;

/// For logs and terminals: what would steer one (C0, DEL, C1), end the line or turn the direction
/// of what is around it (Unicode TR36 3.4, as in CVE-2021-42574) as \xNN, and what is no UTF-8.
[[nodiscard]] std::string printable(std::string_view text);

} // namespace postern::base
