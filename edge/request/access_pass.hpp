// What a request showed of a link, and what let it in.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace postern::edge {

/// Kept from request to request on one connection, so that its strings stop allocating; most
/// connections never see a link, and have none.
struct access_pass {
    bool has_token = false;       // the request came with a link's token
    bool by_link = false;         // let in by a link or its cookie: it can be revoked
    std::uint32_t generation = 0; // with by_link: the session's, when it was let in
    std::int64_t expires_s = 0;   // with by_link

    /// The token, and what the request's head points to instead of what was sent.
    struct taken_texts {
        std::string token;
        std::string target;
        std::string query;
        std::string referer;
    };
    std::unique_ptr<taken_texts> taken; // has_token: there

    /// The cookie that was good last on this connection: a browser sends it again and again, and a
    /// MAC costs as much as half of a proxied request.
    struct good_cookie {
        std::string cookie;
        std::string key;
        std::uint32_t generation = 0;
        std::int64_t expires_s = 0;
    };
    std::unique_ptr<good_cookie> known;

    [[nodiscard]] taken_texts& texts() {
        if (!taken)
            taken = std::make_unique<taken_texts>();
        return *taken;
    }
    void clear() noexcept {
        has_token = by_link = false;
        if (taken)
            taken->referer.clear();
    }
};

} // namespace postern::edge
