// Runs one feed on a thread of its own, so that a remote side that is slow or away keeps nothing
// else waiting.
#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"
#include "sync/backoff.hpp"
#include "sync/feed/feed.hpp"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace postern::sync {

/// Makes the feed, on its thread; called again after a back-off where it fails. A stop ends calls
/// on their way where the feed's source can.
using open_feed = std::function<base::result<std::unique_ptr<feed>>(const std::stop_token& stop)>;

struct feed_thread_options {
    std::string name = "the remote table"; // in the log
    backoff::limits pause;
    std::chrono::milliseconds rung_retry_after{100}; // a ring shortens a pause to this
    /// It is called back when nothing has failed for so long: one call of several that fails again
    /// and again is one line in the log.
    std::chrono::milliseconds back_after{5'000};
    std::string meanwhile = "the replica stays as it was"; // in the log
    /// Told on the feed's thread why the replica cannot be filled for now, whenever that is another
    /// reason; empty: nothing keeps it. False: it could not be noted, and is told again.
    std::function<bool(const std::string& why)> tell;
};

/// `ring` is thread-safe. The destructor stops and waits: for a call's time at most.
class feed_thread {
  public:
    /// `changed` is called on the feed's thread after work that put or removed rows. The references
    /// outlive the thread.
    feed_thread(feed_thread_options options, open_feed open, feed_state& state,
                std::function<void()> changed, const base::clock& time, base::log& log,
                std::uint64_t seed);
    ~feed_thread();
    feed_thread(const feed_thread&) = delete;
    feed_thread& operator=(const feed_thread&) = delete;

    /// Someone on this host has written to the remote table: look soon.
    void ring() noexcept;

  private:
    void run(const std::stop_token& stop);
    [[nodiscard]] base::steady_time turn(const std::stop_token& stop);
    [[nodiscard]] base::result<void> work(const std::stop_token& stop);
    void wait(const std::stop_token& stop, base::steady_time until);
    [[nodiscard]] base::steady_time go_away(const base::failure& why);
    void note_working();
    void tell(std::string_view said);

    const feed_thread_options options_;
    const open_feed open_;
    feed_state& state_;
    const std::function<void()> changed_;
    const base::clock& time_;
    base::log& log_;

    // Of the thread alone.
    std::unique_ptr<feed> feed_;
    backoff backoff_;
    bool is_away_ = false; // the last work failed
    base::steady_time tried_at_{};
    base::steady_time failed_at_{};
    std::vector<base::error_code> logged_; // since it was last back
    std::string told_;

    std::mutex mutex_;
    std::condition_variable_any woken_;
    bool is_rung_ = false; // with the mutex
    std::jthread thread_;  // last: it uses all above
};

} // namespace postern::sync
