// Activity on its way from the table's lines to the store: coalesced, paced, kept until it is
// written.
#pragma once

#include "base/clock.hpp"
#include "cache/activity.hpp"
#include "cache/route.hpp"
#include "sync/store/store.hpp"

#include <chrono>
#include <cstdint>
#include <queue>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

namespace postern::sync {

/// Counters go as the difference to what was collected before; times as they are. What is collected
/// is owed to the store until `wrote` says that it is there. At most one entry a session, and at
/// most one on its way. Not thread-safe.
class activity_flow {
  public:
    /// A session's activity becomes due one to one and a fifth of `interval` after it was first
    /// owed, so that sessions do not go together; at once where it ends, and where `interval` is 0.
    activity_flow(std::chrono::milliseconds history, std::chrono::milliseconds interval,
                  std::uint64_t seed = 0)
        : history_{history}, interval_{interval}, random_{seed} {}
    /// For what is owed from here on.
    void set_interval(std::chrono::milliseconds interval) noexcept { interval_ = interval; }
    [[nodiscard]] std::chrono::milliseconds interval() const noexcept { return interval_; }

    /// What a line holds when sync starts was counted by the sync before it: only its times are
    /// collected. They are due at once, and late: the one before may have failed to write them.
    void prime(const cache::route& of, const cache::activity& line, std::int64_t now_ms,
               base::steady_time now);
    /// Adds what the line has gained since it was last collected.
    void collect(const cache::route& of, const cache::activity& line, std::int64_t now_ms,
                 base::steady_time now);

    [[nodiscard]] std::size_t owed() const noexcept { return owed_.size(); }
    /// Of how many sessions the store did not take it yet, at least once.
    [[nodiscard]] std::size_t late() const noexcept { return late_; }
    /// When something is due next; far away: nothing is owed, or all of it is on its way.
    [[nodiscard]] base::steady_time due() const noexcept;
    /// All that is owed is due now.
    void hurry(base::steady_time now);
    /// Some of what is due, at most `count_max` sessions. It is on its way until `wrote` or
    /// `failed` is told of it. `now_ms`: epoch ms.
    [[nodiscard]] std::vector<activity_update> next(std::size_t count_max, base::steady_time now,
                                                    std::int64_t now_ms);
    /// The store has these.
    void wrote(const std::vector<activity_update>& updates, base::steady_time now);
    /// The store did not take these: they are due again then.
    void failed(const std::vector<activity_update>& updates, base::steady_time again);

  private:
    struct baseline {
        std::uint32_t epoch = 0;
        std::uint64_t requests = 0;
        std::uint64_t bytes = 0;
        std::int64_t last_seen_ms = 0;
    };
    struct debt {
        activity_update update;
        base::steady_time due{};
        bool is_on_its_way = false;
        bool is_late = false;
    };
    /// Of which only those count whose time is still the debt's.
    struct due_time {
        base::steady_time at;
        std::string session_id;
        bool operator<(const due_time& other) const noexcept { return at > other.at; }
    };

    [[nodiscard]] baseline& baseline_of(const cache::activity_ref& ref);
    void owe(const cache::route& of, std::int64_t last_seen_ms, std::uint64_t requests,
             std::uint64_t bytes, base::steady_time now);
    void make_due(debt& one, base::steady_time when);
    void make_late(debt& one, base::steady_time again);
    [[nodiscard]] base::steady_time after_a_while(base::steady_time now);
    void drop_outdated();

    std::chrono::milliseconds history_;
    std::chrono::milliseconds interval_;
    std::mt19937_64 random_;
    std::vector<baseline> baselines_; // by activity line
    std::unordered_map<std::string, debt> owed_;
    std::size_t late_ = 0; // of them
    std::priority_queue<due_time> times_;
};

} // namespace postern::sync
