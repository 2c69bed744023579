// A host's offer to feed: it takes a lease in Redis when one is free, and while it has that it
// reads the table's stream and publishes it there.
#pragma once

#include "base/log.hpp"
#include "sync/backoff.hpp"
#include "sync/feed/feed.hpp"
#include "sync/feed/streams_feed.hpp"
#include "sync/redis/publisher.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <string>

namespace postern::sync::redis {

struct feeder_options {
    unsigned slots = 2; // leases there are
    publish_options publish;
    streams_options streams;
    std::chrono::milliseconds beat_interval{1'000};
    std::chrono::milliseconds try_interval{3'000}; // for a lease, about
    /// One that can read nothing for so long, or not the rows while Redis needs them, lets another
    /// host try, and rests.
    std::chrono::milliseconds patience{30'000};
    std::chrono::milliseconds rest{60'000};
    std::string name = "the table"; // in the log
    std::string host = "-";         // what this one is called in a lease, a word
};

/// As a `feed` it fills no replica: its state is about Redis. Not thread-safe but for `ring`; the
/// references outlive it. The destructor lets the lease go.
class redis_feeder final : public feed {
  public:
    /// `open_late` opens a connection also after a stop, soon or not at all: to let the lease go.
    redis_feeder(const feeder_options& options, const table_keys& keys, open_server open,
                 open_server open_late, stream_source& source, feed_state& state,
                 const base::clock& time, base::log& log, std::uint64_t seed);
    ~redis_feeder() override;

    [[nodiscard]] base::result<void> work() override;
    [[nodiscard]] base::steady_time next_work() const override;
    void ring() noexcept override { is_rung_.store(true, std::memory_order_relaxed); }
    [[nodiscard]] std::string_view waits_for() const override { return rests_because_; }
    [[nodiscard]] bool took_changes() noexcept override { return false; }

  private:
    /// What is read with one lease, from one connection.
    struct feeding {
        feeding(redis_feeder& by, unsigned slot);
        publisher to;
        named_stream_source from;
        publisher::totals told;               // of them, in the state
        std::unique_ptr<streams_feed> stream; // once what is in Redis is known
    };

    [[nodiscard]] base::result<void> try_for_lease();
    [[nodiscard]] base::result<void> feed_once();
    [[nodiscard]] base::result<void> open_stream();
    [[nodiscard]] base::result<void> beat();
    [[nodiscard]] base::result<void> give_way(const base::failure& why);
    [[nodiscard]] bool is_of_no_use() const;
    [[nodiscard]] std::optional<base::failure> failing_scan() const;
    void note_use();
    void note_published();
    void has_lease_no_more();
    void forget();
    void let_go();
    [[nodiscard]] std::chrono::milliseconds about(std::chrono::milliseconds time);

    const feeder_options options_;
    const table_keys keys_;
    const open_server open_, open_late_;
    stream_source& source_;
    feed_state& state_;
    const base::clock& time_;
    base::log& log_;
    std::mt19937_64 random_;
    backoff after_loss_;
    std::string token_;
    std::atomic<bool> is_rung_{false};

    std::unique_ptr<server> redis_;
    unsigned slot_ = 0;                // that it holds; 0: none
    std::unique_ptr<feeding> feeding_; // before `redis_` goes
    base::steady_time try_at_{};
    base::steady_time open_at_{};
    base::steady_time beat_at_{};
    base::steady_time good_at_{}; // the table was last read without a failure
    base::steady_time taken_at_{};
    bool has_given_way_ = false; // and has not been of use for a while since
    std::string rests_because_;
};

} // namespace postern::sync::redis
