#include "sync/feed/streams_feed.hpp"

#include "sync/spread.hpp"

#include <algorithm>
#include <cstdlib>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;
using base::result;

constexpr backoff::limits gap_pause{1s, 60s};
constexpr backoff::limits describe_pause{1s, 30s};
constexpr backoff::limits snapshot_pause{1s, 60s};

} // namespace

streams_feed::streams_feed(const streams_options& options, stream_source& source, row_sink& sink,
                           feed_state& state, const base::clock& time, base::log& log,
                           std::uint64_t seed)
    : options_{options}, source_{source}, sink_{sink}, state_{state}, time_{time}, log_{log},
      random_{seed}, after_gap_{gap_pause, seed + 1}, tree_{options.tree, seed},
      after_describe_{describe_pause, seed + 2}, snapshot_{sink, state, log}, after_snapshot_{
                                                                                  snapshot_pause,
                                                                                  seed + 3} {}

result<void> streams_feed::work() {
    if (is_rung_.exchange(false, std::memory_order_relaxed))
        hurry();
    const auto now = time_.steady();
    if (!is_started_)
        return now >= start_at_ ? start() : result<void>{};
    // A call for the stream, then one page of the snapshot: neither waits for the other's end.
    if (now >= describe_due()) {
        if (auto done = describe(); !done)
            return done;
    } else if (shard* const due = most_overdue()) {
        if (auto done = read(*due); !done)
            return done;
    }
    if (!is_started_)
        return {};
    if (auto kept = keep_position(); !kept)
        return kept;
    return work_on_snapshot();
}

base::steady_time streams_feed::next_work() const {
    if (!is_started_)
        return start_at_;
    base::steady_time next = describe_due();
    for (const auto& [id, one] : tree_.open())
        next = std::min(next, one.pace.due());
    if (snapshot_.is_running())
        return std::min(next, snapshot_.next_at());
    return can_begin_snapshot() ? std::min(next, snapshot_at_) : next;
}

void streams_feed::hurry() {
    for (auto& [id, one] : tree_.open())
        one.pace.ring(time_.steady());
}

result<stream_description> streams_feed::describe_paced() {
    const auto now = time_.steady();
    describe_allowed_at_ = now + options_.describe_gap;
    count_call();
    auto seen = source_.describe();
    note_answer(state_, seen, !seen && seen.error().code == feed_error::throttled);
    if (seen) {
        after_describe_.reset();
        return seen;
    }
    describe_allowed_at_ = std::max(describe_allowed_at_, now + after_describe_.next());
    if (seen.error().code == feed_error::throttled)
        state_.throttled.fetch_add(1, std::memory_order_relaxed);
    return seen;
}

