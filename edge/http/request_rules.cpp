#include "edge/http/request_rules.hpp"

#include "edge/http/authority.hpp"
#include "edge/http/head_lines.hpp"
#include "edge/http/scan.hpp"

namespace postern::edge {
namespace {

constexpr read_outcome fine{.state = read_state::done};

read_outcome bad(unsigned status, const char* reason) {
    return {read_state::bad, status, reason};
}

/// What a pass over the fields gathers; the rules are applied afterwards.
struct gathered {
    unsigned hosts = 0, lengths = 0, codings = 0, expectations = 0, keys = 0, versions = 0;
    std::string_view host, length, coding, expectation, key, version;
    connection_options connection;
    bool upgrade_websocket = false;
};

void take(unsigned& count, std::string_view& kept, std::string_view value) {
    ++count;
    kept = value;
}

gathered gather(const field_list& fields) {
    gathered g;
    for (const field& f : fields) {
        switch (f.id) {
        case known::host:
            take(g.hosts, g.host, f.value);
            break;
        case known::content_length:
            take(g.lengths, g.length, f.value);
            break;
        case known::transfer_encoding:
            take(g.codings, g.coding, f.value);
            break;
        case known::expect:
            take(g.expectations, g.expectation, f.value);
            break;
        case known::sec_websocket_key:
            take(g.keys, g.key, f.value);
            break;
        case known::sec_websocket_version:
            take(g.versions, g.version, f.value);
            break;
        case known::connection:
            add_connection_options(f.value, g.connection);
            break;
        case known::upgrade:
            g.upgrade_websocket = g.upgrade_websocket || list_has(f.value, "websocket");
            break;
        default:
            break;
        }
    }
    return g;
}

read_outcome apply_host(const gathered& g, request_head& head) {
    if (g.hosts > 1)
        return bad(400, "more than one Host");
    if (g.hosts == 0)
        return head.minor_version >= 1 ? bad(400, "no Host") : fine;
    const auto of_field = read_authority(g.host);
    if (!of_field)
        return bad(400, "a malformed Host");
    if (head.host.empty()) {
        head.host = g.host;
        return fine;
    }
    // Absolute-form: its authority was checked when it was read.
    const auto of_target = read_authority(head.host);
    const bool secure = head.scheme == request_head::scheme::https;
    if (!of_target || !same_authority(*of_target, *of_field, secure))
        return bad(400, "a target that disagrees with Host");
    return fine;
}

read_outcome apply_framing(const gathered& g, request_head& head) {
    if (g.codings > 0) {
        if (g.lengths > 0)
            return bad(400, "both Transfer-Encoding and Content-Length");
        if (head.minor_version == 0)
            return bad(400, "Transfer-Encoding in HTTP/1.0");
        if (g.codings > 1)
            return bad(400, "more than one Transfer-Encoding");
        switch (read_transfer_coding(g.coding)) {
        case coding::chunked:
            head.chunked = true;
            break;
        case coding::unsupported:
            return bad(501, "a transfer coding other than chunked");
        case coding::malformed:
            return bad(400, "a Transfer-Encoding that does not end in chunked");
        }
    }
    if (g.lengths > 1)
        return bad(400, "more than one Content-Length");
    if (g.lengths == 1) {
        head.content_length = read_length(g.length);
        if (!head.content_length)
            return bad(400, "a malformed Content-Length");
    }
    const bool wants_body =
        head.method == method::post || head.method == method::put || head.method == method::patch;
    if (head.minor_version == 0 && wants_body && !head.content_length)
        return bad(400, "a body of unknown length in HTTP/1.0"); // RFC 1945 7.2.2
    return fine;
}

read_outcome apply_connection(const gathered& g, request_head& head) {
    if (g.connection.nominated > nominated_max)
        return bad(400, "a Connection that names too many headers");
    head.connection_names = g.connection.nominated > 0;
    head.keep_alive = !g.connection.close && (head.minor_version >= 1 || g.connection.keep_alive);
    const bool asks = head.method == method::get && head.minor_version >= 1 &&
                      g.connection.upgrade && g.upgrade_websocket;
    if (!asks)
        return fine; // h2c and others: ignored, which RFC 9110 7.8 allows
    if (g.keys != 1 || g.key.empty() || g.versions != 1 || g.version.empty())
        return bad(400, "a WebSocket handshake without one key and one version");
    if (head.has_body())
        return bad(400, "a WebSocket handshake with a body");
    head.websocket = true;
    return fine;
}

read_outcome apply_expectation(const gathered& g, request_head& head) {
    if (g.expectations == 0 || head.minor_version == 0)
        return fine; // RFC 9110 10.1.1
    if (g.expectations > 1 || !equal_ignoring_case(g.expectation, "100-continue"))
        return bad(417, "an expectation other than 100-continue");
    head.expect_continue = head.has_body();
    return fine;
}

/// "http://host/path" becomes "/path"; the authority goes before Host (RFC 9112 3.2.2).
read_outcome reduce_absolute_form(request_head& head) {
    const auto url = read_absolute_url(head.target);
    if (!url)
        return bad(400, "a request target that is neither a path nor an http URL");
    head.host = url->authority_text;
    head.scheme = url->secure ? request_head::scheme::https : request_head::scheme::http;
    if (url->rest.empty())
        head.target = head.method == method::options ? "*" : "/"; // RFC 9112 3.2.4
    else
        head.target = url->rest; // begins with '/' or '?'
    return fine;
}

} // namespace

read_outcome apply_target_rules(request_head& head) {
    if (head.method == method::connect)
        return bad(501, "CONNECT is not served");
    // TRACE would show a client the headers that are added behind its back.
    if (head.method == method::trace)
        return bad(501, "TRACE is not served");
    if (head.target.find('#') != std::string_view::npos)
        return bad(400, "a fragment in the request target");
    if (head.target.front() != '/' && head.target != "*")
        if (auto r = reduce_absolute_form(head); r.state == read_state::bad)
            return r;
    if (head.target == "*" && head.method != method::options)
        return bad(400, "an asterisk target with a method other than OPTIONS");
    const std::size_t mark = head.target.find('?');
    // "http://host?query" has an empty path, which is the same as "/" (RFC 9110 4.2.3).
    head.path = mark == 0 ? "/" : head.target.substr(0, mark);
    head.has_query = mark != std::string_view::npos;
    if (head.has_query)
        head.query = head.target.substr(mark + 1);
    return fine;
}

read_outcome apply_field_rules(request_head& head) {
    const gathered g = gather(head.fields);
    if (auto r = apply_host(g, head); r.state == read_state::bad)
        return r;
    if (auto r = apply_framing(g, head); r.state == read_state::bad)
        return r;
    if (auto r = apply_connection(g, head); r.state == read_state::bad)
        return r;
    return apply_expectation(g, head);
}

} // namespace postern::edge
