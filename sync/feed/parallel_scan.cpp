#include "sync/feed/parallel_scan.hpp"

#include <algorithm>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;
using base::result;

constexpr backoff::limits failure_pause{100ms, 5s};
constexpr backoff::limits throttle_pause{1s, 20s};
constexpr auto look_again_after = 10ms; // for pages that threads read

} // namespace

parallel_scan::parallel_scan(stream_source& source, const scan_options& options,
                             const base::clock& time, feed_state& state, std::uint64_t seed)
    : source_{source}, options_{options}, time_{time}, state_{state} {
    for (std::size_t i = 0; i < std::max<std::size_t>(options_.segments, 1); ++i)
        segments_.push_back({i,
                             {},
                             false,
                             0,
                             {},
                             backoff{failure_pause, seed + 2 * i},
                             backoff{throttle_pause, seed + 2 * i + 1}});
    for (std::size_t i = 0; i < std::min(options_.threads, segments_.size()); ++i)
        threads_.emplace_back([this] { run(); });
}

parallel_scan::~parallel_scan() {
    {
        const std::lock_guard lock{mutex_};
        stops_ = true;
    }
    changed_.notify_all();
    for (std::thread& one : threads_)
        one.join();
}

void parallel_scan::read(segment& one) {
    state_.calls.fetch_add(1, std::memory_order_relaxed);
    const std::int64_t from_ms =
        options_.as_of_ms != 0 ? options_.as_of_ms : base::to_epoch_ms(time_.wall());
    auto page = source_.scan(one.index, segments_.size(), one.from, options_.page_rows);
    if (page)
        for (row_change& row : page->rows)
            row.read_from_ms = from_ms;
    note_answer(state_, page, !page && page.error().code == feed_error::throttled);
    const std::lock_guard lock{mutex_};
    if (!page) {
        note_failure(one, page.error());
        return;
    }
    one.tries = 0;
    one.after_failure.reset();
    one.after_throttle.reset();
    one.due = time_.steady() + options_.page_gap;
    one.from = std::move(page->next);
    one.is_done = one.from.empty();
    segments_done_ += one.is_done ? 1 : 0;
    state_.rows_scanned.fetch_add(page->rows.size(), std::memory_order_relaxed);
    ahead_.push_back(std::move(page->rows));
}

void parallel_scan::note_failure(segment& one, const base::failure& why) {
    if (why.code == feed_error::throttled) {
        state_.throttled.fetch_add(1, std::memory_order_relaxed);
        one.due = time_.steady() + one.after_throttle.next();
        return;
    }
    one.due = time_.steady() + one.after_failure.next();
    if (++one.tries >= options_.tries_max)
        failure_ = why;
}

void parallel_scan::run() {
    std::unique_lock lock{mutex_};
    while (next_segment_ < segments_.size()) {
        segment& mine = segments_[next_segment_++];
        while (!mine.is_done) {
            // The wait for the page's time is by the real clock: the threads are.
            const auto wait = mine.due - time_.steady();
            changed_.wait_for(lock, wait, [this] { return stops_ || failure_; });
            changed_.wait(lock, [this] {
                return stops_ || failure_ || ahead_.size() + being_read_ < options_.pages_ahead;
            });
            if (stops_ || failure_)
                return;
            ++being_read_;
            lock.unlock();
            read(mine);
            lock.lock();
            --being_read_;
            if (failure_)
                changed_.notify_all();
        }
    }
}

void parallel_scan::read_ahead() {
    const auto now = time_.steady();
    for (std::size_t i = 0; i < segments_.size(); ++i) {
        segment& one = segments_[next_segment_++ % segments_.size()];
        if (!one.is_done && one.due <= now)
            return read(one);
    }
}

bool parallel_scan::is_read_out() const {
    return segments_done_ == segments_.size();
}

std::optional<parallel_scan::rows> parallel_scan::take() {
    const std::lock_guard lock{mutex_};
    // Without threads pages are taken as late as with them.
    const bool is_ready =
        threads_.empty() ? ahead_.size() >= options_.pages_ahead || is_read_out() : true;
    if (ahead_.empty() || !is_ready)
        return std::nullopt;
    rows page = std::move(ahead_.front());
    ahead_.pop_front();
    ++pages_;
    return page;
}

result<std::optional<parallel_scan::rows>> parallel_scan::next() {
    if (threads_.empty() && !failure_ && ahead_.size() < options_.pages_ahead)
        read_ahead();
    {
        const std::lock_guard lock{mutex_};
        if (failure_)
            return *failure_;
    }
    auto page = take();
    if (page)
        changed_.notify_all();
    return page;
}

bool parallel_scan::is_at_end() const {
    const std::lock_guard lock{mutex_};
    return !failure_ && ahead_.empty() && is_read_out();
}

base::steady_time parallel_scan::next_at() const {
    const std::lock_guard lock{mutex_};
    if (failure_ || is_read_out() || ahead_.size() >= options_.pages_ahead)
        return {};
    if (!threads_.empty())
        return ahead_.empty() ? time_.steady() + look_again_after : base::steady_time{};
    base::steady_time due = base::steady_time::max();
    for (const segment& one : segments_)
        if (!one.is_done)
            due = std::min(due, one.due);
    return due;
}

} // namespace postern::sync
