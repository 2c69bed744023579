// Reading a table file without trusting a byte of it and without a running postern: `postern table
// check` and `dump`.
#pragma once

#include "base/error.hpp"
#include "cache/activity.hpp"
#include "cache/route.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::cache {

/// What `check_table` found. All numbers but `file_bytes` are 0 when the header is no good.
struct table_report {
    std::uint64_t file_bytes = 0;
    std::uint64_t capacity = 0;
    std::uint64_t live = 0;       // routes that can be read
    std::uint64_t slots_bad = 0;  // routes that cannot: they read as absent
    std::uint64_t buckets = 0;    // of the index
    std::uint64_t probes_max = 0; // buckets that the farthest look-up reads
    double probes_mean = 0;       // buckets that a look-up of a live key reads
    std::uint64_t changes = 0;
    std::int64_t created_at_ms = 0;
    std::int64_t sync_heartbeat_ms = 0;
    std::int64_t synced_at_ms = 0;
    std::uint32_t sync_pid = 0;
    std::uint64_t checkpoint_bytes = 0;
    bool is_table = true;        // false: the file begins as no table does
    bool writer_at_work = false; // counts that move meanwhile are then not compared
    std::uint64_t leftovers =
        0; // traces of a dead writer that harm nobody; the next one clears them
    std::uint64_t problems_found = 0;
    std::vector<std::string> problems; // the first 100, as sentences

    [[nodiscard]] bool good() const noexcept { return problems_found == 0; }
};

/// Verifies header, index, every route's checksum and place, and the counts. Only reads; at any
/// content of the file it ends, in time proportional to the file's size. Errors: those of opening
/// and reading the file; content is never an error but a problem in the report.
[[nodiscard]] base::result<table_report> check_table(const std::string& path);

using route_visitor =
    std::function<void(std::string_view key, const route& value, const activity& counted)>;

/// Every route that can be read, in the order of the index. Errors: as check_table, and those of a
/// bad header.
[[nodiscard]] base::result<void> dump_table(const std::string& path, const route_visitor& visit);

} // namespace postern::cache
