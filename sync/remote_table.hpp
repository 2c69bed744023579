// A store that is elsewhere, as the sync process needs it: feeds that fill a replica, and a way
// back for activity.
#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"
#include "sync/feed/feed.hpp"
#include "sync/remote_usage.hpp"
#include "sync/replica/replica.hpp"
#include "sync/store/store.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>
#include <vector>

namespace postern::sync {

/// All members may be called by several threads at once.
class remote_table {
  public:
    virtual ~remote_table() = default;

    [[nodiscard]] virtual const replica_options& replica() const = 0;
    /// How many feeds there are: one a remote table that is followed (sessions; containers).
    [[nodiscard]] virtual std::size_t feeds() const = 0;
    /// How many more `open_feed` opens, behind those: they fill no replica, but work for other
    /// hosts.
    [[nodiscard]] virtual std::size_t helpers() const { return 0; }
    /// Opens a feed and its sink; asked again, after a back-off, where it fails. `state` outlives
    /// it. A stop ends the calls that it makes.
    [[nodiscard]] virtual base::result<std::unique_ptr<feed>>
    open_feed(std::size_t which, feed_state& state, const std::stop_token& stop) = 0;
    /// Adds activity to items that are there; the others are left out without a word (no ghosts).
    /// Blocks. Errors: what failed is told by `failed` (index into `updates`), the others are done.
    [[nodiscard]] virtual base::result<void>
    add_activity(const std::vector<activity_update>& updates, std::vector<std::size_t>& failed,
                 const std::stop_token& stop) = 0;

    /// Whether `look_for` may find anything: the key that a session has there follows from its
    /// route key.
    [[nodiscard]] virtual bool looks_through() const { return false; }
    /// The session of a route key, as the remote side has it just now (a strong read); it stands in
    /// the replica then, with the address of its container, and an older row that a feed brings
    /// after it is passed over. Nothing: there is none that can be used. Blocks, for a bounded
    /// time. Errors: unavailable, also while the replica's first snapshot is being read; invalid.
    [[nodiscard]] virtual base::result<std::optional<session>>
    look_for(std::string_view /*route_key*/, const std::stop_token& /*stop*/) {
        return std::optional<session>{};
    }

    /// See store.
    [[nodiscard]] virtual std::int64_t clock_ahead_ms() const { return 0; }
    [[nodiscard]] virtual remote_usage usage() const { return {}; }
};

/// Makes it, in the process that uses it: it has threads and connections that no fork carries over.
using open_remote = std::function<base::result<std::unique_ptr<remote_table>>(
    const base::clock& time, base::log& log)>;

} // namespace postern::sync
