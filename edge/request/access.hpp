// Who is let in (`access` of a location): by a signed link to the session, the cookie that it was
// exchanged for, or the client's network. Nobody learns from an answer whether a session exists
// that he may not see.
#pragma once

#include "edge/request/exchange.hpp"

namespace postern::edge {

/// Takes a link's token out of the request, before anything is logged or sent on: out of query and
/// target, and out of the Referer of a page that was opened by one. x.access.token keeps it. Does
/// nothing a second time, and where no location has links.
void take_access_token(exchange& x);

/// Lets the request in, or answers it: 403, counted; or, for a document that has shown a good
/// token, 303 to the same URL without it and with the cookie in its place. Requires: x.where has a
/// location; of a session's, x.key was found and looked up. False: it was answered.
[[nodiscard]] task<bool> admit(exchange& x);

/// Whether `admit` may let the request in once the session is known: it comes from one of the
/// networks, or with a link or cookie that was made for the session, of whichever generation.
[[nodiscard]] bool may_be_admitted(exchange& x);

/// Answers 403, as for a session that is not there.
[[nodiscard]] task<void> refuse_access(exchange& x);

/// Whether `pass` still counts for `route` (null: there is none) at `now`: links may have been
/// revoked since. A pass by other means than a link does not end.
[[nodiscard]] bool still_admitted(const access_pass& pass, const cache::route* route,
                                  base::wall_time now) noexcept;
[[nodiscard]] inline bool still_admitted(const exchange& x) noexcept {
    return still_admitted(x.access, x.has_route ? &x.route : nullptr, x.worker.time.wall());
}

} // namespace postern::edge
