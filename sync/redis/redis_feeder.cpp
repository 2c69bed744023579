#include "sync/redis/redis_feeder.hpp"

#include "sync/redis/foreign_key.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace postern::sync::redis {

using namespace std::chrono_literals;
using base::failure;
using base::result;

namespace {

constexpr auto open_again_after = 1s; // while another feeder fills Redis

bool is_of_redis(const failure& why) {
    return why.code.category() == redis_error_category();
}

} // namespace

redis_feeder::feeding::feeding(redis_feeder& by, unsigned slot)
    : to{by.options_.publish, by.keys_, slot, by.options_.slots, by.token_, *by.redis_},
      from{by.source_, to, by.time_} {}

redis_feeder::redis_feeder(const feeder_options& options, const table_keys& keys, open_server open,
                           open_server open_late, stream_source& source, feed_state& state,
                           const base::clock& time, base::log& log, std::uint64_t seed)
    : options_{options}, keys_{keys}, open_{std::move(open)}, open_late_{std::move(open_late)},
      source_{source}, state_{state}, time_{time}, log_{log}, random_{seed},
      after_loss_{{}, seed + 1}, token_{fmt::format("{} {:016x}{:016x}", options.host, random_(),
                                                    std::random_device{}())} {}

redis_feeder::~redis_feeder() {
    let_go();
}

result<void> redis_feeder::work() {
    const auto now = time_.steady();
    if (slot_ == 0 && now < try_at_)
        return {};
    if (!redis_) {
        state_.calls.fetch_add(1, std::memory_order_relaxed);
        auto opened = open_();
        if (!opened && opened.error().code == redis_error::stopped)
            return {};
        if (!opened)
            return opened.error();
        redis_ = std::move(*opened);
    }
    auto done = slot_ == 0 ? try_for_lease() : feed_once();
    note_published();
    return done ? std::move(done) : give_way(explained(done.error(), *redis_, keys_));
}

base::steady_time redis_feeder::next_work() const {
    if (slot_ == 0)
        return try_at_;
    if (!feeding_ || !feeding_->stream)
        return open_at_;
    return std::min(beat_at_, feeding_->stream->next_work());
}

result<void> redis_feeder::try_for_lease() {
    try_at_ = time_.steady() + about(options_.try_interval);
    rests_because_.clear();
    std::vector<std::string> leases;
    for (unsigned slot = 1; slot <= options_.slots; ++slot)
        leases.push_back(keys_.lease(slot));
    state_.calls.fetch_add(1, std::memory_order_relaxed);
    const auto got = redis_->run(acquire_script(), leases,
                                 {token_, std::to_string(options_.publish.lease_time.count())});
    if (!got)
        return got.error();
    const auto slot = got->whole();
    if (!slot || *slot > options_.slots)
        return failure{redis_error::strange, "no lease's number"};
    // One that is got says nothing yet of what the host can do with it.
    if (*slot == 0) {
        note_answer(state_, got);
        return {};
    }
    slot_ = static_cast<unsigned>(*slot);
    state_.leases.fetch_add(1, std::memory_order_relaxed);
    feeding_ = std::make_unique<feeding>(*this, slot_);
    open_at_ = {};
    taken_at_ = good_at_ = time_.steady();
    return {};
}

result<void> redis_feeder::open_stream() {
    open_at_ = time_.steady() + open_again_after;
    const auto opened = feeding_->to.open();
    if (!opened)
        return opened.error();
    if (*opened) {
        log_.write(has_given_way_ ? base::log_level::info : base::log_level::notice,
                   fmt::format("this host feeds {} to Redis, as number {} of {}", options_.name,
                               slot_, options_.slots));
        feeding_->stream = std::make_unique<streams_feed>(
            options_.streams, feeding_->from, feeding_->to, state_, time_, log_, random_());
        beat_at_ = {};
        good_at_ = time_.steady();
        return {};
    }
    // The lease has to be kept all the same: another host would only wait, too.
    const auto kept = redis_->run(acquire_script(), {keys_.lease(slot_)},
                                  {token_, std::to_string(options_.publish.lease_time.count())});
    if (!kept)
        return kept.error();
    return kept->whole() == 1 ? result<void>{} : failure{redis_error::lease_lost, {}};
}

