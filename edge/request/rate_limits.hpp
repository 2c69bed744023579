// Requests and bytes per client and session, as one exchange meets them. Called only where there
// are such limits: services::rates, exchange::paced.
#pragma once

#include "edge/request/exchange.hpp"

namespace postern::edge {

/// True: the client is over its limits and has been told so (429).
[[nodiscard]] task<bool> refused_over_client_rates(exchange& x);
/// The same of the session that the request is for; its bytes are counted from now on.
[[nodiscard]] task<bool> refused_over_session_rates(exchange& x, cache::key_hash session);

/// Counts the bytes that have moved since this was last asked; where they are over a rate, waits a
/// moment. True: they still may be, and whoever moves bytes has to ask again before it goes on.
[[nodiscard]] task<bool> must_wait(exchange& x);
/// Waits for as long as the bytes that have moved are over a rate, and `go_on` says true: it is
/// asked before each wait, and is the place to move deadlines on.
template <class GoOn>
[[nodiscard]] task<void> keep_pace(exchange& x, GoOn go_on) {
    while (go_on()) {
        const bool wait = co_await must_wait(x);
        if (!wait)
            break;
    }
}
[[nodiscard]] inline task<void> keep_pace(exchange& x) {
    return keep_pace(x, [] { return true; });
}
/// Counts the bytes that have moved and are not counted yet.
void count_bytes(exchange& x);

} // namespace postern::edge
