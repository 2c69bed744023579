// Activity on its way from the table's lines to the store: coalesced, kept until it is written.
#pragma once

#include "cache/activity.hpp"
#include "cache/route.hpp"
#include "sync/store/store.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace postern::sync {

/// Counters go as the difference to what was collected before; times as they are. What is collected
/// is owed to the store until `wrote` says that it is there. At most one entry a session. Not
/// thread-safe.
class activity_flow {
  public:
    explicit activity_flow(std::chrono::milliseconds history) : history_{history} {}

    /// What a line holds when sync starts was counted by the sync before it: only its times are
    /// collected.
    void prime(const cache::route& of, const cache::activity& line, std::int64_t now_ms);
    /// Adds what the line has gained since it was last collected.
    void collect(const cache::route& of, const cache::activity& line, std::int64_t now_ms);

    [[nodiscard]] std::size_t owed() const noexcept { return owed_.size(); }
    /// Some of what is owed, at most `count_max` sessions.
    [[nodiscard]] std::vector<activity_update> next(std::size_t count_max) const;
    /// The store has these: they came from `next`, and nothing was collected in between.
    void wrote(const std::vector<activity_update>& updates);

  private:
    struct baseline {
        std::uint32_t epoch = 0;
        std::uint64_t requests = 0;
        std::uint64_t bytes = 0;
        std::int64_t last_seen_ms = 0;
    };
    [[nodiscard]] baseline& baseline_of(const cache::activity_ref& ref);
    void owe(const cache::route& of, std::int64_t last_seen_ms, std::uint64_t requests,
             std::uint64_t bytes);

    std::chrono::milliseconds history_;
    std::vector<baseline> baselines_; // by activity line
    std::unordered_map<std::string, activity_update> owed_;
};

} // namespace postern::sync
