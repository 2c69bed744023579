// Answers that postern makes itself: pages, short texts, redirects, files.
#pragma once

#include "edge/request/exchange.hpp"

#include <string>
#include <string_view>

namespace postern::edge {

struct reply_options {
    std::string_view content_type = "text/plain; charset=utf-8";
    unsigned retry_after_s = 0;  // Retry-After; 0: none
    std::string_view location;   // Location; empty: none
    std::string_view marker;     // x-postern-page; empty: none
    std::string_view vary;       // Vary; empty: none
    std::string_view set_cookie; // Set-Cookie; empty: none
    std::string_view allow;      // Allow; empty: none
    bool cacheable = false;      // otherwise Cache-Control: no-store
};

/// A complete answer with a body that is here. Does not wait for the client to take more than the
/// socket does.
[[nodiscard]] task<void> reply(exchange& x, unsigned status, std::string_view body,
                               reply_options options = {});

/// One of postern's pages.
[[nodiscard]] task<void> reply_page(exchange& x, page which, unsigned status,
                                    std::string_view reason = {}, unsigned retry_after_s = 0);

/// A redirect, never cached. 307: method and body are kept by the client.
[[nodiscard]] task<void> reply_redirect(exchange& x, std::string_view to, bool varies_by_referer,
                                        unsigned status = 307);

/// An error in the form that suits who asked: a page for documents, else one line of text, for
/// fetches as JSON where they accept it. Status texts are the standard's.
[[nodiscard]] task<void> reply_error(exchange& x, unsigned status, std::string_view reason,
                                     unsigned retry_after_s = 0);

/// 405, in the same form. `allow`: the methods that would do (RFC 9110 15.5.6).
[[nodiscard]] task<void> reply_not_allowed(exchange& x, std::string_view allow,
                                           std::string_view reason);

/// A malformed request: answered before it is located, and the connection ends.
[[nodiscard]] task<void> reply_bad_request(exchange& x, unsigned status, std::string_view reason);

/// The location's static origin; 404 where it has none, or a name in its root has no value.
[[nodiscard]] task<void> reply_static(exchange& x);

/// A location's fixed answer (`return`).
[[nodiscard]] task<void> reply_fixed(exchange& x);

/// The line that table_age_header asks for, for the head of an answer about a session; else empty.
[[nodiscard]] std::string table_age_line(const exchange& x);

/// What the conf adds to the head of an answer that postern makes: whole lines, table_age_line's
/// with them.
[[nodiscard]] std::string lines_of_location(const exchange& x);

} // namespace postern::edge
