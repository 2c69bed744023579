#include "sync/look_queue.hpp"

#include <algorithm>

namespace postern::sync {
namespace {

constexpr std::size_t room_min = 16;
constexpr std::size_t room_max = 4'096;
constexpr std::chrono::milliseconds found_for{500}; // from the replica to the table

std::size_t room_of(const look_limits& bounds) {
    const auto served = bounds.burst + bounds.per_second *
                                           static_cast<std::uint64_t>(bounds.patience.count()) /
                                           1'000;
    return std::clamp<std::size_t>(served, room_min, room_max);
}

} // namespace

look_queue::look_queue(const look_limits& bounds)
    : gap_{std::chrono::nanoseconds{std::chrono::seconds{1}} /
           static_cast<std::int64_t>(std::max<std::uint64_t>(bounds.per_second, 1))},
      burst_time_{gap_ * static_cast<std::int64_t>(std::max<std::uint64_t>(bounds.burst, 1) - 1)},
      room_{room_of(bounds)} {}

look_queue::came_to look_queue::add(std::string_view key, std::uint32_t number,
                                    base::steady_time now, base::steady_time until,
                                    std::vector<std::string>& refused) {
    forget_found(now);
    std::string own{key};
    if (keys_.count(own) != 0)
        return came_to::waits_already;
    auto who = askers_.find(number);
    if (waiting_ >= room_) {
        const auto most = std::max_element(turns_.begin(), turns_.end(), [](auto& a, auto& b) {
            return a.wishes.size() < b.wishes.size();
        });
        const std::size_t mine = who == askers_.end() ? 0 : who->second->wishes.size();
        if (most->wishes.size() <= mine + 1)
            return came_to::refused;
        refused.push_back(most->wishes.back().key);
        keys_.erase(refused.back());
        most->wishes.pop_back(); // it has more than one
        --waiting_;
    }
    if (who == askers_.end()) {
        turns_.push_back({number, {}});
        who = askers_.emplace(number, std::prev(turns_.end())).first;
    }
    keys_.insert(own);
    who->second->wishes.push_back({std::move(own), until});
    ++waiting_;
    return came_to::waits;
}

std::optional<std::string> look_queue::next(base::steady_time now) {
    forget_found(now);
    while (!turns_.empty() && next_at_ <= now) {
        const auto who = turns_.begin();
        wish first = std::move(who->wishes.front());
        who->wishes.pop_front();
        --waiting_;
        if (who->wishes.empty())
            forget(who);
        else
            turns_.splice(turns_.end(), turns_, who);
        if (first.until <= now) {
            keys_.erase(first.key);
            ++late_;
            continue;
        }
        next_at_ = std::max(next_at_, now - burst_time_) + gap_;
        return std::move(first.key);
    }
    return std::nullopt;
}

void look_queue::done(const std::string& key) {
    keys_.erase(key);
}

void look_queue::found(const std::string& key, base::steady_time now) {
    found_.push_back({key, now + found_for});
}

void look_queue::forget_found(base::steady_time now) {
    for (; !found_.empty() && found_.front().until <= now; found_.pop_front())
        keys_.erase(found_.front().key);
}

base::steady_time look_queue::due() const noexcept {
    return turns_.empty() ? base::steady_time::max() : next_at_;
}

std::vector<std::string> look_queue::take_all() {
    std::vector<std::string> all;
    for (asker& who : turns_)
        for (wish& one : who.wishes) {
            keys_.erase(one.key);
            all.push_back(std::move(one.key));
        }
    turns_.clear();
    askers_.clear();
    waiting_ = 0;
    return all;
}

void look_queue::forget(std::list<asker>::iterator who) {
    askers_.erase(who->number);
    turns_.erase(who);
}

} // namespace postern::sync
