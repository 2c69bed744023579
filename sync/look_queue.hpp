// Which of the keys that workers ask for is looked for in the store next. Pure: no clock, no
// thread.
#pragma once

#include "base/clock.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace postern::sync {

/// How much is asked of the store for the sake of keys that nobody may have.
struct look_limits {
    std::uint64_t per_second = 100;            // at least 1
    std::uint64_t burst = 100;                 // after a pause, at least 1
    unsigned calls = 4;                        // at one time, at least 1
    std::chrono::milliseconds patience{2'000}; // of who asks: later nobody waits for an answer
};

/// Each key waits once, whoever asks for it. Those who ask are served in turn, each one's own keys
/// in their order; where there is no room, whoever has the most keys waiting loses the last of
/// them. So one that asks for many keeps nobody from being served. Not thread-safe.
class look_queue {
  public:
    explicit look_queue(const look_limits& bounds);

    enum class came_to {
        waits,
        waits_already, // or is being looked for, or was found a moment ago
        refused,
    };
    /// `until`: nobody waits for it any more. What is refused to make room goes to `refused`.
    [[nodiscard]] came_to add(std::string_view key, std::uint32_t asker, base::steady_time now,
                              base::steady_time until, std::vector<std::string>& refused);
    /// The next key, which is being looked for until `done`. Nothing: none waits, or not yet.
    [[nodiscard]] std::optional<std::string> next(base::steady_time now);
    void done(const std::string& key);
    /// The same for one that was found: for a moment, until the table has it, it need not be looked
    /// for again.
    void found(const std::string& key, base::steady_time now);
    /// When `next` may have one; far away: none waits.
    [[nodiscard]] base::steady_time due() const noexcept;
    /// All that waits.
    [[nodiscard]] std::vector<std::string> take_all();
    /// How many keys `next` has passed over since the last call: nobody waited for them any more.
    [[nodiscard]] std::uint64_t take_late() noexcept { return std::exchange(late_, 0); }

    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }
    [[nodiscard]] std::size_t room() const noexcept { return room_; }

  private:
    struct wish {
        std::string key;
        base::steady_time until;
    };
    struct asker {
        std::uint32_t number;
        std::deque<wish> wishes; // at least one
    };
    void forget(std::list<asker>::iterator who);
    void forget_found(base::steady_time now);

    std::chrono::nanoseconds gap_;        // between two calls, on average
    std::chrono::nanoseconds burst_time_; // what may be made up for after a pause
    std::size_t room_;                    // as many as can be served in time
    std::list<asker> turns_;              // the first is served next
    std::unordered_map<std::uint32_t, std::list<asker>::iterator> askers_;
    std::unordered_set<std::string> keys_; // that wait, are being looked for, or were found
    std::deque<wish> found_;               // oldest first, until they are forgotten
    std::size_t waiting_ = 0;
    std::uint64_t late_ = 0;
    base::steady_time next_at_{}; // what the calls so far have paid for
};

} // namespace postern::sync
