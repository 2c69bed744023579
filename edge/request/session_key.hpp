// Which session a located request means: from path and host captures, header, Referer or cookie, in
// this order.
#pragma once

#include "edge/request/locate.hpp"

#include <string>
#include <string_view>

namespace postern::edge {

enum class key_outcome {
    none,     // the location has no session in it, or a capture is missing
    found,    // `key` is the route key
    redirect, // `redirect_to` is where the request belongs (307): slash added, Referer or cookie
              // rule
    refused,  // empty, longer than 255 bytes, or what could be another session's key, too; counted,
              // answered 404
};

struct session_key {
    key_outcome outcome = key_outcome::none;
    std::string key;
    std::string redirect_to;
    bool from_referer = false; // the answer varies by Referer
    /// With found: header or cookie named the session of a path outside of every session location.
    bool outside = false;
    void clear();
};

/// Works out the route key of a request. In order:
/// 1. The located session location's own captures: found; without its final slash: redirect (an
/// upgrade is found).
/// 2. `header` of the location, or, outside of session locations (static, or none), of one of the
/// server's: its value
///    stands for the session's capture. Malformed: refused. Outside it counts only where the same
///    target below the session's path is the session's.
/// 3. `referer`, not for upgrades: a same-host Referer below a session's prefix: redirect to the
/// prefix + target.
///    Dev servers emit root-absolute URLs; the redirected URL carries the prefix, so nested imports
///    keep it.
/// 4. `cookie`, the prefix of the last opened session, only when no Referer of this host says where
/// the request came from: documents by
///    GET or HEAD are redirected below it; upgrades, which cannot be redirected and carry no
///    Referer, are found (same-origin only, and never vite-ping: another session's answer would
///    make the page reload itself). Only where the same target below the prefix is this session's:
///    a forged cookie does what a typed URL does.
/// When found outside (`out.outside`), `where` becomes the session's location with an empty prefix
/// and the whole path as rest: nothing is stripped. `out` is reused: no allocation once it has
/// grown. Requires: `where` is as `locate` left it.
void session_key_of(const location_index& index, located& where, const request_head& head,
                    session_key& out);

/// The cookie of the last opened session on a shared host ("postern_session"); never forwarded
/// upstream. Its value is the prefix that was visited, such as "/session/acme/t1": all captures
/// of the path are in it.
inline constexpr std::string_view session_cookie = "postern_session";

/// Appends the Set-Cookie value that remembers the located session, or nothing when its location
/// has the cookie rule off or the session no prefix. For answers to documents.
void write_session_cookie(std::string& out, const located& where, bool secure);

/// The value of the cookie `name` in a Cookie header, empty if there is none (RFC 6265 5.4).
[[nodiscard]] std::string_view cookie_value(std::string_view cookies,
                                            std::string_view name) noexcept;

} // namespace postern::edge
