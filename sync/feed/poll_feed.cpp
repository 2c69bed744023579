#include "sync/feed/poll_feed.hpp"

#include "sync/spread.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;
using base::result;

constexpr backoff::limits failure_pause{1s, 60s};
constexpr std::chrono::milliseconds page_gap_max = 1s;

} // namespace

poll_feed::poll_feed(const poll_options& options, stream_source& source, row_sink& sink,
                     feed_state& state, const base::clock& time, base::log& log, std::uint64_t seed)
    : options_{options}, source_{source}, state_{state}, time_{time}, random_{seed},
      snapshot_{sink, state, log}, after_failure_{failure_pause, seed} {}

result<void> poll_feed::work() {
    const auto now = time_.steady();
    // What was written here stands in the replica, so there is nothing to look for. But who writes
    // has just reached a table that may have been away.
    if (is_rung_.exchange(false, std::memory_order_relaxed) && has_failed_)
        begin_at_ = std::min(begin_at_, began_ + options_.rung_gap);
    if (!snapshot_.is_running()) {
        if (now < begin_at_)
            return {};
        begin();
    }
    const auto done = snapshot_.step([this] { return fmt::format("poll1 {}", began_ms_); });
    if (!done) {
        if (!snapshot_.is_running()) {
            has_failed_ = true;
            begin_at_ = now + after_failure_.next();
        }
        return done.error();
    }
    has_changed_ = has_changed_ || done->took_changes;
    if (done->how != snapshot::progress::goes_on)
        note_end(now);
    if (done->how == snapshot::progress::held)
        begin_at_ = now + options_.confirm_after;
    if (done->how != snapshot::progress::ended)
        return {};
    const bool is_first = state_.current_at_ms.exchange(began_ms_, std::memory_order_relaxed) == 0;
    has_changed_ = has_changed_ || is_first; // what waited for it can go on
    return {};
}

void poll_feed::begin() {
    scan_options how = options_.scan;
    const auto pages = static_cast<std::int64_t>(snapshot_.pages());
    if (pages > 0)
        how.page_gap = std::min(page_gap_max, options_.interval / 2 / pages);
    began_ = time_.steady();
    began_ms_ = base::to_epoch_ms(time_.wall());
    // Should it never end, the next one is not due before its time.
    begin_at_ = began_ + options_.interval;
    snapshot_.begin(std::make_unique<parallel_scan>(source_, how, time_, state_, random_()),
                    began_ms_, "it is due");
}

void poll_feed::note_end(base::steady_time now) {
    after_failure_.reset();
    has_failed_ = false;
    // With a rest, where a scan takes longer than the interval.
    begin_at_ = std::max(began_ + spread(options_.interval, random_), now + options_.interval / 4);
}

base::steady_time poll_feed::next_work() const {
    return snapshot_.is_running() ? snapshot_.next_at() : begin_at_;
}

} // namespace postern::sync
