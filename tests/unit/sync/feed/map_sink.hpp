// A replica in memory: all or nothing, and lasting, like the one on disk. It may fail, and die
// before or after what it was asked for.
#pragma once

#include "scripted_source.hpp"
#include "sync/feed/row_sink.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace postern::sync {

class map_sink final : public row_sink {
  public:
    std::map<std::string, std::uint64_t> rows;
    std::string kept;                   // the position
    std::vector<std::string> positions; // all that were kept
    const table_history* history = nullptr;
    std::vector<std::string> strangers; // rows that the table never had
    int failing = 0;                    // the next so many calls fail
    int failing_sweeps = 0;
    std::uint64_t calls = 0;
    std::uint64_t crash_before = 0, crash_after = 0; // the call with this number
    std::uint64_t puts = 0;                          // rows

    base::result<std::string> position() override {
        if (fails())
            return base::failure{store_error::unavailable, "scripted"};
        return kept;
    }
    base::result<void> put(std::span<const row_change> changes,
                           std::string_view position) override {
        if (fails())
            return base::failure{store_error::unavailable, "scripted"};
        for (const row_change& one : changes) {
            ++puts;
            const auto value = value_of(one);
            if (!value) {
                rows.erase(one.key);
                continue;
            }
            rows[one.key] = *value;
            if (history != nullptr && !history->had(one.key, *value))
                strangers.push_back(one.key);
        }
        keep(position);
        dies_after();
        return {};
    }
    base::result<std::uint64_t> sweep(const std::function<bool(std::string_view)>& keeps,
                                      std::string_view position) override {
        if (fails() || (failing_sweeps > 0 && failing_sweeps-- > 0))
            return base::failure{store_error::unavailable, "scripted"};
        const std::uint64_t removed =
            std::erase_if(rows, [&](const auto& one) { return !keeps(one.first); });
        keep(position);
        dies_after();
        return removed;
    }
    base::result<std::uint64_t> count() override { return rows.size(); }

  private:
    bool fails() {
        if (++calls == crash_before)
            throw crash{};
        return failing > 0 && failing-- > 0;
    }
    void dies_after() const {
        if (calls == crash_after)
            throw crash{};
    }
    void keep(std::string_view position) {
        if (!position.empty() && kept != position) {
            kept = position;
            positions.push_back(kept);
        }
    }
};

} // namespace postern::sync
