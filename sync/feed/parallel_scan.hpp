// Reads a whole remote table, in segments, ahead of the one who takes the pages.
#pragma once

#include "base/clock.hpp"
#include "sync/backoff.hpp"
#include "sync/feed/feed.hpp"
#include "sync/feed/stream_source.hpp"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace postern::sync {

struct scan_options {
    std::size_t segments = 4;
    /// None: `next` itself reads, a page a call.
    std::size_t threads = 4;
    std::size_t page_rows = 1'000; // without it a page may cost a store much more than it returns
    std::size_t pages_ahead = 8;   // read and not taken yet: bounds memory, to about 1 MB each
    std::chrono::milliseconds page_gap{0}; // of each thread, between two pages
    int tries_max = 6;                     // of one page, not counting those that were throttled
    /// Of a source that is behind the table it shows: as of when it is (epoch ms). 0: it is not.
    std::int64_t as_of_ms = 0;
};

/// Taken by one thread; the destructor waits for calls on their way. A page that fails is tried
/// again after a back-off; one that fails `tries_max` times ends the scan.
class parallel_scan {
  public:
    using rows = std::vector<row_change>;

    parallel_scan(stream_source& source, const scan_options& options, const base::clock& time,
                  feed_state& state, std::uint64_t seed);
    ~parallel_scan();
    parallel_scan(const parallel_scan&) = delete;
    parallel_scan& operator=(const parallel_scan&) = delete;

    /// The rows of some page. Nothing: none is there yet, or it is at its end. Errors: the
    /// source's; the scan is over then, without its end.
    [[nodiscard]] base::result<std::optional<rows>> next();
    /// Every segment ended well, and every page was taken.
    [[nodiscard]] bool is_at_end() const;
    /// When to call `next` again.
    [[nodiscard]] base::steady_time next_at() const;
    [[nodiscard]] std::uint64_t pages() const noexcept { return pages_; } // that were taken

  private:
    struct segment {
        std::size_t index = 0;
        std::string from;
        bool is_done = false;
        int tries = 0;
        base::steady_time due{};
        backoff after_failure;
        backoff after_throttle;
    };

    void read(segment& one);
    void note_failure(segment& one, const base::failure& why);
    void read_ahead();
    void run();
    [[nodiscard]] std::optional<rows> take();
    [[nodiscard]] bool is_read_out() const; // with the mutex

    stream_source& source_;
    const scan_options options_;
    const base::clock& time_;
    feed_state& state_;
    std::uint64_t pages_ = 0;

    mutable std::mutex mutex_; // over all below; not held during calls
    std::condition_variable changed_;
    std::vector<segment> segments_; // each belongs to one thread while that reads it
    std::size_t next_segment_ = 0;
    std::size_t segments_done_ = 0;
    std::deque<rows> ahead_;
    std::size_t being_read_ = 0; // room that is taken in `ahead_`
    std::optional<base::failure> failure_;
    bool stops_ = false;
    std::vector<std::thread> threads_;
};

} // namespace postern::sync
