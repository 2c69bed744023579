// Reads the request line and the field lines; what the fields mean together is request_rules.cpp's.
#include "edge/http/request_head.hpp"

#include "edge/http/authority.hpp"
#include "edge/http/head_lines.hpp"
#include "edge/http/request_rules.hpp"
#include "edge/http/scan.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace postern::edge {
namespace {

constexpr std::size_t method_bytes_max = 32;       // longer: 501 (RFC 9110 15.6.2)
constexpr std::size_t target_bytes_max = 8 * 1024; // longer: 414; CloudFront's bound, too
constexpr int empty_lines_max = 2;                 // before the request line (RFC 9112 2.2)
constexpr std::size_t version_bytes = 8;           // "HTTP/1.1"

read_outcome bad(unsigned status, const char* reason) {
    return {read_state::bad, status, reason};
}

struct method_name {
    std::string_view text;
    enum method method;
};
constexpr std::array method_names{
    method_name{"GET", method::get},         method_name{"POST", method::post},
    method_name{"HEAD", method::head},       method_name{"PUT", method::put},
    method_name{"OPTIONS", method::options}, method_name{"DELETE", method::delete_},
    method_name{"PATCH", method::patch},     method_name{"CONNECT", method::connect},
    method_name{"TRACE", method::trace},
};

enum method method_named(std::string_view text) noexcept {
    for (const method_name& m : method_names)
        if (m.text == text)
            return m.method;
    return method::other;
}

/// Moves `at` past empty lines. done: at a first byte that is no line end.
read_outcome skip_empty_lines(const char*& at, const char* end) {
    for (int lines = 0;; ++lines) {
        if (at == end)
            return {};
        if (*at != '\r' && *at != '\n')
            return {.state = read_state::done};
        if (*at == '\n')
            return bad(400, "a bare LF");
        if (at + 1 == end)
            return {};
        if (at[1] != '\n')
            return bad(400, "a CR without its LF");
        if (lines == empty_lines_max)
            return bad(400, "too many empty lines before a request");
        at += 2;
    }
}

read_outcome read_method(const char*& at, const char* end, request_head& out) {
    const char* const start = at;
    const char* const bound =
        start + std::min(static_cast<std::size_t>(end - start), method_bytes_max + 1);
    while (at != bound && is_token_byte(*at))
        ++at;
    if (static_cast<std::size_t>(at - start) > method_bytes_max)
        return bad(501, "a method longer than any that is served");
    if (at == end)
        return {};
    if (*at != ' ' || at == start)
        return bad(400, "no method at the start of a request");
    out.method_text = {start, static_cast<std::size_t>(at - start)};
    out.method = method_named(out.method_text);
    ++at;
    return {.state = read_state::done};
}

read_outcome read_target(const char*& at, const char* end, request_head& out) {
    const char* const start = at;
    at = find_target_end(start, end);
    if (static_cast<std::size_t>(at - start) > target_bytes_max)
        return bad(414, "a request target longer than 8 KiB");
    if (at == end)
        return {};
    if (*at == '\r' || *at == '\n')
        return bad(400, "a request line without a version");
    if (static_cast<unsigned char>(*at) >= 0x80)
        return bad(400, "a byte in the request target that must be percent-encoded");
    if (*at != ' ')
        return bad(400, "a control byte in the request target");
    if (at == start)
        return bad(400, "an empty request target");
    out.target = {start, static_cast<std::size_t>(at - start)};
    ++at;
    return {.state = read_state::done};
}

read_outcome read_version_and_line_end(const char*& at, const char* end, request_head& out) {
    // A bad version is told from a late one as soon as a byte differs.
    constexpr std::string_view shape = "HTTP/0.0\r\n";
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (at + i == end)
            return {};
        const bool fits = shape[i] == '0' ? is_digit(at[i]) : at[i] == shape[i];
        if (!fits)
            return bad(400, i < version_bytes ? "a malformed HTTP version"
                                              : "bytes after the version of a request");
    }
    const auto version = read_version({at, version_bytes});
    if (!version || version->major != 1)
        return bad(505, "an HTTP version other than 1.x");
    out.minor_version = std::min(version->minor, 1); // RFC 9110 2.5: 1.2 is served as 1.1
    at += shape.size();
    return {.state = read_state::done};
}

read_outcome read_lines(std::string_view bytes, const head_limits& limits, request_head& out) {
    const char* at = bytes.data();
    const char* const end = at + bytes.size();
    if (auto r = skip_empty_lines(at, end); r.state != read_state::done)
        return r;
    if (auto r = read_method(at, end, out); r.state != read_state::done)
        return r;
    if (auto r = read_target(at, end, out); r.state != read_state::done)
        return r;
    if (auto r = read_version_and_line_end(at, end, out); r.state != read_state::done)
        return r;
    const lines_outcome lines = read_field_lines(at, end, limits.fields_max, out.fields);
    if (lines.state == read_state::bad)
        return bad(lines.too_many ? 431 : 400, lines.reason);
    if (lines.state == read_state::more)
        return {};
    out.head_bytes = static_cast<std::size_t>(lines.at - bytes.data());
    return {.state = read_state::done};
}

} // namespace

void request_head::clear() noexcept {
    method_text = target = path = query = host = {};
    method = method::other;
    has_query = false;
    scheme = request_head::scheme::unsaid;
    minor_version = 1;
    fields.clear();
    content_length.reset();
    chunked = false;
    connection_names = false;
    keep_alive = true;
    websocket = false;
    expect_continue = false;
    head_bytes = 0;
}

read_outcome read_request_head(std::string_view bytes, const head_limits& limits,
                               request_head& out) {
    out.clear();
    const read_outcome lines = read_lines(bytes, limits, out);
    if (lines.state == read_state::bad)
        return lines;
    const bool too_large = lines.state == read_state::more ? bytes.size() >= limits.bytes_max
                                                           : out.head_bytes > limits.bytes_max;
    if (too_large)
        return bad(431, "a request head larger than allowed");
    if (lines.state == read_state::more)
        return lines;
    if (auto r = apply_target_rules(out); r.state == read_state::bad)
        return r;
    return apply_field_rules(out);
}

} // namespace postern::edge
