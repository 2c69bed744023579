// The field lines that request and response heads share (RFC 9112 5), read with one set of
// refusals.
#pragma once

#include "edge/http/field.hpp"
#include "edge/http/request_head.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace postern::edge {

/// How far the field lines were read.
struct lines_outcome {
    read_state state = read_state::more;
    bool too_many = false;    // with bad: more fields than allowed
    const char* reason = "";  // with bad
    const char* at = nullptr; // with done: the first byte after the empty line
};

/// Reads field lines and the empty line after them. Appends to `out`. bad: whatever RFC 9112 does
/// not allow, obs-fold included; found as soon as its bytes are there.
[[nodiscard]] lines_outcome read_field_lines(const char* at, const char* end,
                                             std::size_t fields_max, field_list& out);

/// 1*DIGIT up to 2^63-1; nothing for signs, lists, spaces, hexadecimal or larger numbers.
[[nodiscard]] std::optional<std::uint64_t> read_length(std::string_view text) noexcept;

/// "HTTP/1.1": major and minor digit, or nothing when it is no version at all. Case matters (RFC
/// 9112 2.3).
struct http_version {
    int major = 0;
    int minor = 0;
};
[[nodiscard]] std::optional<http_version> read_version(std::string_view text) noexcept;

/// What the Connection fields of a head say (RFC 9110 7.6.1).
struct connection_options {
    bool close = false;
    bool keep_alive = false;
    bool upgrade = false;
    std::size_t nominated = 0; // other names
};
inline constexpr std::size_t nominated_max =
    16; // more: refused, so that nobody can make us compare for long

void add_connection_options(std::string_view value, connection_options& out) noexcept;

/// Whether a Transfer-Encoding value is ours to read: the one coding "chunked".
enum class coding { chunked, unsupported, malformed };
[[nodiscard]] coding read_transfer_coding(std::string_view value) noexcept;

} // namespace postern::edge
