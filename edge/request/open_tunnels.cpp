#include "edge/request/open_tunnels.hpp"

#include "edge/request/access.hpp"

namespace postern::edge {
namespace {

/// Another session may have the same id: one that was removed and made anew counts elsewhere.
bool is_session_over(const exchange& x, const cache::route* route) {
    return is_over(route, x.worker.time.wall()) || route->session_id() != x.route.session_id() ||
           route->activity != x.route.activity;
}

/// Grows with the damage that is found in the table, before what it took is put back.
std::uint64_t damage_so_far(const cache::session_reader& table) {
    return table.total(cache::counter::table_slots_bad) +
           table.total(cache::counter::table_damages);
}

} // namespace

void end_tunnels_that_are_over(services& worker) {
    const std::uint64_t changes = worker.table.changes(); // first: what comes later is seen later
    const bool may_be_over = worker.swept.has_new_ones || worker.swept.changes != changes;
    if (!may_be_over && worker.access_keys.empty())
        return;
    // A damaged table that is being filled again does not say what is gone.
    const bool is_whole = worker.table.synced_at_ms() != 0;
    const std::uint64_t damage = damage_so_far(worker.table);
    const bool was_damaged = worker.swept.damage != damage;
    cache::route route;
    for (open_tunnel& open : worker.tunnels) {
        exchange& x = open.by;
        if (!x.has_route || (!may_be_over && !x.access.by_link))
            continue;
        const bool found = worker.table.look_up(x.key.key, worker.table.hash_of(x.key.key), route);
        if (!found && !is_whole)
            continue;
        const cache::route* const now = found ? &route : nullptr;
        if (found && was_damaged)
            x.route.activity = route.activity; // it was put back, under another number
        if (is_session_over(x, now)) {
            if (open.end(open_tunnel::why::going_away))
                x.count(cache::counter::tunnels_ended);
        } else if (!still_admitted(x.access, now, worker.time.wall())) {
            if (open.end(open_tunnel::why::policy))
                x.count(cache::counter::access_refused);
        }
    }
    if (is_whole)
        worker.swept = {changes, damage, false};
}

bool end_all_tunnels(services& worker) {
    bool were_any = false;
    for (open_tunnel& open : worker.tunnels)
        were_any = open.end(open_tunnel::why::going_away) || were_any;
    return were_any;
}

} // namespace postern::edge
