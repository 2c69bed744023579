// The sync process: follows the store, keeps the session table, writes activity back.
#pragma once

#include "base/clock.hpp"
#include "base/doorbell.hpp"
#include "base/log.hpp"
#include "base/text_template.hpp"
#include "sync/look_queue.hpp"
#include "sync/remote_table.hpp"
#include "sync/store/store.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace postern::sync {

struct options {
    std::string table_path;
    std::uint64_t table_capacity = 0; // of the table that is made when the one at the path is lost
    base::text_template route_key;    // over clientId, userId, threadId, sessionId
    std::string key_literals{};       // what locations have between the names of theirs
    std::chrono::milliseconds route_ttl{};        // resume_until = last activity + this
    std::chrono::milliseconds history{};          // ttl = last activity + this, moved with activity
    std::chrono::milliseconds poll_interval{250}; // between looks at the store without a ring
    // Activity goes back at most once per session and interval.
    std::chrono::milliseconds flush_interval{};
    // As long as that interval may become where there are many sessions; for stores elsewhere.
    std::chrono::milliseconds flush_interval_max{};
    // A full comparison, to bound unknown bugs.
    std::chrono::milliseconds snapshot_interval{std::chrono::hours{6}};
    // Between a snapshot that would remove most of a table and the one that confirms it.
    std::chrono::milliseconds confirm_after{2'000};
    // Between snapshots for the sake of sessions that a full table refused.
    std::chrono::milliseconds full_retry_interval{10'000};
    std::chrono::milliseconds expiry_interval{1'000}; // between looks for sessions past their ttl
    look_limits look_through{};                       // of keys that the table does not have
};

/// What the master gives: who rings us, and whom we ring. References outlive `run`.
struct bells {
    const base::doorbell& sync;                 // rung by control: look at the store now
    const std::vector<base::doorbell>& workers; // by worker number: a route changed
    const base::doorbell* asked = nullptr; // rung by workers: look for a key; null: nobody asks
};

/// Runs until `stop_fd` (a signalfd or eventfd) becomes readable; then flushes activity and returns
/// the exit code. Never ends because the store is away: it serves what is there and tries again
/// with jittered back-off. Ends with 1 when the table cannot be written or kept up; the next start
/// makes a new one where that helps. SIGUSR1, which must have a handler, counts as a ring.
[[nodiscard]] int run(const options& opts, const open_store& open, const bells& rings, int stop_fd,
                      const base::clock& time, base::log& log);
/// The same for a store that is elsewhere: a replica of it is kept and followed.
[[nodiscard]] int run(const options& opts, const open_remote& open, const bells& rings, int stop_fd,
                      const base::clock& time, base::log& log);

} // namespace postern::sync
