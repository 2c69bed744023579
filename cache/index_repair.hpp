// What a new writer does before its first change: makes the index agree with itself, whatever the
// last writer, a host crash or a bad disk left behind.
#pragma once

#include "cache/table_view.hpp"

#include <cstdint>
#include <vector>

namespace postern::cache {

/// What was found and put right.
struct repair_report {
    std::uint64_t live = 0; // entries kept
    std::uint64_t entries_dropped =
        0; // that pointed nowhere, or two to one slot, or lay where no key may lie
    std::uint64_t overflows_corrected =
        0;                       // counts a dead writer left too high, or that were damaged
    std::vector<bool> slot_used; // by slot number
    std::vector<bucket> index;   // as it is now
};

/// One pass over a copy of the index, in order; slots are not looked at. Entries are only ever
/// dropped when they are damaged, and then, or when some are missing, the table is distrusted.
/// Writer only; readers may be at work.
[[nodiscard]] repair_report repair_index(const table_view& table);

/// Not all of the store is in the table any more: a full snapshot is to follow, and nobody shall
/// take the table for complete before its end.
void distrust(file_header& header) noexcept;

} // namespace postern::cache
