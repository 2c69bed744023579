// When a shard is read next: often while records come, seldom while none do, and never more often
// than its readers may.
#pragma once

#include "base/clock.hpp"
#include "sync/backoff.hpp"
#include "sync/feed/stream_source.hpp"

#include <array>
#include <chrono>
#include <cstdint>

namespace postern::sync {

struct pace_limits {
    std::chrono::milliseconds poll_min{250};   // while records come, and `active_for` after one
    std::chrono::milliseconds poll_max{2'000}; // doubles up to this while none comes
    std::chrono::milliseconds active_for{60'000};
    /// Pages below the full size in a row that show the end of what the shard has: behind a place
    /// in its middle an empty page may be followed by records.
    int settling_pages = 4;
    backoff::limits throttled{std::chrono::milliseconds{1'000}, std::chrono::milliseconds{20'000}};
};

/// At most four calls in any second, but for the one at once after a full page.
class shard_pace {
  public:
    shard_pace(const pace_limits& limits, std::uint64_t seed)
        : limits_{limits}, interval_{limits.poll_min}, throttled_{limits.throttled, seed} {}

    [[nodiscard]] base::steady_time due() const noexcept { return due_; }
    /// It has an iterator now. At the latest record nothing can lie ahead that is old.
    void opened(iterator_at where, base::steady_time now) noexcept;
    /// Before each call for records.
    void calls(base::steady_time now) noexcept;
    /// After a page; `now` as for `calls`.
    void took(bool has_records, bool is_full, base::steady_time now) noexcept;
    /// A record may come soon.
    void ring(base::steady_time now) noexcept;
    void throttle(base::steady_time now);
    /// After a failure of another kind.
    void delay(base::steady_time now) noexcept;
    /// The iterator is lost, the place is not.
    void reopen(base::steady_time now) noexcept {
        was_full_ = false;
        set_due(now);
    }
    /// All that lay ahead when it was opened has been read.
    [[nodiscard]] bool is_settled() const noexcept { return is_settled_; }
    /// The last page left nothing behind it.
    [[nodiscard]] bool is_at_tip() const noexcept { return is_settled_ && !was_full_; }

  private:
    void set_due(base::steady_time when) noexcept;

    static constexpr std::size_t calls_max = 4;
    static constexpr std::chrono::seconds window{1};

    pace_limits limits_;
    std::chrono::milliseconds interval_;
    backoff throttled_;
    base::steady_time due_{};
    base::steady_time active_until_{};
    base::steady_time not_before_{}; // while throttled
    std::array<base::steady_time, calls_max> calls_{};
    std::size_t next_call_ = 0;
    int calm_pages_ = 0;
    int pages_needed_ = 0;
    bool is_settled_ = false;
    bool was_full_ = false;
};

} // namespace postern::sync
