#include "base/utf8.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace postern::base {
namespace {

bool is_control(char c) noexcept {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

unsigned byte_of(std::string_view text, std::size_t i) noexcept {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
}

/// `character` is well-formed.
bool is_printable(std::string_view character) noexcept {
    constexpr std::array<std::string_view, 13> turning{
        "\u200e", "\u200f", "\u2028", "\u2029", "\u202a", "\u202b", "\u202c",
        "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"};
    const unsigned first = byte_of(character, 0);
    switch (character.size()) {
    case 1:
        return !is_control(character.front());
    case 2:
        return first != 0xc2 || byte_of(character, 1) >= 0xa0;
    case 3:
        return std::find(turning.begin(), turning.end(), character) == turning.end();
    default:
        return true;
    }
}

} // namespace

std::size_t utf8_length(std::string_view text) noexcept {
    const unsigned first = byte_of(text, 0), second = byte_of(text, 1);
    if (text.empty() || (first >= 0x80 && first < 0xc2) || first > 0xf4)
        return 0;
    const std::size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte_of(text, i) & 0xc0) != 0x80)
            return 0;
    const bool is_overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    const bool is_no_character =
        (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
    return is_overlong || is_no_character ? 0 : length;
}

bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0)
            return false;
        text.remove_prefix(length);
    }
    return true;
}

bool has_control_bytes(std::string_view text) noexcept {
    return std::any_of(text.begin(), text.end(), is_control);
}

std::string_view utf8_prefix(std::string_view text, std::size_t bytes_max) noexcept {
    if (text.size() <= bytes_max)
        return text;
    // A character is at most four bytes; text that is not UTF-8 is cut where it must be.
    const auto is_inside = [&](std::size_t at) { return (byte_of(text, at) & 0xc0) == 0x80; };
    std::size_t end = bytes_max;
    while (end > 0 && bytes_max - end < 3 && is_inside(end))
        --end;
    return text.substr(0, is_inside(end) ? bytes_max : end);
}

std::string printable(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
        if (length > 0 && is_printable(character))
            out += character;
        else
            for (const char c : character)
                fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
        text.remove_prefix(character.size());
    }
    return out;
}

} // namespace postern::base
