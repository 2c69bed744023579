// Something that one coroutine waits for and others tell, on one thread.
#pragma once

#include "edge/net/loop.hpp"

namespace postern::edge {

/// Nothing is kept: who is told while nobody waits has told nobody.
class signal : deadlines::entry {
  public:
    explicit signal(event_loop& loop) : loop_{loop} { loop.timers().add(*this); }
    signal(const signal&) = delete;
    signal& operator=(const signal&) = delete;
    ~signal() override = default;

    /// Whoever waits goes on in the loop's next round.
    void tell() noexcept {
        if (place_.is_waiting())
            loop_.resume_soon(place_, {});
    }
    /// Until told, or `latest` has passed (to a tick of the deadlines). Awaits to (error_code):
    /// none.
    [[nodiscard]] auto wait_until(deadlines::clock::time_point latest) {
        latest_ = latest;
        return place_.wait();
    }
    [[nodiscard]] auto wait() { return wait_until(deadlines::clock::time_point::max()); }

  private:
    void look(deadlines::clock::time_point now) override {
        if (now >= latest_)
            tell();
    }

    event_loop& loop_;
    waiter place_;
    deadlines::clock::time_point latest_ = deadlines::clock::time_point::max();
};

} // namespace postern::edge
