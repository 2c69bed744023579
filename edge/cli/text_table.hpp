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

/// "2026-11-21T04:13:00Z", or "-" for 0. `ms` is since the epoch.
[[nodiscard]] std::string time_text(std::int64_t ms);

} // namespace postern::edge
