// Follows a table through Redis: a snapshot from the hash of its rows, then its numbered changes.
#pragma once

#include "base/log.hpp"
#include "sync/feed/feed.hpp"
#include "sync/feed/row_sink.hpp"
#include "sync/feed/snapshot.hpp"
#include "sync/feed/stream_source.hpp"
#include "sync/redis/scripts.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>

namespace postern::sync::redis {

struct redis_feed_options {
    std::chrono::milliseconds look_interval{1'000}; // between looks at what is there
    std::chrono::milliseconds read_gap{50};         // after changes: others are read together
    std::size_t changes_max = 500;                  // of one reading
    scan_options scan{.segments = 1, .threads = 0, .page_rows = 500, .pages_ahead = 1};
    /// A snapshot while all is well, at leisure.
    std::chrono::milliseconds snapshot_interval = std::chrono::hours{6};
    std::chrono::milliseconds calm_page_gap{100};
    std::chrono::milliseconds confirm_after{10'000}; // of a sweep not believed
};

/// Where a host stands: `redis1 EPOCH NUMBER CHECK`.
struct redis_position {
    std::string epoch;        // of the data in Redis
    std::uint64_t number = 0; // of the last change that is in the replica
    std::string check;        // that this change has; `-` where there was none yet
    bool operator==(const redis_position&) const = default;
};
[[nodiscard]] std::string text_of(const redis_position& position);
/// Nothing: the text is none of ours.
[[nodiscard]] std::optional<redis_position> redis_position_of(std::string_view text);

/// Not thread-safe but for `ring`; the references outlive it.
class redis_feed final : public feed {
  public:
    redis_feed(const redis_feed_options& options, const table_keys& keys, open_server open,
               row_sink& sink, feed_state& state, const base::clock& time, base::log& log,
               std::uint64_t seed);

    [[nodiscard]] base::result<void> work() override;
    [[nodiscard]] base::steady_time next_work() const override;
    /// What is written on this host stands in the replica already; all else comes by Redis.
    void ring() noexcept override {}
    [[nodiscard]] std::string_view waits_for() const override { return waits_for_; }
    [[nodiscard]] bool took_changes() noexcept override {
        return std::exchange(has_changed_, false);
    }

  private:
    /// The first one of a feeder that fills Redis: a small table takes it no longer. Each further
    /// one is twice as long.
    static constexpr std::chrono::milliseconds waiting_pause{100};

    /// What Redis has, by its own word.
    struct sight {
        redis_position last;
        bool is_whole = false;       // a feeder has filled it, and nothing is missing
        std::int64_t current_ms = 0; // by this host's clock; 0: not known
        bool is_fed = false;         // a host holds a lease
    };
    /// The rows in Redis, as a snapshot reads them.
    class rows_source;

    [[nodiscard]] base::result<void> connect();
    [[nodiscard]] base::result<void> do_due_work();
    [[nodiscard]] base::result<void> look();
    [[nodiscard]] base::result<sight> see();
    /// Why the changes behind `at_` are not all there, a part of a sentence; empty: they are.
    [[nodiscard]] base::result<std::string> obstacle(const sight& there);
    void begin_anew(const sight& there, std::string_view why);
    void wait_for_feeder(bool is_fed);
    [[nodiscard]] base::result<void> read_log(std::chrono::milliseconds block);
    [[nodiscard]] base::result<void> take(const reply& entries);
    [[nodiscard]] base::result<void> work_on_snapshot();
    [[nodiscard]] base::result<scan_page> read_page(std::string_view from, std::size_t count_max);
    void note_gap();
    void note_current();
    void count_call() { state_.calls.fetch_add(1, std::memory_order_relaxed); }

    const redis_feed_options options_;
    const table_keys keys_;
    const std::vector<std::string> looked_at_; // keys of look
    const open_server open_;
    row_sink& sink_;
    feed_state& state_;
    const base::clock& time_;
    base::log& log_;
    std::mt19937_64 random_;
    bool has_changed_ = false;

    std::unique_ptr<server> redis_;
    std::size_t page_max_;      // less, where Redis's answers were too large
    bool has_position_ = false; // the kept one was asked for
    bool is_complete_ = false;  // the replica has all up to `at_`
    bool is_verified_ = false;  // by this connection: the changes behind `at_` are there
    bool is_waiting_ = false;   // for a feeder, and it was said
    std::string_view waits_for_;
    std::chrono::milliseconds waiting_pause_ = waiting_pause; // until the next look at its work
    bool has_gap_ = false;                                    // changes behind `at_` are gone
    redis_position at_;
    std::uint64_t seen_ = 0;           // there was a change of this number, and
    std::int64_t seen_current_ms_ = 0; // then all that the table had was in Redis
    base::steady_time look_at_{};
    base::steady_time read_at_{};

    std::unique_ptr<stream_source> rows_;
    snapshot snapshot_;
    base::steady_time snapshot_at_{};
    backoff after_snapshot_;
    /// Rows of the snapshot that are newer than `at_`: what the log has of them before is passed
    /// over.
    std::unordered_map<std::string, std::uint64_t> newer_;
};

} // namespace postern::sync::redis
