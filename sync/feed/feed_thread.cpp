#include "sync/feed/feed_thread.hpp"

#include "base/call_notes.hpp"

#include <algorithm>

namespace postern::sync {

using base::result;

namespace {

constexpr std::chrono::seconds lost_after{1}; // a look at the replica, however idle the feed is

} // namespace

feed_thread::feed_thread(feed_thread_options options, open_feed open, feed_state& state,
                         std::function<void()> changed, const base::clock& time, base::log& log,
                         std::uint64_t seed)
    : options_{std::move(options)}, open_{std::move(open)}, state_{state},
      changed_{std::move(changed)}, time_{time}, log_{log}, backoff_{options_.pause, seed},
      thread_{[this](const std::stop_token& stop) { run(stop); }} {}

feed_thread::~feed_thread() {
    thread_.request_stop();
    thread_.join();
}

void feed_thread::ring() noexcept {
    {
        const std::lock_guard lock{mutex_};
        is_rung_ = true;
    }
    woken_.notify_all();
}

void feed_thread::run(const std::stop_token& stop) {
    while (!stop.stop_requested())
        wait(stop, turn(stop));
    feed_.reset();
}

void feed_thread::wait(const std::stop_token& stop, base::steady_time until) {
    std::unique_lock lock{mutex_};
    for (;;) {
        const auto look_at = time_.steady() + lost_after;
        if (woken_.wait_until(lock, stop, std::min(until, look_at), [this] { return is_rung_; }))
            break;
        if (stop.stop_requested() || until <= look_at || (feed_ && feed_->is_lost()))
            return;
    }
    if (!is_away_)
        return;
    // A ring tries a remote side that is away again, not more often than this.
    const auto earliest = std::min(until, tried_at_ + options_.rung_retry_after);
    woken_.wait_until(lock, stop, earliest, [] { return false; });
}

base::steady_time feed_thread::turn(const std::stop_token& stop) {
    const std::uint64_t answers_before = state_.answers.load(std::memory_order_relaxed);
    tried_at_ = time_.steady();
    const auto done = work(stop);
    if (feed_ && feed_->took_changes())
        changed_();
    if (!done)
        return go_away(done.error());
    is_away_ = false;
    // Nothing was due, or what was begun has no answer yet: that says nothing of the remote side.
    if (state_.answers.load(std::memory_order_relaxed) != answers_before)
        note_working();
    // Not yet that nothing keeps it, while a failure may come again.
    if (const auto why = feed_->waits_for(); logged_.empty() || !why.empty())
        tell(why);
    return feed_->next_work();
}

result<void> feed_thread::work(const std::stop_token& stop) {
    if (feed_ && feed_->is_lost()) {
        feed_.reset();
        told_.clear(); // what was told to what is lost
    }
    if (!feed_) {
        auto opened = open_(stop);
        if (!opened)
            return opened.error();
        feed_ = std::move(*opened);
    }
    bool is_rung = false;
    {
        const std::lock_guard lock{mutex_};
        is_rung = std::exchange(is_rung_, false);
    }
    if (is_rung)
        feed_->ring();
    return feed_->work();
}

base::steady_time feed_thread::go_away(const base::failure& why) {
    is_away_ = true;
    failed_at_ = time_.steady();
    state_.errors.fetch_add(1, std::memory_order_relaxed);
    if (std::find(logged_.begin(), logged_.end(), why.code) == logged_.end()) {
        logged_.push_back(why.code);
        log_.error("{} is away, {}: {}", options_.name, options_.meanwhile, why.text());
    }
    tell(why.text());
    return failed_at_ + backoff_.next();
}

void feed_thread::note_working() {
    backoff_.reset();
    if (logged_.empty() || time_.steady() - failed_at_ < options_.back_after)
        return;
    logged_.clear();
    log_.notice("{} is back", options_.name);
}

void feed_thread::tell(std::string_view said) {
    const std::string why = base::without_notes(said);
    if (told_ != why && (!options_.tell || options_.tell(why)))
        told_ = why;
}

} // namespace postern::sync
