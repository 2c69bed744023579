#include "sync/dynamodb/dynamodb_table.hpp"

#include "sync/dynamodb/dynamodb_source.hpp"
#include "sync/dynamodb/replica_view.hpp"
#include "sync/dynamodb/session_items.hpp"
#include "sync/feed/poll_feed.hpp"
#include "sync/feed/streams_feed.hpp"
#include "sync/redis/redis_feed.hpp"
#include "sync/redis/redis_feeder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <unistd.h>
#include <unordered_map>

namespace postern::sync::dynamodb {
namespace {

using base::failure;
using base::result;

constexpr std::size_t defects_max = 10'000; // remembered, so that each is told once
constexpr unsigned failures_max = 16;       // of a flush, before it gives up
constexpr std::chrono::milliseconds late_call_timeout{500};
/// Of a feeder, which renews its lease of 10 s between two calls: a table that hangs takes it from
/// nobody within the feeder's patience.
constexpr std::chrono::milliseconds feeder_call_timeout{6'000};

/// A feed with what it reads from and fills; without what it has no use for.
class whole_feed final : public feed {
  public:
    result<void> work() override { return feed_->work(); }
    base::steady_time next_work() const override { return feed_->next_work(); }
    void ring() noexcept override { feed_->ring(); }
    std::string_view waits_for() const override { return feed_->waits_for(); }
    bool took_changes() noexcept override { return feed_->took_changes(); }
    bool is_lost() const override { return sink_ && sink_->is_lost(); }

    std::unique_ptr<stream_source> source_;
    std::unique_ptr<row_sink> sink_;
    std::unique_ptr<feed> feed_; // after what it refers to
};

std::unique_ptr<feed> make_feed(const table_options& options, stream_source& source, row_sink& sink,
                                feed_state& state, const base::clock& time, base::log& log) {
    const std::uint64_t seed = std::random_device{}();
    if (options.feed == table_options::feed_kind::poll)
        return std::make_unique<poll_feed>(poll_options{.interval = options.poll_interval}, source,
                                           sink, state, time, log, seed);
    return std::make_unique<streams_feed>(streams_options{}, source, sink, state, time, log, seed);
}

/// "HOST/PID", a word: what others read in a lease.
std::string name_of_this_process() {
    std::array<char, 256> name{};
    static_cast<void>(::gethostname(name.data(), name.size() - 1));
    std::string host{name.data()};
    for (char& c : host)
        if (std::isgraph(static_cast<unsigned char>(c)) == 0)
            c = '-';
    return fmt::format("{}/{}", host, ::getpid());
}

redis::open_server server_of(const redis::server_options& options, const std::stop_token& stop) {
    return [options, stop] { return redis::connect(options, stop); };
}

/// At the end of a process there is little time.
redis::open_server late_server_of(redis::server_options options) {
    options.connect_timeout = options.call_timeout = late_call_timeout;
    return server_of(options, {});
}

class dynamodb_table final : public remote_table {
  public:
    dynamodb_table(const table_options& options, std::unique_ptr<aws::account> by,
                   const base::clock& time, base::log& log)
        : options_{options}, account_{std::move(by)}, time_{time}, log_{log},
          look_calls_{account_->calls_within(options_.look_timeout, log)},
          feeder_calls_{account_->calls_within(feeder_call_timeout, log)}, items_{account_->calls(),
                                                                                  options_, time,
                                                                                  units_},
          looked_{*look_calls_, options_, time, units_}, replica_{replica_options_of(
                                                             options_, account_->calls())} {}

    const replica_options& replica() const override { return replica_; }
    std::size_t feeds() const override { return options_.containers ? 2 : 1; }
    std::size_t helpers() const override {
        const bool may_feed =
            options_.feed == table_options::feed_kind::redis && options_.feeders > 0;
        return may_feed ? feeds() : 0;
    }
    result<std::unique_ptr<feed>> open_feed(std::size_t which, feed_state& state,
                                            const std::stop_token& stop) override;
    result<void> add_activity(const std::vector<activity_update>& updates,
                              std::vector<std::size_t>& failed,
                              const std::stop_token& stop) override;
    bool looks_through() const override { return !options_.id_in_key.empty(); }
    result<std::optional<session>> look_for(std::string_view route_key,
                                            const std::stop_token& stop) override;
    remote_usage usage() const override {
        aws::client_counters all = account_->calls().counters();
        for (const auto& more : {look_calls_->counters(), feeder_calls_->counters()}) {
            all.calls += more.calls;
            all.failed_calls += more.failed_calls;
            all.retries += more.retries;
            all.throttled += more.throttled;
        }
        return usage_of(all, units_);
    }

  private:
    void note_defect(const std::string& table, std::string_view key, const std::string& defect);
    /// Before its feed with this number is opened.
    result<void> look_after_replica(std::size_t which);

    const table_options options_;
    std::unique_ptr<aws::account> account_;
    const base::clock& time_;
    base::log& log_;
    std::unique_ptr<aws::client> look_calls_, feeder_calls_;
    write_units units_;
    session_items items_, looked_;
    const replica_options replica_;

    std::mutex here_mutex_; // over what follows
    replica_view here_{replica_, time_};

    std::mutex opened_mutex_;
    std::set<std::size_t> opened_; // feeds, once or more often

    std::mutex defects_mutex_;                             // feeds are of different threads
    std::unordered_map<std::string, std::size_t> defects_; // hash of the sentence, by table and key
};

void dynamodb_table::note_defect(const std::string& table, std::string_view key,
                                 const std::string& defect) {
    const std::scoped_lock hold{defects_mutex_};
    if (defects_.size() >= defects_max)
        defects_.clear();
    const std::size_t told = std::hash<std::string>{}(defect);
    std::size_t& last = defects_[table + '\n' + std::string{key}];
    if (std::exchange(last, told) != told)
        log_.warn("table {}: the item {} cannot be used: {}", table, key, defect);
}

result<void> dynamodb_table::look_after_replica(std::size_t which) {
    const std::scoped_lock hold{opened_mutex_}; // so that one feed renews it, for both
    if (opened_.insert(which).second)
        return {};
    return renew_replica(replica_, [&](const std::string& sentence) { log_.warn("{}", sentence); });
}

result<std::unique_ptr<feed>> dynamodb_table::open_feed(std::size_t which, feed_state& state,
                                                        const std::stop_token& stop) {
    const bool is_helper = which >= feeds();
    const bool of_sessions = which % feeds() == 0;
    const std::string& table = of_sessions ? options_.table : options_.containers->table;
    auto made = std::make_unique<whole_feed>();
    if (!is_helper) {
        if (auto there = look_after_replica(which); !there)
            return there.error();
        const auto note = [this, table](std::string_view key, const std::string& defect) {
            note_defect(table, key, defect);
        };
        auto sink = of_sessions ? open_session_rows(replica_, time_, note)
                                : open_container_rows(replica_, note);
        if (!sink)
            return sink.error();
        made->sink_ = std::move(*sink);
    }
    const bool by_redis = options_.feed == table_options::feed_kind::redis;
    const redis::table_keys keys{table, replica_.of};
    if (by_redis && !is_helper) {
        made->feed_ = std::make_unique<redis::redis_feed>(
            redis::redis_feed_options{}, keys, server_of(options_.redis, stop), *made->sink_, state,
            time_, log_, std::random_device{}());
        return std::unique_ptr<feed>{std::move(made)};
    }
    made->source_ = std::make_unique<dynamodb_source>(
        by_redis ? *feeder_calls_ : account_->calls(), table,
        of_sessions ? session_form(options_.attributes) : container_form(*options_.containers),
        stop);
    if (by_redis) {
        redis::feeder_options how;
        how.slots = options_.feeders;
        how.name = fmt::format("table {}", table);
        how.host = name_of_this_process();
        made->feed_ = std::make_unique<redis::redis_feeder>(
            how, keys, server_of(options_.redis, stop), late_server_of(options_.redis),
            *made->source_, state, time_, log_, std::random_device{}());
    } else {
        made->feed_ = make_feed(options_, *made->source_, *made->sink_, state, time_, log_);
    }
    return std::unique_ptr<feed>{std::move(made)};
}

result<void> dynamodb_table::add_activity(const std::vector<activity_update>& updates,
                                          std::vector<std::size_t>& failed,
                                          const std::stop_token& stop) {
    std::atomic<std::size_t> next{0};
    std::atomic<unsigned> failures{0};
    std::mutex mutex; // of what follows
    failure first;
    const auto work = [&] {
        for (;;) {
            const std::size_t at = next.fetch_add(1);
            if (at >= updates.size())
                return;
            // A table that is away is not asked once a session.
            if (stop.stop_requested() || failures.load() >= failures_max) {
                const std::scoped_lock hold{mutex};
                failed.push_back(at);
                continue;
            }
            const auto added = items_.add_activity(updates[at], stop);
            if (added)
                continue;
            if (added.error().code == store_error::invalid) { // it never will be taken
                note_defect(options_.table, updates[at].session_id, added.error().what);
                continue;
            }
            failures.fetch_add(1);
            const std::scoped_lock hold{mutex};
            failed.push_back(at);
            if (!first.code)
                first = added.error();
        }
    };
    {
        std::vector<std::jthread> others;
        const std::size_t threads =
            std::min<std::size_t>(options_.activity_threads, updates.size());
        for (std::size_t i = 1; i < threads; ++i)
            others.emplace_back(work);
        work();
    }
    std::sort(failed.begin(), failed.end());
    if (failed.empty())
        return {};
    return first.code ? first : failure{store_error::unavailable, "stopped"};
}

result<std::optional<session>> dynamodb_table::look_for(std::string_view route_key,
                                                        const std::stop_token& stop) {
    const auto id = base::text_of_route_key(options_.id_in_key, options_.route_key, route_key);
    if (!id)
        return std::optional<session>{};
    const auto here = [this](auto act) {
        const std::scoped_lock hold{here_mutex_};
        return here_.with_writer(act);
    };
    const auto since = here([](replica_writer& of) { return of.mark(); });
    if (!since)
        return since.error();
    auto item = looked_.read(*id, stop);
    if (!item)
        return item.error();
    if (!*item)
        return std::optional<session>{};
    stored_session& read = (*item)->row.read;
    if (!read.defect.empty()) {
        note_defect(options_.table, (*item)->key, read.defect);
        return std::optional<session>{};
    }
    // Others than the id may be in the key, and made up.
    if (read.record.route_key != route_key)
        return std::optional<session>{};
    const auto put = here([&](replica_writer& to) {
        return to.found((*item)->key, (*item)->row, (*item)->version, *since);
    });
    if (!put)
        return put.error();
    return std::optional{std::move(read.record)};
}

} // namespace

result<std::unique_ptr<remote_table>> open_dynamodb_table(const table_options& options,
                                                          const base::clock& time, base::log& log) {
    auto by = aws::account::open(options.account, aws::process_environment(), time, log);
    if (!by)
        return failure{store_error::unavailable, by.error().what};
    return std::unique_ptr<remote_table>{
        std::make_unique<dynamodb_table>(options, std::move(*by), time, log)};
}

} // namespace postern::sync::dynamodb
