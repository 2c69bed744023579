// The threads of the sync process that talk to a store that is elsewhere: its feeds, which keep the
// replica in step, and the sender of activity.
#pragma once

#include "base/clock.hpp"
#include "base/doorbell.hpp"
#include "base/log.hpp"
#include "cache/session_writer.hpp"
#include "sync/activity_sender.hpp"
#include "sync/feed/feed_thread.hpp"
#include "sync/remote_table.hpp"

#include <memory>
#include <vector>

namespace postern::sync {

/// Owned by the sync process's thread. The references outlive it.
class remote_threads {
  public:
    remote_threads(remote_table& table, base::doorbell news, const base::clock& time,
                   base::log& log);

    /// Someone on this host has written to the remote table: its feeds may look now (`feed::ring`).
    void ring();
    /// The wall time, epoch ms, as of which the replica has all there is; 0: not yet.
    [[nodiscard]] std::int64_t current_at_ms() const noexcept;
    [[nodiscard]] activity_sender& activity() noexcept { return activity_; }

    /// Adds what feeds and calls have counted since the last time to the table's counters.
    void count_in(cache::session_writer& table);

    /// Rung when the replica has changed, and when a batch of activity is through.
    [[nodiscard]] const base::doorbell& news() const noexcept { return news_; }

  private:
    /// A process that died had no time to count that its leases end.
    static void end_leases_of_before(cache::session_writer& table);

    base::doorbell news_;                             // before the threads that ring it
    const std::size_t followed_;                      // the first so many of those below
    std::vector<std::unique_ptr<feed_state>> states_; // before the threads that write them
    std::vector<std::unique_ptr<feed_thread>> feeds_;
    remote_table& table_;
    told_totals told_;
    bool has_counted_ = false;
    activity_sender activity_;
};

} // namespace postern::sync
