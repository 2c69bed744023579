// Percent-encoding of URLs (RFC 3986 2.1).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern::base {

/// Letters, digits, '-', '.', '_' and '~': what never needs an escape (RFC 3986 2.3).
[[nodiscard]] constexpr bool is_unreserved(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/// The value of a hexadecimal digit of either case, or -1.
[[nodiscard]] constexpr int hex_digit_value(char c) noexcept {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/// The byte that the escape at text[at] stands for ("%41": 0x41); -1 where two digits do not follow
/// the '%'. Requires: text[at] is '%'.
[[nodiscard]] constexpr int escaped_byte(std::string_view text, std::size_t at) noexcept {
    if (text.size() - at < 3)
        return -1;
    const int high = hex_digit_value(text[at + 1]), low = hex_digit_value(text[at + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/// `byte` as "%XX".
void append_escape(std::string& to, char byte);
/// Unreserved characters as they are, all others as "%XX".
[[nodiscard]] std::string percent_encoded(std::string_view text);

} // namespace postern::base
