// Bytes that lie in several places and go out as one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>

namespace postern::edge {

[[nodiscard]] inline std::size_t size_of(std::span<const std::string_view> pieces) noexcept {
    std::size_t bytes = 0;
    for (const std::string_view piece : pieces)
        bytes += piece.size();
    return bytes;
}

/// Takes the first `bytes` away.
inline void drop_front(std::span<std::string_view> pieces, std::size_t bytes) noexcept {
    for (std::string_view& piece : pieces) {
        const std::size_t step = std::min(bytes, piece.size());
        piece.remove_prefix(step);
        bytes -= step;
    }
}

} // namespace postern::edge
