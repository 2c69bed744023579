// Follows a remote table by reading all of it again and again: for small tables, any number of
// hosts, and credentials that may not read the stream.
#pragma once

#include "base/log.hpp"
#include "sync/feed/feed.hpp"
#include "sync/feed/row_sink.hpp"
#include "sync/feed/snapshot.hpp"
#include "sync/feed/stream_source.hpp"

#include <atomic>
#include <chrono>
#include <random>

namespace postern::sync {

struct poll_options {
    std::chrono::milliseconds interval{30'000}; // from one scan's beginning to the next one's
    scan_options scan{.segments = 1, .threads = 0, .pages_ahead = 1};
    std::chrono::milliseconds rung_gap{1'000}; // a ring repeats a failed scan, so long after it
    std::chrono::milliseconds confirm_after{10'000}; // of a sweep not believed
};

/// A scan's pages are spread over half of the interval, so that the table pays evenly. A ring
/// begins none, but for one that failed and is waited for. Of the source it uses `scan` only. Not
/// thread-safe but for `ring`; the references outlive it.
class poll_feed final : public feed {
  public:
    poll_feed(const poll_options& options, stream_source& source, row_sink& sink, feed_state& state,
              const base::clock& time, base::log& log, std::uint64_t seed);

    [[nodiscard]] base::result<void> work() override;
    [[nodiscard]] base::steady_time next_work() const override;
    void ring() noexcept override { is_rung_.store(true, std::memory_order_relaxed); }
    [[nodiscard]] bool took_changes() noexcept override {
        return std::exchange(has_changed_, false);
    }

  private:
    void begin();
    void note_end(base::steady_time now);

    const poll_options options_;
    stream_source& source_;
    feed_state& state_;
    const base::clock& time_;
    std::mt19937_64 random_;
    std::atomic<bool> is_rung_{false};
    bool has_changed_ = false;

    snapshot snapshot_;
    backoff after_failure_;
    bool has_failed_ = false; // the last scan
    base::steady_time begin_at_{};
    base::steady_time began_{};
    std::int64_t began_ms_ = 0;
};

} // namespace postern::sync
