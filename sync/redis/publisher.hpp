// A feeder's side of a table in Redis: what its streams feed brings goes there, by one script that
// tells what is new from what another feeder has published already.
#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"
#include "sync/feed/passing_source.hpp"
#include "sync/feed/row_sink.hpp"
#include "sync/redis/scripts.hpp"

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

namespace postern::sync::redis {

struct publish_options {
    std::chrono::milliseconds lease_time{10'000};
    /// A row in which only activity differs is published when that has moved so far.
    std::chrono::milliseconds activity_step = std::chrono::minutes{5};
    /// How long it is known of a removed key when it was: longer than a stream reaches back.
    std::chrono::milliseconds gone_kept = std::chrono::hours{25};
    std::uint64_t log_kept = 100'000; // changes, about
};

/// As a `row_sink`: all of a put is there or, where it failed, some of it, and the position is not;
/// what comes again changes nothing. Once it answers `lease_lost` or `other_data` it is of no more
/// use. Not thread-safe; the references outlive it.
class publisher final : public row_sink {
  public:
    /// `token` holds the lease `slot`.
    publisher(const publish_options& options, const table_keys& keys, unsigned slot, unsigned slots,
              std::string token, server& redis);

    /// Looks what is there, or begins anew. False: another feeder is filling it, try again.
    [[nodiscard]] base::result<bool> open();
    /// The stream that sequence numbers are of, from now on.
    void set_stream(std::string arn) { stream_ = std::move(arn); }
    /// Keeps the lease, and says how long ago all that the table had was published. Nothing: not
    /// known.
    [[nodiscard]] base::result<void> beat(std::optional<std::int64_t> lag_ms);

    [[nodiscard]] base::result<std::string> position() override { return kept_position_; }
    [[nodiscard]] base::result<void> put(std::span<const row_change> changes,
                                         std::string_view position) override;
    [[nodiscard]] base::result<std::uint64_t>
    sweep(const std::function<bool(std::string_view)>& keeps, std::string_view position) override;
    [[nodiscard]] base::result<std::uint64_t> count() override { return rows_; }
    void scan_begins(std::int64_t) override { begun_ = number_; }

    struct totals {
        std::uint64_t changes = 0;     // that were news to Redis
        std::uint64_t passed_over = 0; // records of the stream in which only activity differed
        std::uint64_t snapshots = 0;   // to their end
    };
    [[nodiscard]] const totals& published() const noexcept { return published_; }

  private:
    struct said {
        std::string_view position;
        std::optional<std::int64_t> lag_ms;
        bool completes = false;
    };
    [[nodiscard]] std::vector<std::string> beginning(const said& what);
    [[nodiscard]] base::result<void> publish(const std::vector<std::string>& arguments);

    const publish_options options_;
    const unsigned slot_;
    const std::string token_;
    server& redis_;
    const std::vector<std::string> keys_;  // of publish
    std::vector<std::string> adopts_from_; // keys of adopt
    std::string epoch_;
    std::string stream_;
    std::string kept_position_;
    std::uint64_t number_ = 0; // of the last change in Redis, as far as it is known
    std::uint64_t begun_ = 0;  // `number_` when the scan began
    std::uint64_t rows_ = 0;
    totals published_;
};

/// The source of a feeder: the publisher is told which stream it is, the feeder how scans fare.
class named_stream_source final : public passing_source {
  public:
    named_stream_source(stream_source& from, publisher& to, const base::clock& time)
        : passing_source{from}, to_{to}, time_{time} {}
    [[nodiscard]] base::result<stream_description> describe() override {
        auto seen = passing_source::describe();
        if (seen)
            to_.set_stream(seen->arn);
        return seen;
    }
    [[nodiscard]] base::result<scan_page> scan(std::size_t segment, std::size_t segments,
                                               std::string_view from,
                                               std::size_t count_max) override {
        auto page = passing_source::scan(segment, segments, from, count_max);
        note_scan(page);
        return page;
    }

    /// Of scans that fail, one and all, since then.
    struct scan_failure {
        base::steady_time since;
        base::failure why; // the last one's
    };
    [[nodiscard]] std::optional<scan_failure> failing_scan() const {
        const std::scoped_lock hold{mutex_};
        return failing_;
    }

  private:
    void note_scan(const base::result<scan_page>& page) {
        const std::scoped_lock hold{mutex_};
        if (page || page.error().code == feed_error::throttled)
            failing_.reset();
        else
            failing_ = {failing_ ? failing_->since : time_.steady(), page.error()};
    }

    publisher& to_;
    const base::clock& time_;
    mutable std::mutex mutex_; // scans are of several threads
    std::optional<scan_failure> failing_;
};

} // namespace postern::sync::redis
