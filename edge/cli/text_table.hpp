// Text for a terminal: aligned columns, times, and no byte that a terminal would obey.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace postern::edge {

/// Rows of cells, written in columns as wide as their widest cell; the last one is not padded.
/// Keeps all rows in memory.
class text_table {
  public:
    explicit text_table(std::vector<std::string> titles) { rows_.push_back(std::move(titles)); }
    /// Requires: as many cells as titles. Empty cells become "-".
    void add(std::vector<std::string> cells);
    void write(std::ostream& out) const;

  private:
    std::vector<std::vector<std::string>> rows_;
};

/// Control bytes as \xNN; UTF-8 stays as it is.
[[nodiscard]] std::string shown_whole(std::string_view text);

/// "2026-11-21T04:13:00Z", or "-" for 0. `ms` is since the epoch.
[[nodiscard]] std::string time_text(std::int64_t ms);

/// A JSON string with its quotes (RFC 8259 7). Bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string json_string(std::string_view text);

} // namespace postern::edge