result<void> streams_feed::start() {
    const auto now = time_.steady();
    start_at_ = std::max(describe_allowed_at_, now + options_.describe_gap);
    if (now < describe_allowed_at_)
        return {};
    std::string kept;
    if (!has_resumed_) {
        auto position = sink_.position();
        if (!position)
            return position.error();
        kept = std::move(*position);
    }
    const auto seen = describe_paced();
    start_at_ = std::max(start_at_, describe_allowed_at_);
    if (!seen)
        return seen.error();
    if (!seen->is_enabled)
        return base::failure{feed_error::gone, "the table's stream is switched off; the replica "
                                               "stays as it is until it is switched on again"};
    describe_at_ = now + options_.describe_interval;
    const std::string obstacle =
        has_resumed_ ? "the stream could not be followed"
                     : resume_obstacle(kept, seen->arn, now_ms(), options_.resume_within);
    if (!obstacle.empty())
        return begin_anew(*seen, obstacle);
    const stream_position from = stream_position_of(kept).value();
    arn_ = seen->arn;
    tree_.resume(from, *seen, now);
    kept_current_ms_ = from.at_ms;
    is_started_ = has_resumed_ = is_complete_ = true;
    snapshot_at_ = now + spread(options_.snapshot_interval, random_);
    log_.info("the remote table is followed from the kept position, {} s old",
              (now_ms() - from.at_ms) / 1'000);
    return {};
}

result<void> streams_feed::begin_anew(const stream_description& seen, std::string_view why) {
    // From here on no start may go on from a position of before: what is put now is newer. Where
    // there is none, none is made: what has a position counts as filled.
    const auto before = sink_.position();
    if (!before)
        return before.error();
    if (!before->empty())
        if (auto kept = sink_.put({}, loading_position); !kept)
            return kept.error();
    arn_ = seen.arn;
    tree_.begin(seen, now_ms(), time_.steady());
    is_started_ = has_resumed_ = true;
    is_complete_ = false;
    snapshot_at_ = {};
    log_.notice("the replica is filled by a snapshot: {}", why);
    return {};
}

void streams_feed::resync(std::string_view why) {
    log_.warn("a gap in the stream, a snapshot has to bridge it: {}", why);
    state_.gaps.fetch_add(1, std::memory_order_relaxed);
    snapshot_.drop();
    snapshot_.forget_held();
    tree_ = shard_tree{options_.tree, random_()};
    is_started_ = is_complete_ = false;
    has_resumed_ = true;
    // A second at least: shards may be read only so often in one, whoever reads them.
    start_at_ = std::max(describe_allowed_at_, time_.steady() + 1s + after_gap_.next());
}

base::steady_time streams_feed::describe_due() const {
    base::steady_time wanted = describe_at_;
    for (const auto& [id, one] : tree_.rollovers())
        wanted = std::min(wanted, one.ask_at);
    return std::max(wanted, describe_allowed_at_);
}

result<void> streams_feed::describe() {
    constexpr std::size_t asked_singly_max = 3; // of more at once, the whole stream costs less
    const auto now = time_.steady();
    std::vector<std::string> fresh;
    for (const auto& [id, one] : tree_.rollovers())
        if (one.asked == 0 && one.ask_at <= now)
            fresh.push_back(id);
    if (!fresh.empty() && fresh.size() <= asked_singly_max)
        return ask_for_children(fresh.front());
    const auto seen = describe_paced();
    if (!seen) {
        if (seen.error().code == feed_error::gone) {
            resync("the table has no stream");
            return {};
        }
        return seen.error().code == feed_error::throttled ? result<void>{} : seen.error();
    }
    describe_at_ = now + options_.describe_interval;
    if (seen->arn != arn_ || !seen->is_enabled) {
        resync(seen->arn != arn_ ? "the table has another stream now"
                                 : "the stream was switched off");
        return {};
    }
    if (const std::size_t given_up = tree_.add(*seen, now); given_up > 0)
        log_.warn("{} finished shards of the stream have no children", given_up);
    note_current();
    return {};
}

result<void> streams_feed::ask_for_children(const std::string& of) {
    const auto now = time_.steady();
    describe_allowed_at_ = now + options_.describe_gap;
    count_call();
    const auto seen = source_.describe_children(arn_, of);
    note_answer(state_, seen);
    // A source that cannot say, or not now, is asked for the whole stream next.
    tree_.add_children(of, seen ? *seen : stream_description{}, now);
    if (!seen && seen.error().code == feed_error::throttled) {
        state_.throttled.fetch_add(1, std::memory_order_relaxed);
        describe_allowed_at_ = now + after_describe_.next();
    }
    return {};
}

bool streams_feed::can_begin_snapshot() const {
    // What is written while a page is read has to be in an iterator's way.
    return std::none_of(tree_.open().begin(), tree_.open().end(), [](const auto& item) {
        return item.second.place == iterator_at::latest && item.second.iterator.empty();
    });
}

result<void> streams_feed::work_on_snapshot() {
    const auto now = time_.steady();
    if (!snapshot_.is_running()) {
        if (now < snapshot_at_ || !can_begin_snapshot())
            return {};
        snapshot_.begin(std::make_unique<parallel_scan>(
                            source_, is_complete_ ? options_.calm_scan : options_.scan, time_,
                            state_, random_()),
                        now_ms(), is_complete_ ? "it is due" : "the replica is not in step");
    }
    std::int64_t current_ms = 0;
    const auto done = snapshot_.step([&] {
        const stream_position here = tree_.position(arn_);
        current_ms = here.at_ms;
        return text_of(here);
    });
    if (!done) {
        if (!snapshot_.is_running())
            snapshot_at_ = now + after_snapshot_.next();
        return done.error();
    }
    has_changed_ = has_changed_ || done->took_changes;
    if (done->how == snapshot::progress::held)
        snapshot_at_ = now + options_.confirm_after;
    if (done->how != snapshot::progress::ended)
        return {};
    has_changed_ = has_changed_ || !is_complete_; // what waited for it can go on
    is_complete_ = true;
    kept_current_ms_ = current_ms;
    snapshot_at_ = now + spread(options_.snapshot_interval, random_);
    after_snapshot_.reset();
    after_gap_.reset();
    note_current();
    return {};
}

result<void> streams_feed::keep_position() {
    const std::int64_t interval_ms = options_.position_interval.count();
    const std::int64_t since_ms = tree_.current_at_ms() - kept_current_ms_;
    if (!is_complete_ || std::abs(since_ms) < interval_ms) // below 0: the clock was set back
        return {};
    const stream_position here = tree_.position(arn_);
    if (auto kept = sink_.put({}, text_of(here)); !kept)
        return kept.error();
    kept_current_ms_ = here.at_ms;
    return {};
}

void streams_feed::note_current() {
    const bool is_empty = tree_.open().empty() && tree_.rollovers().empty();
    if (!is_complete_ || is_empty || !tree_.is_settled())
        return;
    sync::note_current(state_, tree_.current_at_ms(), now_ms());
}

} // namespace postern::sync
