#include "edge/cli/text_table.hpp"

#include "base/check.hpp"
#include "base/utf8.hpp"

#include <algorithm>
#include <ctime>
#include <ostream>

namespace postern::edge {
namespace {

/// Characters, near enough to columns.
std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0U) != 0x80;
    }));
}

} // namespace

void text_table::add(std::vector<std::string> cells) {
    POSTERN_CHECK(cells.size() == rows_.front().size());
    for (std::string& cell : cells)
        cell = cell.empty() ? "-" : base::printable(cell);
    rows_.push_back(std::move(cells));
}

void text_table::write(std::ostream& out) const {
    std::vector<std::size_t> widths(rows_.front().size());
    for (const auto& row : rows_)
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], width_of(row[i]));
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            out << row[i];
            if (i + 1 < row.size())
                out << std::string(widths[i] - width_of(row[i]) + 2, ' ');
        }
        out << "\n";
    }
}

std::string time_text(std::int64_t ms) {
    if (ms == 0)
        return "-";
    const std::time_t seconds = ms / 1000;
    std::tm parts{};
    char text[40];
    if (::gmtime_r(&seconds, &parts) == nullptr ||
        std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        return std::to_string(ms);
    return text;
}

} // namespace postern::edge
