#include "edge/http/response_head.hpp"

#include "edge/http/head_lines.hpp"
#include "edge/http/scan.hpp"

#include <algorithm>

namespace postern::edge {
namespace {

constexpr read_outcome fine{.state = read_state::done};

read_outcome bad(const char* reason) {
    return {read_state::bad, 502, reason};
}

void clear(response_head& head) {
    head.status = 0;
    head.minor_version = 1;
    head.reason = {};
    head.fields.clear();
    head.framing = body_framing::none;
    head.content_length = 0;
    head.has_content_length = false;
    head.connection_names = false;
    head.keep_alive = true;
    head.head_bytes = 0;
}

read_outcome read_status_line(const char*& at, const char* end, response_head& out) {
    constexpr std::string_view shape = "HTTP/1.0 000";
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (at + i == end)
            return {};
        const bool fits = shape[i] == '0' ? is_digit(at[i]) : at[i] == shape[i];
        if (!fits)
            return bad("no HTTP/1.x status line");
    }
    out.minor_version = std::min(at[7] - '0', 1);
    out.status = static_cast<unsigned>((at[9] - '0') * 100 + (at[10] - '0') * 10 + (at[11] - '0'));
    if (out.status < 100 || out.status > 599)
        return bad("a status outside 100 to 599");
    at += shape.size();
    const char* reason = at;
    at = find_value_end(at, end);
    if (at == end)
        return {};
    if (*at != '\r')
        return bad("a control byte in the status line");
    // The space before an empty reason is often left out.
    if (reason != at && *reason++ != ' ')
        return bad("a status of more than three digits");
    if (at + 1 == end)
        return {};
    if (at[1] != '\n')
        return bad("a CR without its LF");
    out.reason = {reason, static_cast<std::size_t>(at - reason)};
    at += 2;
    return fine;
}

struct gathered {
    unsigned lengths = 0, codings = 0;
    std::string_view length, coding;
    connection_options connection;
};

gathered gather(const field_list& fields) {
    gathered g;
    for (const field& f : fields) {
        if (f.id == known::content_length) {
            ++g.lengths;
            g.length = f.value;
        } else if (f.id == known::transfer_encoding) {
            ++g.codings;
            g.coding = f.value;
        } else if (f.id == known::connection) {
            add_connection_options(f.value, g.connection);
        }
    }
    return g;
}

/// RFC 9112 6.3, with everything refused that two readers could frame differently.
read_outcome apply_framing(const gathered& g, enum method to, response_head& head) {
    if (g.codings > 0 && g.lengths > 0)
        return bad("both Transfer-Encoding and Content-Length");
    if (g.codings > 1)
        return bad("more than one Transfer-Encoding");
    if (g.lengths > 1)
        return bad("more than one Content-Length");
    if (g.codings > 0 && head.minor_version == 0)
        return bad("Transfer-Encoding in HTTP/1.0");
    if (g.codings > 0 && read_transfer_coding(g.coding) != coding::chunked)
        return bad("a transfer coding other than chunked");
    if (g.lengths > 0) {
        const auto length = read_length(g.length);
        if (!length)
            return bad("a malformed Content-Length");
        head.content_length = *length;
        head.has_content_length = true;
    }
    const bool bodiless = head.status < 200 || head.status == 204;
    if (bodiless && (g.codings > 0 || head.content_length > 0))
        return bad("a body announced with a status that has none");
    if (bodiless || head.status == 304 || to == method::head) {
        head.framing = body_framing::none;
    } else if (g.codings > 0) {
        head.framing = body_framing::chunked;
    } else if (head.has_content_length) {
        head.framing = body_framing::length;
    } else {
        head.framing = body_framing::until_close;
    }
    return fine;
}

} // namespace

read_outcome read_response_head(std::string_view bytes, const head_limits& limits, enum method to,
                                response_head& out) {
    clear(out);
    const char* at = bytes.data();
    const char* const end = at + bytes.size();
    read_outcome line = read_status_line(at, end, out);
    if (line.state == read_state::bad)
        return line;
    lines_outcome lines;
    if (line.state == read_state::done)
        lines = read_field_lines(at, end, limits.fields_max, out.fields);
    if (lines.state == read_state::bad)
        return bad(lines.reason);
    if (lines.state == read_state::more)
        return bytes.size() >= limits.bytes_max ? bad("a response head larger than allowed")
                                                : read_outcome{};
    out.head_bytes = static_cast<std::size_t>(lines.at - bytes.data());
    if (out.head_bytes > limits.bytes_max)
        return bad("a response head larger than allowed");

    const gathered g = gather(out.fields);
    if (g.connection.nominated > nominated_max)
        return bad("a Connection that names too many headers");
    out.connection_names = g.connection.nominated > 0;
    if (auto r = apply_framing(g, to, out); r.state == read_state::bad)
        return r;
    out.keep_alive = !g.connection.close && out.framing != body_framing::until_close &&
                     (out.minor_version >= 1 || g.connection.keep_alive);
    return fine;
}

} // namespace postern::edge
