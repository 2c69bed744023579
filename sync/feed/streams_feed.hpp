// Follows a remote table by its change stream, from a snapshot or from the position kept in the
// replica.
#pragma once

#include "base/log.hpp"
#include "sync/feed/feed.hpp"
#include "sync/feed/row_sink.hpp"
#include "sync/feed/shard_tree.hpp"
#include "sync/feed/snapshot.hpp"
#include "sync/feed/stream_source.hpp"

#include <atomic>
#include <chrono>
#include <random>
#include <string>
#include <string_view>

namespace postern::sync {

struct streams_options {
    tree_limits tree;
    std::size_t page_records = 1'000;
    std::chrono::milliseconds describe_interval = std::chrono::minutes{1};
    std::chrono::milliseconds describe_gap{200}; // at least, between two descriptions
    /// Older positions are not gone on from: the stream keeps 24 hours.
    std::chrono::milliseconds resume_within = std::chrono::hours{20};
    std::chrono::milliseconds position_interval = std::chrono::minutes{5}; // kept anew, when idle
    scan_options scan; // of a snapshot without which the replica is not in step
    /// A snapshot while all is well, at leisure: an end to every mistake that nobody knows of.
    std::chrono::milliseconds snapshot_interval = std::chrono::hours{6};
    scan_options calm_scan{.segments = 1, .threads = 1, .page_gap = std::chrono::milliseconds{100}};
    std::chrono::milliseconds confirm_after = std::chrono::minutes{1}; // of a sweep not believed
};

/// States: starting (no shards; describes the stream, then goes on from the kept position or opens
/// all shards at their ends) → following, with or without a snapshot. A gap leads back to starting;
/// the replica's rows stay. Not thread-safe but for `ring`; the references outlive it.
class streams_feed final : public feed {
  public:
    streams_feed(const streams_options& options, stream_source& source, row_sink& sink,
                 feed_state& state, const base::clock& time, base::log& log, std::uint64_t seed);

    [[nodiscard]] base::result<void> work() override;
    [[nodiscard]] base::steady_time next_work() const override;
    void ring() noexcept override { is_rung_.store(true, std::memory_order_relaxed); }
    [[nodiscard]] bool took_changes() noexcept override {
        return std::exchange(has_changed_, false);
    }
    /// False: what it fills is in step only after a whole scan of the table.
    [[nodiscard]] bool is_complete() const noexcept { return is_complete_; }

  private:
    [[nodiscard]] base::result<void> start();
    [[nodiscard]] base::result<void> begin_anew(const stream_description& seen,
                                                std::string_view why);
    void resync(std::string_view why);
    void hurry();

    [[nodiscard]] base::steady_time describe_due() const;
    [[nodiscard]] base::result<void> describe();
    [[nodiscard]] base::result<void> ask_for_children(const std::string& of);
    [[nodiscard]] base::result<stream_description> describe_paced();

    [[nodiscard]] shard* most_overdue();
    [[nodiscard]] base::result<void> read(shard& from);
    [[nodiscard]] base::result<void> open(shard& one);
    [[nodiscard]] base::result<void> poll(shard& from);
    [[nodiscard]] base::result<void> take(shard& from, const records_page& page,
                                          std::int64_t began_ms);
    [[nodiscard]] base::result<void> keep(const shard& from, const std::string& last, bool is_end,
                                          const std::vector<row_change>& changes);
    [[nodiscard]] base::result<void> fail(shard& at, const base::failure& why);

    [[nodiscard]] bool can_begin_snapshot() const;
    [[nodiscard]] base::result<void> work_on_snapshot();
    [[nodiscard]] base::result<void> keep_position();
    void note_current();
    void count_call() { state_.calls.fetch_add(1, std::memory_order_relaxed); }
    [[nodiscard]] std::int64_t now_ms() const { return base::to_epoch_ms(time_.wall()); }

    const streams_options options_;
    stream_source& source_;
    row_sink& sink_;
    feed_state& state_;
    const base::clock& time_;
    base::log& log_;
    std::mt19937_64 random_;
    std::atomic<bool> is_rung_{false};
    bool has_changed_ = false;

    bool is_started_ = false;
    bool has_resumed_ = false; // or tried to: a position is gone on from once, by a new feed
    base::steady_time start_at_{};
    backoff after_gap_;

    std::string arn_;
    shard_tree tree_;
    base::steady_time describe_at_{};
    base::steady_time describe_allowed_at_{};
    backoff after_describe_;

    snapshot snapshot_;
    base::steady_time snapshot_at_{};
    backoff after_snapshot_;
    bool is_complete_ = false;         // a snapshot has ended, or its position was gone on from
    std::int64_t kept_current_ms_ = 0; // as in the position that the replica has
};

} // namespace postern::sync
