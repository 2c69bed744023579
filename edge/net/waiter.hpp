// A place where one coroutine waits until someone tells it to go on.
#pragma once

#include "base/error.hpp"

#include <coroutine>
#include <utility>

namespace postern::edge {

/// Empty, or one coroutine.
class waiter {
  public:
    /// Awaits to an error_code: what it was resumed with.
    class wait_here {
      public:
        explicit wait_here(waiter& where) noexcept : where_{where} {}
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> who) noexcept {
            who_ = who;
            where_.place_ = this;
        }
        [[nodiscard]] base::error_code await_resume() const noexcept { return how_; }

      private:
        friend class waiter;
        waiter& where_;
        std::coroutine_handle<> who_;
        base::error_code how_;
    };

    waiter() noexcept = default;
    waiter(waiter&& other) noexcept : place_{std::exchange(other.place_, nullptr)} {}
    waiter& operator=(waiter&&) = delete;
    ~waiter() = default;

    [[nodiscard]] wait_here wait() noexcept { return wait_here{*this}; }
    [[nodiscard]] bool is_waiting() const noexcept { return place_ != nullptr; }
    /// Whoever waits goes on inside of this call.
    void resume(base::error_code how) {
        wait_here* const place = std::exchange(place_, nullptr);
        place->how_ = how;
        place->who_.resume();
    }

  private:
    wait_here* place_ = nullptr;
};

} // namespace postern::edge