result<void> redis_feeder::feed_once() {
    if (!feeding_->stream) {
        if (time_.steady() < open_at_)
            return {};
        return open_stream();
    }
    if (is_rung_.exchange(false, std::memory_order_relaxed))
        feeding_->stream->ring();
    const std::uint64_t answers = state_.answers.load(std::memory_order_relaxed);
    auto done = feeding_->stream->work();
    // A call that failed, and is no news yet, is none that says that the table can be read.
    if (state_.answers.load(std::memory_order_relaxed) != answers)
        good_at_ = time_.steady();
    if (!done && is_of_redis(done.error()))
        return done;
    if (time_.steady() >= beat_at_)
        if (auto kept = beat(); !kept)
            return kept;
    if (!done || !is_of_no_use()) {
        note_use();
        return done;
    }
    // Of each shard the first failures are no news: of many that hang, none is for minutes.
    return failing_scan().value_or(failure{store_error::unavailable, "its calls have no answer"});
}

/// Where Redis has all of it, a scan only confirms that, and can wait.
std::optional<failure> redis_feeder::failing_scan() const {
    if (!feeding_ || !feeding_->stream || feeding_->stream->is_complete())
        return std::nullopt;
    const auto failing = feeding_->from.failing_scan();
    if (!failing || time_.steady() - failing->since < options_.patience)
        return std::nullopt;
    return failing->why;
}

bool redis_feeder::is_of_no_use() const {
    return time_.steady() - good_at_ >= options_.patience || failing_scan();
}

void redis_feeder::note_use() {
    // Longer than it takes to find out that it is of none.
    if (has_given_way_ && feeding_->stream->is_complete() &&
        good_at_ - taken_at_ >= 2 * options_.patience) {
        has_given_way_ = false;
        log_.notice("{} is fed to Redis from here again", options_.name);
    }
}

result<void> redis_feeder::beat() {
    beat_at_ = time_.steady() + options_.beat_interval;
    const std::int64_t current = state_.current_at_ms.load(std::memory_order_relaxed);
    std::optional<std::int64_t> lag_ms;
    if (current != 0)
        lag_ms = base::to_epoch_ms(time_.wall()) - current;
    auto kept = feeding_->to.beat(lag_ms);
    if (kept)
        after_loss_.reset();
    return kept;
}

result<void> redis_feeder::give_way(const failure& why) {
    const auto now = time_.steady();
    if (why.code == redis_error::stopped)
        return {}; // the lease is let go by the destructor
    if (!is_of_redis(why)) {
        if (slot_ == 0 || !is_of_no_use())
            return why;
        // Said of the scan, where that is all that fails.
        const failure cause = failing_scan().value_or(why);
        let_go();
        try_at_ = now + about(options_.rest);
        state_.gave_way.fetch_add(1, std::memory_order_relaxed);
        rests_because_ = fmt::format("{}; it has left that to other hosts, and tries again in {} s",
                                     cause.text(), (try_at_ - now) / 1s);
        if (!std::exchange(has_given_way_, true))
            log_.warn("{} cannot be read here for {} s, another host may feed Redis: {}",
                      options_.name, options_.patience / 1s, cause.text());
        return cause;
    }
    // What is in memory may be ahead of what is in Redis now: whoever feeds next, this host as
    // well, begins at the position that Redis has. A lease that is still its own it finds again.
    forget();
    has_lease_no_more();
    try_at_ = now + after_loss_.next();
    if (why.code == redis_error::lease_lost || why.code == redis_error::other_data) {
        log_.notice("{} is fed to Redis anew: {}", options_.name, why.text());
        return {};
    }
    redis_.reset();
    return why;
}

void redis_feeder::has_lease_no_more() {
    if (std::exchange(slot_, 0) != 0)
        state_.leases_ended.fetch_add(1, std::memory_order_relaxed);
}

void redis_feeder::note_published() {
    if (!feeding_)
        return;
    const publisher::totals now = feeding_->to.published();
    const publisher::totals told = std::exchange(feeding_->told, now);
    const auto add = [](std::atomic<std::uint64_t>& to, std::uint64_t more) {
        to.fetch_add(more, std::memory_order_relaxed);
    };
    add(state_.published, now.changes - told.changes);
    add(state_.passed_over, now.passed_over - told.passed_over);
    add(state_.published_snapshots, now.snapshots - told.snapshots);
}

void redis_feeder::forget() {
    feeding_.reset();
    state_.current_at_ms.store(0, std::memory_order_relaxed);
}

void redis_feeder::let_go() {
    forget();
    if (redis_ && slot_ != 0) {
        // Where this fails the lease ends by itself.
        if (const auto late = open_late_())
            (void)(*late)->run(release_script(), {keys_.lease(slot_)}, {token_});
    }
    has_lease_no_more();
}

std::chrono::milliseconds redis_feeder::about(std::chrono::milliseconds time) {
    const std::int64_t third = time.count() / 3;
    return time + std::chrono::milliseconds{
                      std::uniform_int_distribution<std::int64_t>{-third, third}(random_)};
}

} // namespace postern::sync::redis
