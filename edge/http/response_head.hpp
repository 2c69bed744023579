// An upstream's response head as read: views into the upstream buffer.
#pragma once

#include "edge/http/field.hpp"
#include "edge/http/request_head.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace postern::edge {

/// How long the body is (RFC 9112 6.3).
enum class body_framing { none, length, chunked, until_close };

struct response_head {
    unsigned status = 0;
    int minor_version = 1;
    std::string_view reason;
    field_list fields;
    body_framing framing = body_framing::none;
    std::uint64_t content_length =
        0; // for framing length; for HEAD and 304: what was declared, or 0
    bool has_content_length = false;
    bool connection_names = false; // Connection names fields besides its options
    bool keep_alive = true;        // what the upstream offers
    std::size_t head_bytes = 0;
};

/// Reads a response head. `to` is the method of the request that it answers: HEAD, 1xx, 204 and 304
/// have no body. bad: anything that RFC 9112 does not allow or that could be read two ways; the
/// connection must be closed (502).
[[nodiscard]] read_outcome read_response_head(std::string_view bytes, const head_limits& limits,
                                              enum method to, response_head& out);

} // namespace postern::edge
