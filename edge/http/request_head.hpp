// A request head as read: views into the connection's buffer, checked against RFC 9112 so that
// nothing ambiguous passes.
#pragma once

#include "edge/http/field.hpp"

#include <boost/container/small_vector.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace postern::edge {

enum class method : std::uint8_t {
    get,
    head,
    post,
    put,
    delete_,
    options,
    patch,
    connect,
    trace,
    other
};

/// Valid as long as the buffer it was read from is not changed.
struct request_head {
    std::string_view method_text;
    enum method method = method::other;
    std::string_view target; // as sent, origin-form ("/path?query"); absolute-form is reduced to it
                             // ("?query" where it has no path)
    std::string_view path;   // raw, before '?'; "/" where there is none
    std::string_view query;  // raw, after '?'; empty if none
    bool has_query = false;
    enum class scheme : std::uint8_t { unsaid, http, https };
    enum scheme scheme = scheme::unsaid; // as absolute-form says it
    int minor_version = 1;               // HTTP/1.x
    std::string_view host; // Host's value (or absolute-form's authority), with port if given;
                           // HTTP/1.0 may lack it
    field_list fields;

    // framing (RFC 9112 6.3): neither means no body
    std::optional<std::uint64_t> content_length;
    bool chunked = false;

    bool connection_names = false; // Connection names fields besides its options
    bool keep_alive = true;        // what the client asks for
    bool websocket =
        false; // GET + Upgrade: websocket + Connection: upgrade, key and version present
    bool expect_continue = false; // Expect: 100-continue (RFC 9110 10.1.1), only with a body
    std::size_t head_bytes =
        0; // bytes of the buffer that the head takes, with its final empty line

    /// As it was made, but for the room of its list of fields.
    void clear() noexcept;
    [[nodiscard]] bool has_body() const noexcept {
        return chunked || (content_length && *content_length > 0);
    }
    [[nodiscard]] bool idempotent() const noexcept { // RFC 9110 9.2.2
        return method == method::get || method == method::head || method == method::put ||
               method == method::delete_ || method == method::options || method == method::trace;
    }
};

struct head_limits {
    std::size_t bytes_max = 16 * 1024;
    std::size_t fields_max = 100;
};

enum class read_state {
    more, // not all there yet
    done,
    bad, // refuse with `status` and close
};

struct read_outcome {
    read_state state = read_state::more;
    unsigned status = 0; // 400, 413, 414, 417, 431, 501, 505
    const char* reason =
        ""; // for the log and the answer's body, e.g. "space before the colon of a header"
};

/// Reads a request head from the start of `bytes`. Strict: bare CR or LF, obs-fold, control bytes,
/// spaces before colons, both or repeated framings, missing or repeated Host and the rest of
/// tests/unit/edge/read_head_test.cpp are refused. Empty lines before the request line are skipped
/// (RFC 9112 2.2), at most 2.
[[nodiscard]] read_outcome read_request_head(std::string_view bytes, const head_limits& limits,
                                             request_head& out);

} // namespace postern::edge
