#include "edge/request/open_tunnels.hpp"

#include "edge/request/access.hpp"

namespace postern::edge {
namespace {

bool is_session_over(const exchange& x, const cache::route* route) {
    return is_over(route, x.worker.time.wall()) || route->session_id() != x.route.session_id();
}

} // namespace

void end_tunnels_that_are_over(services& worker) {
    const std::uint64_t changes = worker.table.changes(); // first: what comes later is seen later
    const bool may_be_over = worker.swept.has_new_ones || worker.swept.changes != changes;
    if (!may_be_over && worker.access_keys.empty())
        return;
    // A damaged table that is being filled again does not say what is gone.
    const bool is_whole = worker.table.synced_at_ms() != 0;
    cache::route route;
    for (open_tunnel& open : worker.tunnels) {
        const exchange& x = open.by;
        if (!x.has_route || (!may_be_over && !x.access.by_link))
            continue;
        const bool found = worker.table.look_up(x.key.key, worker.table.hash_of(x.key.key), route);
        if (!found && !is_whole)
            continue;
        const cache::route* const now = found ? &route : nullptr;
        if (is_session_over(x, now)) {
            if (open.end(open_tunnel::why::going_away))
                x.count(cache::counter::tunnels_ended);
        } else if (!still_admitted(x.access, now, worker.time.wall())) {
            if (open.end(open_tunnel::why::policy))
                x.count(cache::counter::access_refused);
        }
    }
    if (is_whole)
        worker.swept = {changes, false};
}

} // namespace postern::edge
