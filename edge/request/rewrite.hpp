// What is sent on: postern's own normal form of request and response heads. Hop-by-hop fields and
// what Connection names are dropped (RFC 9110 7.6.1), clients' x-session-id and x-postern-* too.
#pragma once

#include "edge/http/request_head.hpp"
#include "edge/http/response_head.hpp"
#include "edge/settings/settings.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::edge {

/// What the rewriting of a request depends on besides its head. Views must outlive the call.
struct request_rewrite {
    std::string_view path;           // upstream path (raw), without query
    std::string_view host;           // Host to send, e.g. "localhost:4321"
    std::string_view client_address; // for X-Real-IP: who the client is
    std::string_view peer_address;   // for X-Forwarded-For: who speaks to us; empty: the client
    bool trusted_client =
        false; // inside trusted_proxies: its X-Forwarded-* are kept and appended to
    std::string_view scheme = "http";
    std::string_view prefix;       // X-Forwarded-Prefix when a prefix was stripped
    std::string_view session_id;   // x-session-id; empty: none
    std::string_view bearer_token; // Authorization to add (control_open); empty: pass the client's
    bool rewrite_origin =
        false; // dev server: Origin equal to the public origin becomes http://HOST
    bool identity_encoding =
        false;              // dev server's /@vite/client: no compression, no conditional request
    bool websocket = false; // send Connection: Upgrade, Upgrade: websocket
};

/// Appends the upstream request head, complete with its empty line, to `out`. The body's framing is
/// kept: the same Content-Length, or chunked.
void write_request_head(std::string& out, const request_head& head, const request_rewrite& how);

struct response_rewrite {
    bool close = false;           // Connection: close to the client
    int client_minor_version = 1; // HTTP/1.0 clients get no chunked body
    std::string_view
        prefix; // Location: /x and Location: UPSTREAM/x become PREFIX/x; empty: /x is left alone
    std::string_view upstream_origin; // "http://localhost:4321": UPSTREAM/x becomes PREFIX/x, also
                                      // with an empty prefix
    bool drop_length =
        false; // body will be changed: no Content-Length, ETag, Last-Modified; chunked instead
    std::optional<std::uint64_t>
        new_length;              // with drop_length: the changed body's length, instead of chunked
    std::string_view date;       // Date of an answer that has none; empty: left without
    std::string_view set_cookie; // one more Set-Cookie; empty: none
    const std::vector<std::pair<std::string, std::string>>* add_headers = nullptr;
    std::string_view own_lines; // whole lines of ours
};

/// How the body goes to the client once its head is written.
enum class body_to_client { none, length, chunked, until_close };

/// Appends the head for the client to `out`; how the body must follow.
[[nodiscard]] body_to_client write_response_head(std::string& out, const response_head& head,
                                                 enum method to, const response_rewrite& how);

/// Puts `base` ("/session/x/") in place of the HMR base in Vite's client module. False when the
/// expression
/// `${hmrPort || importMetaUrl.port}${"/"}` is not there; the body is then unchanged.
[[nodiscard]] bool patch_hmr_base(std::string& client_module, std::string_view base);

} // namespace postern::edge
