// Cutting UTF-8 text without leaving half a character.
#pragma once

#include <cstddef>
#include <string_view>

namespace postern::cache {

/// The longest start of `text` of at most `bytes_max` bytes that does not end inside a character.
[[nodiscard]] constexpr std::string_view utf8_cut(std::string_view text,
                                                  std::size_t bytes_max) noexcept {
    if (text.size() <= bytes_max)
        return text;
    std::size_t end = bytes_max;
    // A character is at most four bytes; text that is not UTF-8 is cut where it must be.
    for (int back = 0; back < 3 && end > 0 && (text[end] & 0xc0) == 0x80; ++back)
        --end;
    return text.substr(0, (text[end] & 0xc0) == 0x80 ? bytes_max : end);
}

} // namespace postern::cache
