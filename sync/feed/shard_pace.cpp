#include "sync/feed/shard_pace.hpp"

#include <algorithm>

namespace postern::sync {

void shard_pace::set_due(base::steady_time when) noexcept {
    const base::steady_time oldest = calls_[next_call_];
    due_ = std::max(when, not_before_);
    if (oldest != base::steady_time{})
        due_ = std::max(due_, oldest + window);
}

void shard_pace::opened(iterator_at where, base::steady_time now) noexcept {
    is_settled_ = false;
    calm_pages_ = 0;
    pages_needed_ = where == iterator_at::latest ? 1 : limits_.settling_pages;
    interval_ = limits_.poll_min;
    active_until_ = now + limits_.active_for;
    set_due(now);
}

void shard_pace::calls(base::steady_time now) noexcept {
    if (was_full_)
        return;
    calls_[next_call_] = now;
    next_call_ = (next_call_ + 1) % calls_max;
}

void shard_pace::took(bool has_records, bool is_full, base::steady_time now) noexcept {
    throttled_.reset();
    was_full_ = is_full;
    calm_pages_ = is_full ? 0 : calm_pages_ + 1;
    is_settled_ = is_settled_ || calm_pages_ >= pages_needed_;
    if (has_records)
        active_until_ = now + limits_.active_for;
    interval_ = now < active_until_ ? limits_.poll_min : std::min(interval_ * 2, limits_.poll_max);
    if (is_full)
        due_ = now;
    else
        set_due(now + interval_);
}

void shard_pace::ring(base::steady_time now) noexcept {
    active_until_ = std::max(active_until_, now + limits_.poll_max);
    interval_ = limits_.poll_min;
    if (due_ > now)
        set_due(now);
}

void shard_pace::throttle(base::steady_time now) {
    was_full_ = false; // the call after it counts like any other
    not_before_ = now + throttled_.next();
    set_due(not_before_);
}

void shard_pace::delay(base::steady_time now) noexcept {
    was_full_ = false;
    set_due(now + limits_.poll_min);
}

} // namespace postern::sync
