// A replica as sync reads it: a store like another, that is there once its rows are.
#pragma once

#include "sync/replica/replica.hpp"
#include "sync/store/store.hpp"

#include <cstdint>
#include <functional>
#include <memory>

namespace postern::sync {

/// The wall time, epoch ms, as of which the replica has all there is; 0: not known yet.
using ask_current = std::function<std::int64_t()>;

/// As store::clock_ahead_ms says it.
using ask_ahead = std::function<std::int64_t()>;

/// Reads come from the replica; nothing is written, activity neither: that is for whoever talks to
/// the remote table. Until all rows have been read once, opening it answers `loading`, and what
/// keeps them from it: an empty replica must not empty the session table.
[[nodiscard]] base::result<std::unique_ptr<store>>
open_replica_store(const replica_options& options, ask_current current, ask_ahead ahead = {});

} // namespace postern::sync
