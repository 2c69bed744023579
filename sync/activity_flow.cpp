#include "sync/activity_flow.hpp"

#include <algorithm>

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

void activity_flow::prime(const cache::route& of, const cache::activity& line,
                          std::int64_t now_ms) {
    baseline& known = baseline_of(of.activity);
    known.requests = line.requests;
    known.bytes = line.bytes_in + line.bytes_out;
    known.last_seen_ms = not_after(line.last_seen_ms, now_ms);
    if (known.last_seen_ms > 0)
        owe(of, known.last_seen_ms, 0, 0);
}

void activity_flow::collect(const cache::route& of, const cache::activity& line,
                            std::int64_t now_ms) {
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
        owe(of, known.last_seen_ms, more_requests, more_bytes);
}

void activity_flow::owe(const cache::route& of, std::int64_t last_seen_ms, std::uint64_t requests,
                        std::uint64_t bytes) {
    activity_update& update = owed_[std::string{of.session_id()}];
    update.session_id = of.session_id();
    update.last_activity_at_ms = std::max(update.last_activity_at_ms, last_seen_ms);
    if (last_seen_ms > 0)
        update.ttl_ms = std::max(update.ttl_ms, last_seen_ms + history_.count());
    update.requests += requests;
    update.bytes += bytes;
}

std::vector<activity_update> activity_flow::next(std::size_t count_max) const {
    std::vector<activity_update> some;
    some.reserve(std::min(count_max, owed_.size()));
    for (const auto& [id, update] : owed_) {
        if (some.size() == count_max)
            break;
        some.push_back(update);
    }
    return some;
}

void activity_flow::wrote(const std::vector<activity_update>& updates) {
    for (const activity_update& one : updates)
        owed_.erase(one.session_id);
}

} // namespace postern::sync
