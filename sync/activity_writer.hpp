// Workers' activity, from the table to the store: collected, paced, written.
#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"
#include "cache/session_writer.hpp"
#include "sync/activity_flow.hpp"
#include "sync/activity_sender.hpp"
#include "sync/sync_worker.hpp"

namespace postern::sync {

/// A store on this host is written to here and now, all that was collected in an interval in a few
/// transactions. One that is elsewhere gets each session's activity once an interval, on a thread
/// of the sender's; the interval grows with the number of sessions. Not thread-safe; the references
/// outlive it.
class activity_writer {
  public:
    /// `sender` is null for a store on this host.
    activity_writer(const options& opts, cache::session_writer& table, const base::clock& time,
                    base::log& log, activity_sender* sender, std::uint64_t seed);

    /// Does what is due, a part at a time, so that changes of routes come in between. `connected`
    /// is null while the store is away. Returns when to call again.
    [[nodiscard]] base::steady_time work(store* connected);
    /// Before the end: writes what is left, for a bounded time.
    void write_the_rest(store* connected);
    /// Until then (epoch ms) the store lacked activity that it should have had: it was away, or
    /// is, or may have been before this process began. 0: it did not.
    [[nodiscard]] std::int64_t late_until_ms() const {
        const std::int64_t now = now_ms();
        const bool has_clock_gone_back = late_until_ms_ > now;
        return flow_.late() > 0 ? now : has_clock_gone_back ? 0 : late_until_ms_;
    }

  private:
    void collect();
    void adapt_interval(base::steady_time now);
    void take_outcome();
    void write_some(store& to);
    void note(std::size_t written, const base::result<void>& result);
    void wrote(const std::vector<activity_update>& updates);
    [[nodiscard]] bool can_write(const store* connected) const;
    [[nodiscard]] std::int64_t now_ms() const { return base::to_epoch_ms(time_.wall()); }

    const options& options_;
    cache::session_writer& table_;
    const base::clock& time_;
    base::log& log_;
    activity_sender* sender_;
    activity_flow flow_;
    base::steady_time collect_at_{};
    base::steady_time adapt_at_{};
    base::steady_time write_at_{}; // not before, after a failure
    std::int64_t late_until_ms_ = 0;
    bool has_failed_ = false;
    bool is_capped_ = false; // said that the interval should be longer than it may be
};

} // namespace postern::sync
