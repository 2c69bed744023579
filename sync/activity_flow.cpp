#include "sync/activity_flow.hpp"

#include <algorithm>
#include <utility>

namespace postern::sync {
namespace {

/// A clock set wrong must not keep a session alive for days.
std::int64_t not_after(std::int64_t seen_ms, std::int64_t now_ms) noexcept {
    return std::min(seen_ms, now_ms);
}

/// Lines only grow while their session lives; less than before means that the file was damaged and
/// the line begun anew.
std::uint64_t gained(std::uint64_t now, std::uint64_t before) noexcept {
    return now >= before ? now - before : now;
}

} // namespace

activity_flow::baseline& activity_flow::baseline_of(const cache::activity_ref& ref) {
    if (ref.line >= baselines_.size())
        baselines_.resize(std::size_t{ref.line} + 1);
    baseline& known = baselines_[ref.line];
    if (known.epoch != ref.epoch)
        known = {ref.epoch};
    return known;
}

void activity_flow::prime(const cache::route& of, const cache::activity& line, std::int64_t now_ms,
                          base::steady_time now) {
    baseline& known = baseline_of(of.activity);
    known.requests = line.requests;
    known.bytes = line.bytes_in + line.bytes_out;
    known.last_seen_ms = not_after(line.last_seen_ms, now_ms);
    if (known.last_seen_ms == 0)
        return;
    owe(of, known.last_seen_ms, 0, 0, now);
    // It may be what the sync before could not write.
    debt& one = owed_.at(std::string{of.session_id()});
    one.update.tried_at_ms = known.last_seen_ms;
    make_late(one, now);
}

void activity_flow::collect(const cache::route& of, const cache::activity& line,
                            std::int64_t now_ms, base::steady_time now) {
    baseline& known = baseline_of(of.activity);
    const std::uint64_t bytes = line.bytes_in + line.bytes_out;
    const std::uint64_t more_requests = gained(line.requests, known.requests);
    const std::uint64_t more_bytes = gained(bytes, known.bytes);
    const std::int64_t seen_ms = not_after(line.last_seen_ms, now_ms);
    const bool is_news = more_requests != 0 || more_bytes != 0 || seen_ms > known.last_seen_ms;
    known.requests = line.requests;
    known.bytes = bytes;
    known.last_seen_ms = std::max(known.last_seen_ms, seen_ms);
    if (is_news)
        owe(of, known.last_seen_ms, more_requests, more_bytes, now);
}

void activity_flow::owe(const cache::route& of, std::int64_t last_seen_ms, std::uint64_t requests,
                        std::uint64_t bytes, base::steady_time now) {
    const auto [place, is_new] = owed_.try_emplace(std::string{of.session_id()});
    debt& one = place->second;
    activity_update& update = one.update;
    update.session_id = of.session_id();
    update.last_activity_at_ms = std::max(update.last_activity_at_ms, last_seen_ms);
    if (last_seen_ms > 0)
        update.ttl_ms = std::max(update.ttl_ms, last_seen_ms + history_.count());
    update.requests += requests;
    update.bytes += bytes;
    // What ends is written while its record is there: its books are complete then.
    const bool is_ending = of.state != cache::route_state::active;
    if (is_new)
        make_due(one, is_ending ? now : after_a_while(now));
    else if (is_ending && !one.is_on_its_way && one.due > now)
        make_due(one, now);
}

base::steady_time activity_flow::after_a_while(base::steady_time now) {
    const auto extra =
        std::uniform_int_distribution<std::int64_t>{0, interval_.count() / 5}(random_);
    return now + interval_ + std::chrono::milliseconds{extra};
}

void activity_flow::make_due(debt& one, base::steady_time when) {
    one.due = when;
    times_.push({when, one.update.session_id});
}

void activity_flow::make_late(debt& one, base::steady_time again) {
    late_ += std::exchange(one.is_late, true) ? 0 : 1;
    make_due(one, again);
}

void activity_flow::drop_outdated() {
    while (!times_.empty()) {
        const auto found = owed_.find(times_.top().session_id);
        if (found != owed_.end() && !found->second.is_on_its_way &&
            found->second.due == times_.top().at)
            return;
        times_.pop();
    }
}

base::steady_time activity_flow::due() const noexcept {
    return times_.empty() ? base::steady_time::max() : times_.top().at;
}

void activity_flow::hurry(base::steady_time now) {
    for (auto& [id, one] : owed_)
        if (!one.is_on_its_way && one.due > now)
            make_due(one, now);
}

std::vector<activity_update> activity_flow::next(std::size_t count_max, base::steady_time now,
                                                 std::int64_t now_ms) {
    std::vector<activity_update> some;
    for (drop_outdated(); some.size() < count_max && due() <= now; drop_outdated()) {
        debt& one = owed_.at(times_.top().session_id);
        one.is_on_its_way = true;
        if (one.update.tried_at_ms == 0)
            one.update.tried_at_ms = now_ms;
        some.push_back(one.update);
        times_.pop();
    }
    drop_outdated();
    return some;
}

void activity_flow::wrote(const std::vector<activity_update>& updates, base::steady_time now) {
    for (const activity_update& one : updates) {
        const auto found = owed_.find(one.session_id);
        if (found == owed_.end())
            continue;
        debt& left = found->second;
        left.is_on_its_way = false;
        late_ -= std::exchange(left.is_late, false) ? 1 : 0;
        left.update.tried_at_ms = 0;
        left.update.requests -= one.requests;
        left.update.bytes -= one.bytes;
        const bool has_more = left.update.requests > 0 || left.update.bytes > 0 ||
                              left.update.last_activity_at_ms > one.last_activity_at_ms;
        if (has_more)
            make_due(left, after_a_while(now));
        else
            owed_.erase(found);
    }
    drop_outdated();
}

void activity_flow::failed(const std::vector<activity_update>& updates, base::steady_time again) {
    for (const activity_update& one : updates)
        if (const auto found = owed_.find(one.session_id); found != owed_.end()) {
            found->second.is_on_its_way = false;
            make_late(found->second, again);
        }
    drop_outdated();
}

} // namespace postern::sync
