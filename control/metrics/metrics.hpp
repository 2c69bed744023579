// Numbers of the control process itself. The lifecycle thread and the HTTP threads write them,
// /metrics reads them.
#pragma once

#include "base/clock.hpp"
#include "cache/session_reader.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

namespace postern::control {

/// Relaxed atomics: each is right by itself, and nothing is ordered by them. Thread-safe.
struct metrics {
    using number = std::atomic<std::uint64_t>;

    number launches_started{0}, launches_ready{0}, launches_failed{0}, relaunches{0};
    number idle_stops{0}, records_removed{0};
    number store_errors{0}, store_conflicts{0};
    number launches_running{0};
    std::array<number, 5> sessions{};    // by session_status
    std::array<number, 6> api_answers{}; // by status class, index 2 is 2xx
    number connections{0};               // of API clients, open
    number connections_max{0};
    number connections_refused{0}; // without a token, closed before their time to make room

    // The lifecycle thread was alive, by the steady clock, ms. 0: not started.
    std::atomic<std::int64_t> lifecycle_beat_ms{0};

    /// Upper bounds, seconds, of the launch duration histogram. SessionActivationTime of the
    /// platform's alarms is 60 s.
    static constexpr std::array<double, 12> launch_bounds_s{0.1, 0.25, 0.5, 1,  2,  5,
                                                            10,  15,   20,  30, 60, 120};
    std::array<number, launch_bounds_s.size() + 1> launch_buckets{}; // the last: above every bound
    number launch_ms_sum{0};

    void count_launch_ms(std::uint64_t ms) noexcept {
        std::size_t bucket = 0;
        while (bucket < launch_bounds_s.size() &&
               static_cast<double>(ms) > launch_bounds_s[bucket] * 1000)
            ++bucket;
        add(launch_buckets[bucket]);
        add(launch_ms_sum, ms);
        add(launches_ready);
    }
    static void add(number& n, std::uint64_t by = 1) noexcept {
        n.fetch_add(by, std::memory_order_relaxed);
    }
};

/// Everything in the Prometheus text format, version 0.0.4: the table's counters as
/// postern_NAME_total, the table's state, sessions, launches, and the process. `table` may be null.
[[nodiscard]] std::string prometheus_text(const metrics& numbers,
                                          const cache::session_reader* table,
                                          const base::clock& time);

} // namespace postern::control
