// What a process has asked of a store that is elsewhere, and how that gets into the table's
// counters.
#pragma once

#include "cache/counters.hpp"

#include <array>
#include <cstdint>

namespace postern::sync {

/// Since the process began.
struct remote_usage {
    std::uint64_t calls_ok = 0, calls_failed = 0;
    std::uint64_t calls_unmet = 0; // whose condition did not hold: an answer, and no failure
    std::uint64_t retries = 0;     // requests sent again after a wait
    std::uint64_t throttled = 0;   // requests answered by a wish to slow down
    // What the store bills for writes: of activity; of everything else.
    std::uint64_t activity_units = 0, write_units = 0;
};

/// Counts totals of this process in a table: what they have grown by since they were last told.
/// Not thread-safe.
class told_totals {
  public:
    /// `Table` is a cache::session_writer or session_reader.
    template <class Table>
    void tell(Table& table, cache::counter which, std::uint64_t total) {
        std::uint64_t& told = told_[static_cast<std::size_t>(which)];
        if (total <= told)
            return;
        table.count(which, total - told);
        told = total;
    }
    template <class Table>
    void tell(Table& table, const remote_usage& now) {
        using cache::counter;
        tell(table, counter::aws_calls__result__ok, now.calls_ok);
        tell(table, counter::aws_calls__result__failed, now.calls_failed);
        tell(table, counter::aws_calls__result__condition, now.calls_unmet);
        tell(table, counter::aws_retries, now.retries);
        tell(table, counter::aws_throttled, now.throttled);
        tell(table, counter::store_write_units__for__activity, now.activity_units);
        tell(table, counter::store_write_units__for__writes, now.write_units);
    }

  private:
    std::array<std::uint64_t, cache::counters_count> told_{};
};

} // namespace postern::sync
