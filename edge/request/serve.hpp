// The path of one request, read from top to bottom: refuse → locate → session key → look up →
// decide → act.
#pragma once

#include "edge/request/exchange.hpp"

namespace postern::edge {

/// Answers one request whose head has been read. On return the client has its answer, or
/// x.cut_short says that the connection must end with a reset.
[[nodiscard]] task<void> serve(exchange& x);

/// A request below a session's location, its key known (serve_session.cpp).
[[nodiscard]] task<void> serve_session(exchange& x);

/// The loading page's event stream: one `event: state` a change of state, until the route is active
/// or gone (session_events.cpp).
[[nodiscard]] task<void> serve_events(exchange& x);

/// A resume or error page's POST: passed to control as "wake the session of this route"
/// (serve.cpp).
[[nodiscard]] task<void> serve_wake(exchange& x);

} // namespace postern::edge
