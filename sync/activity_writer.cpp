#include "sync/activity_writer.hpp"

#include <algorithm>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t batch_sessions_max = 200; // in one transaction: other writers wait for it
constexpr auto rest_patience = 2s;              // for a store on this host, at the end
constexpr auto rest_longest = 8s;               // for one elsewhere
constexpr auto collect_interval_remote = 1s;    // so that sessions that end are seen to
constexpr auto adapt_every = 60s;
constexpr auto retry_after = 5s;
/// What an index on status takes of updates of one status (a partition of DynamoDB: 1000 write
/// units a second, two an update), halved for what else is written.
constexpr std::int64_t updates_per_second = 250;

} // namespace

activity_writer::activity_writer(const options& opts, cache::session_writer& table,
                                 const base::clock& time, base::log& log, activity_sender* sender,
                                 std::uint64_t seed)
    : options_{opts}, table_{table}, time_{time}, log_{log}, sender_{sender},
      flow_{opts.history, sender == nullptr ? 0ms : opts.flush_interval, seed} {
    table_.for_each_active(
        [&](std::string_view, const cache::route& of, const cache::activity& line) {
            flow_.prime(of, line, now_ms(), time_.steady());
        });
    collect_at_ = time_.steady() +
                  (sender_ == nullptr ? options_.flush_interval : std::chrono::milliseconds{0});
}

void activity_writer::collect() {
    const std::int64_t wall_ms = now_ms();
    const auto now = time_.steady();
    table_.for_each_active(
        [&](std::string_view, const cache::route& of, const cache::activity& line) {
            flow_.collect(of, line, wall_ms, now);
        });
}

void activity_writer::adapt_interval(base::steady_time now) {
    adapt_at_ = now + adapt_every;
    std::int64_t active = 0;
    table_.for_each([&](std::string_view, const cache::route& one) {
        active += one.state == cache::route_state::active ? 1 : 0;
    });
    const std::chrono::milliseconds wanted{active * 1000 / updates_per_second};
    const auto longest = std::max(options_.flush_interval, options_.flush_interval_max);
    flow_.set_interval(std::clamp(wanted, options_.flush_interval, longest));
    if (wanted > longest && !std::exchange(is_capped_, true))
        log_.warn("activity of {} active sessions should go back once in {} s, for the sake of the "
                  "store's index on status, but a third of idle_timeout is {} s: make idle_timeout "
                  "longer",
                  active, wanted / 1s, longest / 1s);
}

bool activity_writer::can_write(const store* connected) const {
    return sender_ != nullptr ? !sender_->is_busy() : connected != nullptr;
}

base::steady_time activity_writer::work(store* connected) {
    const auto now = time_.steady();
    if (sender_ != nullptr)
        take_outcome();
    if (sender_ != nullptr && now >= adapt_at_)
        adapt_interval(now);
    if (now >= collect_at_) {
        collect_at_ = now + (sender_ == nullptr
                                 ? options_.flush_interval
                                 : std::min<std::chrono::milliseconds>(collect_interval_remote,
                                                                       options_.flush_interval));
        collect();
    }
    if (!can_write(connected))
        return collect_at_;
    if (now >= std::max(write_at_, flow_.due())) {
        if (sender_ != nullptr)
            sender_->send(flow_.next(batch_sessions_max, now, now_ms()));
        else
            write_some(*connected);
    }
    return can_write(connected) ? std::min(collect_at_, std::max(write_at_, flow_.due()))
                                : collect_at_;
}

void activity_writer::write_some(store& to) {
    const auto updates = flow_.next(batch_sessions_max, time_.steady(), now_ms());
    const auto written = to.add_activity(updates);
    if (written) {
        wrote(updates);
    } else {
        flow_.failed(updates, time_.steady());
        write_at_ = collect_at_;
    }
    note(written ? updates.size() : 0, written);
}

void activity_writer::wrote(const std::vector<activity_update>& updates) {
    late_until_ms_ = late_until_ms();
    flow_.wrote(updates, time_.steady());
}

void activity_writer::take_outcome() {
    auto done = sender_->finished(0ms);
    if (!done)
        return;
    const auto now = time_.steady();
    wrote(done->written);
    flow_.failed(done->failed, now + retry_after);
    if (!done->failed.empty() && done->written.empty())
        write_at_ = now + retry_after;
    note(done->written.size(), done->result);
}

void activity_writer::note(std::size_t written, const base::result<void>& result) {
    table_.count(cache::counter::activity_written, written);
    const bool failed = result.has_error();
    if (failed) {
        table_.count(cache::counter::sync_errors);
        if (!has_failed_)
            log_.warn("activity of {} sessions waits, the store did not take it: {}", flow_.owed(),
                      result.error().text());
    }
    has_failed_ = failed;
}

void activity_writer::write_the_rest(store* connected) {
    const auto end = time_.steady() + rest_longest;
    collect();
    has_failed_ = false;
    write_at_ = {};
    if (sender_ == nullptr && connected != nullptr) {
        connected->set_patience(rest_patience);
        while (flow_.owed() > 0 && !has_failed_)
            write_some(*connected);
    }
    while (sender_ != nullptr && !has_failed_ && time_.steady() < end) {
        flow_.hurry(time_.steady());
        if (!sender_->is_busy()) {
            if (flow_.due() > time_.steady())
                break;
            sender_->send(flow_.next(batch_sessions_max, time_.steady(), now_ms()));
        }
        auto done = sender_->finished(
            std::chrono::duration_cast<std::chrono::milliseconds>(end - time_.steady()));
        if (!done)
            break;
        wrote(done->written);
        flow_.failed(done->failed, end);
        note(done->written.size(), done->result);
    }
    if (flow_.owed() > 0)
        log_.warn("activity of {} sessions was not written to the store before the end",
                  flow_.owed());
}

} // namespace postern::sync
