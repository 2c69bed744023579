// Follows the store and keeps the table as it is: connect, resume or snapshot, feed, expiry. One
// bounded piece of work at a time, so that a change made on this host never waits for the end of a
// snapshot.
#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"
#include "cache/session_writer.hpp"
#include "sync/apply.hpp"
#include "sync/backoff.hpp"
#include "sync/sync_worker.hpp"

#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace postern::sync {

/// States: away (no connection; tries again after a back-off) → snapshot or following. During a
/// snapshot the feed is followed as well, from a position taken before the snapshot's first page.
/// The table is served in every state and is never emptied: a snapshot puts what is there and
/// removes at its end what it did not meet. Not thread-safe; the references outlive it.
class follower {
  public:
    follower(const options& opts, const open_store& open, cache::session_writer& table,
             const base::clock& time, base::log& log, std::uint64_t seed);

    /// Does the next piece of work and says when to call again, at the latest (a time gone by: at
    /// once). `rung`: someone on this host has written to the store.
    [[nodiscard]] base::steady_time work(bool rung);
    /// Routes were lost to damage. What is there is served; the next `work` begins a snapshot, and
    /// until its end the table does not count as in step with the store.
    void recover() noexcept;
    /// What the store said up to then (epoch ms) does not show whose ttl has passed: it lacked the
    /// activity of this host.
    void hold_ttls(std::int64_t until_ms) noexcept { ttls_held_until_ms_ = until_ms; }
    /// Routes were put or removed since the last call.
    [[nodiscard]] bool took_changes() noexcept { return std::exchange(has_changed_, false); }
    /// The connection, or null while the store is away.
    [[nodiscard]] store* connected() const noexcept { return store_.get(); }

  private:
    [[nodiscard]] base::result<void> connect();
    [[nodiscard]] base::result<void> resume_or_snapshot();
    [[nodiscard]] base::result<void> begin_snapshot(std::string_view why);
    [[nodiscard]] base::result<void> read_page();
    [[nodiscard]] base::result<void> end_snapshot();
    /// True: the sweep would remove too much to be believed at once.
    [[nodiscard]] bool holds_sweep();
    [[nodiscard]] base::result<void> read_feed(bool rung);
    [[nodiscard]] base::result<void> read_expired();
    [[nodiscard]] base::result<void> do_due_work(bool rung);
    [[nodiscard]] base::steady_time next_work() const;
    void keep_checkpoint();
    void note(const applied& done);
    void note_defect(std::string_view session_id, const std::string& defect);
    void note_working();
    void go_away(const base::failure& why);
    [[nodiscard]] std::int64_t now_ms() const { return base::to_epoch_ms(time_.wall()); }
    [[nodiscard]] std::int64_t known_as_of_ms() const { return store_->known_as_of_ms(now_ms()); }
    /// Whether a ttl has passed is asked of this time: while a store that is elsewhere is away,
    /// nobody here knows whether it was moved on.
    [[nodiscard]] std::int64_t ttls_as_of_ms();

    const options& options_;
    const open_store& open_;
    cache::session_writer& table_;
    const base::clock& time_;
    base::log& log_;
    mapped_route_table routes_;
    applier applier_;
    backoff backoff_;
    std::mt19937_64 random_;

    std::unique_ptr<store> store_;
    std::string store_identity_;
    std::string position_; // of the feed; its changes are applied up to here
    bool is_complete_ =
        false; // the table has all of the store up to position_: it may be resumed from here
    bool is_behind_ = false;   // the feed has more now
    bool must_repeat_ = false; // the last batch, at the next poll
    bool has_changed_ = false;
    bool must_recover_ = false; // routes were lost to damage
    bool must_rekey_ = false;   // route keys were made by another template
    base::steady_time poll_at_{};
    base::steady_time retry_at_{};
    base::steady_time tried_at_{};
    base::error_code away_code_; // as logged; none: the store is there

    struct running_snapshot {
        std::string from; // the next page
        std::uint64_t version = 0;
        std::uint64_t records = 0;
        base::steady_time next_page_at{};
        std::unordered_set<std::uint64_t> present; // hashes of the keys that it put
    };
    std::unique_ptr<running_snapshot> snapshot_;
    bool was_held_ = false; // the last snapshot's sweep
    base::steady_time snapshot_at_{};

    bool is_full_ = false; // a session was refused
    base::steady_time full_retry_at_{};
    base::steady_time expiry_at_{};
    std::int64_t ttls_as_of_ms_ = 0;
    std::int64_t ttls_held_until_ms_ = 0;
    std::int64_t expired_until_ms_ = 0;
    std::string expired_after_id_;
    std::unordered_map<std::string, std::size_t>
        defects_; // logged: hash of the sentence, by session
};

} // namespace postern::sync
