// When each session is to be looked at again although nothing was heard of it.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::control {

/// At most one time a session, epoch ms. By the wall clock, as are the activity and the ttl that
/// the times come from: a clock that is set forward makes due what it makes idle. Not thread-safe.
class due_times {
  public:
    static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

    due_times() = default;
    due_times(const due_times&) = delete; // the order holds views of the map's keys
    due_times& operator=(const due_times&) = delete;

    /// In place of the time before; `never` drops it.
    void set(const std::string& id, std::int64_t at_ms) {
        if (const auto at = at_ms_.find(id); at != at_ms_.end() && at->second == at_ms)
            return;
        drop(id);
        if (at_ms == never)
            return;
        const auto [at, is_new] = at_ms_.emplace(id, at_ms);
        order_.emplace(at_ms, at->first);
    }
    void drop(const std::string& id) {
        const auto at = at_ms_.find(id);
        if (at == at_ms_.end())
            return;
        order_.erase({at->second, at->first});
        at_ms_.erase(at);
    }
    /// The sessions whose time has come, the earliest first; they have no time any more.
    [[nodiscard]] std::vector<std::string> take(std::int64_t now_ms) {
        std::vector<std::string> due;
        while (!order_.empty() && order_.begin()->first <= now_ms) {
            due.emplace_back(order_.begin()->second);
            drop(due.back());
        }
        return due;
    }
    [[nodiscard]] std::size_t size() const { return order_.size(); }

  private:
    std::map<std::string, std::int64_t> at_ms_;
    std::set<std::pair<std::int64_t, std::string_view>> order_;
};

} // namespace postern::control
