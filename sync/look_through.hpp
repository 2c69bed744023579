// Sessions that workers ask for and the table does not have yet: looked for in a store that is
// elsewhere, on threads beside the feeds. README.md, "Unknown keys".
#pragma once

#include "base/clock.hpp"
#include "base/doorbell.hpp"
#include "base/log.hpp"
#include "cache/asked_keys.hpp"
#include "sync/backoff.hpp"
#include "sync/look_queue.hpp"
#include "sync/remote_table.hpp"

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace postern::sync {

/// Whether what a session's key leads to is as good as nothing: its ttl has passed, or it is
/// stopped and its link offers no more to resume it.
[[nodiscard]] bool is_over(const session& record, std::chrono::milliseconds route_ttl,
                           std::int64_t now_ms) noexcept;

/// What it works with; all of it outlives it.
struct look_through_parts {
    remote_table& store;
    const base::doorbell& asked;                // rung by workers: keys are asked for
    const std::vector<base::doorbell>& workers; // by worker number: rung when there is an answer
    const base::doorbell& news;                 // rung when the replica has changed
    const base::clock& time;
    base::log& log;
};

/// A thread that takes what workers ask for, and some that call the store. A key is looked for once
/// at a time, and once it was found not to be there, workers go by that (cache/answer.hpp). While
/// the store fails, nothing is asked of it but one key now and then, and the others are refused at
/// once. The destructor ends calls on their way.
class look_through {
  public:
    look_through(const look_limits& bounds, std::chrono::milliseconds route_ttl,
                 cache::asked_keys asked, const look_through_parts& parts);
    ~look_through();
    look_through(const look_through&) = delete;
    look_through& operator=(const look_through&) = delete;

  private:
    using lock = std::unique_lock<std::mutex>;
    void listen(const std::stop_token& stop);
    void take_asked();
    void call(const std::stop_token& stop);
    void look_for(lock& held, const std::string& key, const std::stop_token& stop);
    void note_answer(const std::string& key, const base::result<std::optional<session>>& found);
    void go_away(const base::failure& why);
    // With the mutex.
    void say(std::string_view key, cache::answer what);
    void refuse(const std::vector<std::string>& keys);
    void ring_workers();
    [[nodiscard]] std::int64_t now_ms() const { return cache::to_ms(parts_.time.steady()); }

    const look_limits bounds_;
    const std::chrono::milliseconds route_ttl_;
    const look_through_parts parts_;
    base::doorbell woken_; // for the listener's end

    std::mutex mutex_; // over all below; not held during calls
    std::condition_variable_any changed_;
    cache::asked_keys asked_;
    look_queue queue_;
    backoff pause_;
    base::steady_time away_until_{};    // the store has failed: nothing is asked of it
    base::error_code away_code_;        // as logged; none: it answers
    std::vector<std::jthread> threads_; // last: they use all above
};

} // namespace postern::sync
