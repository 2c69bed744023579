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
    /// A whole reading begins that ends with `sweep`: it has all that was written before now.
    virtual void begin_reading() {}
    /// Removes the rows whose key `keeps` refuses, and keeps the position: the end of a snapshot.
    /// Returns how many.
    [[nodiscard]] virtual base::result<std::uint64_t>
    sweep(const std::function<bool(std::string_view key)>& keeps, std::string_view position) = 0;
    [[nodiscard]] virtual base::result<std::uint64_t> count() = 0;
};

} // namespace postern::sync
