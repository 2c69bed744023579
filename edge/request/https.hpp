// By which scheme a request came, and where it belongs when that was the wrong one.
#pragma once

#include "edge/request/exchange.hpp"

#include <string>

namespace postern::edge {

/// Whether the client's own connection is one with TLS: here, or at a trusted proxy that says so.
[[nodiscard]] bool came_by_https(const exchange& x);

/// The same URL by https, for a request to a location with ssl_redirect; its host is one that the
/// located server has by name, or any if it has no names. Empty: it is none, and nobody can be sent
/// there.
[[nodiscard]] std::string https_url(const located& where, const request_head& head);

/// Whether an absolute-form target says another scheme than the one it came by (RFC 9110 7.4).
[[nodiscard]] inline bool is_of_other_scheme(const exchange& x) {
    using said = enum request_head::scheme;
    return x.head.scheme != said::unsaid && (x.head.scheme == said::https) != came_by_https(x);
}

/// Answers located requests that are at the wrong place: for a server with another certificate than
/// the one that the client was shown (RFC 9110 7.4), and those that ssl_redirect sends to https.
/// False: it is right here, nothing was answered.
[[nodiscard]] task<bool> sent_elsewhere(exchange& x);
/// Whether sent_elsewhere has anything to look at.
[[nodiscard]] inline bool may_be_sent_elsewhere(const exchange& x) noexcept {
    return x.tls != nullptr || (x.where.location != nullptr && x.where.location->ssl_redirect != 0);
}

} // namespace postern::edge
