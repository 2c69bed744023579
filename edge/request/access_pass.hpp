// What a request showed of a link, and what let it in.
#pragma once

#include <cstdint>
#include <string>

namespace postern::edge {

/// Kept from request to request on one connection, so that its strings stop allocating.
struct access_pass {
    bool has_token = false;       // the request came with a link's token
    bool by_link = false;         // let in by a link or its cookie: it can be revoked
    std::uint32_t generation = 0; // with by_link: the session's, when it was let in
    std::int64_t expires_s = 0;   // with by_link

    std::string token;
    // What the request's head points to instead of what was sent.
    std::string target;
    std::string query;
    std::string referer;

    // The cookie that was good last on this connection: a browser sends it again and again, and a
    // MAC costs as much as half of a proxied request.
    std::string known_cookie;
    std::string known_key;
    std::uint32_t known_generation = 0;
    std::int64_t known_expires_s = 0;

    void clear() noexcept {
        has_token = by_link = false;
        referer.clear();
    }
};

} // namespace postern::edge
