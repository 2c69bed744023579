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
#include <stop_token>
#include <vector>

namespace postern::sync {

/// All members may be called by several threads at once.
class remote_table {
  public:
    virtual ~remote_table() = default;

    [[nodiscard]] virtual const replica_options& replica() const = 0;
    /// How many feeds there are: one a remote table that is followed (sessions; containers).
    [[nodiscard]] virtual std::size_t feeds() const = 0;
    /// Opens a feed and its sink; asked again, after a back-off, where it fails. `state` outlives
    /// it. A stop ends the calls that it makes.
    [[nodiscard]] virtual base::result<std::unique_ptr<feed>>
    open_feed(std::size_t which, feed_state& state, const std::stop_token& stop) = 0;
    /// Adds activity to items that are there; the others are left out without a word (no ghosts).
    /// Blocks. Errors: what failed is told by `failed` (index into `updates`), the others are done.
    [[nodiscard]] virtual base::result<void>
    add_activity(const std::vector<activity_update>& updates, std::vector<std::size_t>& failed,
                 const std::stop_token& stop) = 0;
    [[nodiscard]] virtual remote_usage usage() const { return {}; }
};

/// Makes it, in the process that uses it: it has threads and connections that no fork carries over.
using open_remote = std::function<base::result<std::unique_ptr<remote_table>>(
    const base::clock& time, base::log& log)>;

} // namespace postern::sync
