// Rows as they stand in Redis: a line of words about the row, then the row as JSON. Pure.
#pragma once

#include "sync/feed/row.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::sync::redis {

/// What of a row goes into Redis, and what feeders compare.
struct row_text {
    std::string body;             // JSON, UTF-8
    std::string digest;           // 16 hex digits, of all but activity: another one, another row
    std::int64_t activity_ms = 0; // of the last request
    std::int64_t ttl_ms = 0;
};

/// Requires: row.now. A row that cannot be written as JSON is one with a defect.
[[nodiscard]] row_text text_of(const row_change& row);

/// What stands in Redis, or in a change: `LINEAGE SEQUENCE NUMBER DIGEST ACTIVITY TTL BODY`, as
/// scripts.cpp writes it. Nothing: it is no such text.
struct kept_row {
    std::uint64_t number = 0; // of the change that brought it
    row_change row;
};
[[nodiscard]] std::optional<kept_row> kept_row_of(std::string key, std::string_view text);

} // namespace postern::sync::redis
