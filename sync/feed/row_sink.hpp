// Where a feed's rows go: the replica of a remote table; in tests, a map.
#pragma once

#include "base/error.hpp"
#include "sync/feed/row.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace postern::sync {

/// Used by one thread at a time. Every call is all or nothing, and outlives a crash as a whole:
/// rows and position are never of different times.
class row_sink {
  public:
    virtual ~row_sink() = default;

    /// The position kept with the last rows; empty: none, and what is here is of unknown age.
    [[nodiscard]] virtual base::result<std::string> position() = 0;
    /// Rows as they are now, oldest change first, and the position that they lead to (empty: the
    /// kept one stays). A change that has been put before changes nothing; no changes keep the
    /// position alone. A position is words of printable ASCII, up to about 100 KiB for a table of
    /// a thousand partitions, 1 KiB for one of ten.
    [[nodiscard]] virtual base::result<void> put(std::span<const row_change> changes,
                                                 std::string_view position) = 0;
    /// Removes the rows whose key `keeps` refuses, and keeps the position: the end of a snapshot.
    /// Returns how many.
    [[nodiscard]] virtual base::result<std::uint64_t>
    sweep(const std::function<bool(std::string_view key)>& keeps, std::string_view position) = 0;
    [[nodiscard]] virtual base::result<std::uint64_t> count() = 0;
    /// The first page of a snapshot is asked for now; its pages have all that the remote table had
    /// at `as_of_ms` (wall clock). For sinks that others fill as well: what came there later than
    /// this is newer than the snapshot.
    virtual void scan_begins(std::int64_t as_of_ms) { (void)as_of_ms; }
    /// What keeps the rows was deleted, replaced or damaged: another sink has to be opened.
    [[nodiscard]] virtual bool is_lost() const { return false; }
};

} // namespace postern::sync
