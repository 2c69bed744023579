// A replica as sync reads it: a store like another, that is there once its rows are.
#pragma once

#include "sync/feed/feed.hpp"
#include "sync/replica/replica.hpp"
#include "sync/store/store.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace postern::sync {

/// Activity goes back to the remote table.
using send_activity = std::function<base::result<void>(const std::vector<activity_update>&)>;

/// Reads come from the replica, activity goes by `send`, and records are not written: that is for
/// whoever talks to the remote table. Until all rows have been read once, opening it answers
/// `unavailable`: an empty replica must not empty the session table. `state` outlives it.
[[nodiscard]] base::result<std::unique_ptr<store>>
open_replica_store(const replica_options& options, const feed_state& state, send_activity send);

} // namespace postern::sync
