#include "edge/request/look_through.hpp"

#include "base/route_key.hpp"
#include "edge/request/access.hpp"

#include <algorithm>

namespace postern::edge {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr std::size_t share_of_client = 8; // one may ask for an eighth of what has room
constexpr auto ask_again_after = 500ms;    // sync may have been started anew meanwhile
constexpr auto no_room_for = 20ms;         // sync takes what it is asked within a few
constexpr auto join_within = 250ms;        // who asked so lately has asked for us as well
constexpr auto sync_silent_max = 5'000ms;  // it beats every second

/// A number for the client: an IPv4 address or an IPv6 /64, as for limits.
std::uint32_t asker_of(const exchange& x) {
    const auto address = base::ip_address::parse(x.client_address);
    std::string_view name = x.client_address;
    if (address)
        name = {reinterpret_cast<const char*>(address->bytes.data()), // chars may alias
                std::size_t{address->is_v4() ? 16U : 8U}};
    return static_cast<std::uint32_t>(x.worker.table.hash_of(name) >> 32);
}

bool is_unknown(exchange& x, cache::key_hash hash) {
    x.has_route = x.worker.table.look_up(x.key.key, hash, x.route);
    return may_be_unknown(x) && is_gone(x.has_route ? &x.route : nullptr, x.worker.time.wall());
}

/// Room for one more that waits, and somebody who could answer.
bool can_wait(const exchange& x, std::uint32_t asker) {
    const std::size_t held_max = x.worker.conf.store.dynamodb.look_through.held;
    const std::size_t share = std::max<std::size_t>(held_max / share_of_client, 1);
    const waiting_room& room = x.worker.waiting;
    if (room.inquirers() >= held_max || room.inquiries_of(asker) >= share)
        return false;
    const std::int64_t silent_ms =
        base::to_epoch_ms(x.worker.time.wall()) - x.worker.table.status().sync_heartbeat_ms;
    return silent_ms < sync_silent_max.count();
}

enum class step { over, refused, goes_on };

/// What has come of it by now.
step look(exchange& x, cache::key_hash hash, steady_clock::time_point since,
          steady_clock::time_point now) {
    if (!is_unknown(x, hash))
        return step::over;
    const cache::said_answer said = x.worker.table.answer_to(hash, now);
    if (said.what == cache::answer::absent)
        return step::over;
    // Others who asked before may have been refused: that is not said of us.
    const bool is_ours = said.age <= now - since;
    return said.what == cache::answer::refused && is_ours ? step::refused : step::goes_on;
}

/// False: there is no room for it on the way to sync.
bool ask(exchange& x, waiting_room::inquiry& about, steady_clock::time_point now) {
    if (x.worker.waiting.has_asked(about.key, now - join_within))
        return true;
    if (!x.worker.table.ask_for(x.key.key, about.asker, now))
        return false;
    about.asked_at = now;
    x.worker.asked->ring();
    return true;
}

} // namespace

bool is_askable(const settings& conf, std::string_view route_key) noexcept {
    return conf.store.looks_through() &&
           base::read_route_key(conf.route_key, route_key,
                                [](std::string_view, std::string_view) {});
}

task<void> look_through(exchange& x, cache::key_hash hash) {
    const steady_clock::time_point since = steady_clock::now();
    if (!is_gone(x.has_route ? &x.route : nullptr, x.worker.time.wall()) ||
        !is_askable(x.worker.conf, x.key.key) || !may_be_admitted(x))
        co_return;
    if (look(x, hash, since, since) == step::over) // was said to another a moment ago
        co_return;
    waiting_room::inquiry about{.key = hash, .asker = asker_of(x)};
    if (!can_wait(x, about.asker)) {
        x.count(cache::counter::look_throughs_refused);
        co_return;
    }
    const steady_clock::time_point until = since + x.worker.conf.store.dynamodb.look_through.within;
    steady_clock::time_point ask_at = since;
    x.count(cache::counter::look_throughs);
    waiting_room::seat seat{x.worker.waiting, &about};
    for (;;) {
        const steady_clock::time_point now = steady_clock::now();
        const step came_to = look(x, hash, since, now);
        if (came_to == step::over)
            co_return;
        if (came_to == step::refused) {
            x.count(cache::counter::look_throughs_refused);
            co_return;
        }
        if (now >= ask_at)
            ask_at = now + (ask(x, about, now) ? ask_again_after : no_room_for);
        if (now >= until) {
            x.count(cache::counter::look_throughs_timed_out);
            co_return;
        }
        co_await seat.wait_until(std::min(ask_at, until));
        if (x.client.peer_closed()) {
            x.close_after = x.cut_short = true;
            co_return;
        }
    }
}

} // namespace postern::edge
