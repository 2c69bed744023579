// The Range header (RFC 9110 14.2) against a file of known size: one range is served, several are
// not worth a multipart.
#pragma once

#include <cstdint>
#include <string_view>

namespace postern::edge {

enum class range_kind {
    whole,         // no usable range: the answer is the whole file, 200
    part,          // 206 with Content-Range
    unsatisfiable, // 416 with Content-Range: bytes */SIZE
};

struct byte_range {
    range_kind kind = range_kind::whole;
    std::uint64_t offset = 0; // with part
    std::uint64_t length = 0; // with part: at least 1, and inside the file
    bool operator==(const byte_range&) const = default;
};

/// What a Range header asks for. Other units, malformed sets and sets of more than one range mean
/// the whole file, as RFC 9110 14.2 allows. Numbers too large for 64 bits count as past the end.
[[nodiscard]] byte_range byte_range_of(std::string_view range, std::uint64_t file_bytes) noexcept;

} // namespace postern::edge
