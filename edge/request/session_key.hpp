// Which session a located request means: from path and host captures, header, Referer or cookie, in this order.
#pragma once

#include <string>
#include <string_view>

#include "edge/request/locate.hpp"

namespace postern::edge {

enum class key_outcome {
    none,      // the location has no session in it, or a capture is missing
    found,     // `key` is the route key
    redirect,  // `redirect_to` is where the request belongs (307): slash added, Referer or cookie rule
    refused,   // empty or longer than 255 bytes; counted, answered 404
};

struct session_key {
    key_outcome outcome = key_outcome::none;
    std::string key;
    std::string redirect_to;
    bool from_referer = false; // the answer varies by Referer
    void clear();
};

/// Works out the route key of a request. For a location that is not a session (static, or none) the Referer and cookie
/// rules of the server's session locations apply (hmr: dev servers emit root-absolute URLs); upgrades are never
/// redirected. `out` is reused: no allocation once it has grown.
void session_key_of(const location_index& index, const located& where, const request_head& head,
                    session_key& out);

/// The cookie of the last opened session on a shared host ("postern_session"); never forwarded upstream.
inline constexpr std::string_view session_cookie = "postern_session";

} // namespace postern::edge
