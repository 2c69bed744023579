// Sessions that the table does not have, where the store is elsewhere: sync is asked to look for
// them there, and the request waits for its answer. sync/README.md has the other half.
#pragma once

#include "edge/request/exchange.hpp"

#include <string_view>

namespace postern::edge {

/// Whether the store can be asked for a route key: the conf wants it, and the key that a session
/// has there follows from this one. No I/O, no allocation.
[[nodiscard]] bool is_askable(const settings& conf, std::string_view route_key) noexcept;

/// Whether what was looked up may be as good as nothing (`is_gone`). Cheap for sessions in use.
[[nodiscard]] inline bool may_be_unknown(const exchange& x) noexcept {
    return !x.has_route || x.route.state == cache::route_state::inactive ||
           x.route.expires_at_ms != 0;
}

/// Where the session is unknown and the store can be asked for it: waits until the table has it or
/// sync has said that there is none, for a bounded time, with a bounded number of others; what is
/// beyond that is not asked for, and counted. Afterwards the route is looked up. x.cut_short: the
/// client has left. Requires: services::asked.
[[nodiscard]] task<void> look_through(exchange& x, cache::key_hash hash);

} // namespace postern::edge
