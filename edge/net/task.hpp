// A coroutine that someone awaits. One thread only; frames come from a pool of their own.
//
// Of our own and not Asio's awaitable, because a proxied request is a dozen frames of as many
// sizes: Asio keeps a few blocks for all of them and asks malloc for most; here each size has its
// list, and a kept-alive request asks for nothing.
#pragma once

#include "edge/net/frame_pool.hpp"

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

namespace postern::edge {

template <class T>
class task;

namespace detail {

/// A coroutine's frame comes from the pool when its promise is one of these.
struct pooled_frame {
    static void* operator new(std::size_t bytes) { return frame_pool::take(bytes); }
    static void operator delete(void* frame, std::size_t bytes) noexcept {
        frame_pool::give_back(frame, bytes);
    }
};

/// What all tasks have: who waits for the end, and what was thrown.
class task_promise_base : public pooled_frame {
  public:
    [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
    [[nodiscard]] auto final_suspend() const noexcept {
        struct to_whom_waits {
            [[nodiscard]] bool await_ready() const noexcept { return false; }
            // Called while the awaiting side still runs: it sees by itself that this is done.
            void await_suspend(std::coroutine_handle<> /*self*/) const noexcept {
                if (waiting)
                    waiting.resume();
            }
            void await_resume() const noexcept {}
            std::coroutine_handle<> waiting;
        };
        return to_whom_waits{waiting_};
    }
    void unhandled_exception() noexcept { thrown_ = std::current_exception(); }

    void set_waiting(std::coroutine_handle<> who) noexcept { waiting_ = who; }
    void rethrow() const {
        if (thrown_)
            std::rethrow_exception(thrown_);
    }

  private:
    std::coroutine_handle<> waiting_;
    std::exception_ptr thrown_;
};

template <class T>
class task_promise : public task_promise_base {
  public:
    task<T> get_return_object() noexcept;
    template <class U>
    void return_value(U&& value) {
        value_.emplace(std::forward<U>(value));
    }
    T result() {
        rethrow();
        return std::move(*value_);
    }

  private:
    std::optional<T> value_;
};

template <>
class task_promise<void> : public task_promise_base {
  public:
    task<void> get_return_object() noexcept;
    void return_void() noexcept {}
    void result() const { rethrow(); }
};

} // namespace detail

/// Begins when it is awaited, and is awaited once. Throws into whoever awaits it what the coroutine
/// threw.
template <class T>
class [[nodiscard]] task {
  public:
    using promise_type = detail::task_promise<T>;
    using handle = std::coroutine_handle<promise_type>;

    explicit task(handle coroutine) noexcept : coroutine_{coroutine} {}
    task(task&& other) noexcept : coroutine_{std::exchange(other.coroutine_, {})} {}
    task(const task&) = delete;
    task& operator=(const task&) = delete;
    ~task() {
        if (coroutine_)
            coroutine_.destroy();
    }

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    // A child that ends at once, which most do, gives control back by returning: the stack does not
    // grow with the number of awaits, with any compiler and at any optimisation.
    [[nodiscard]] bool await_suspend(std::coroutine_handle<> parent) {
        coroutine_.resume();
        if (coroutine_.done())
            return false;
        coroutine_.promise().set_waiting(parent);
        return true;
    }
    T await_resume() { return coroutine_.promise().result(); }

  private:
    handle coroutine_;
};

namespace detail {

template <class T>
task<T> task_promise<T>::get_return_object() noexcept {
    return task<T>{std::coroutine_handle<task_promise>::from_promise(*this)};
}
inline task<void> task_promise<void>::get_return_object() noexcept {
    return task<void>{std::coroutine_handle<task_promise>::from_promise(*this)};
}

/// Runs by itself from its first line, and frees itself at its end.
struct detached {
    struct promise_type : pooled_frame {
        detached get_return_object() const noexcept { return {}; }
        [[nodiscard]] std::suspend_never initial_suspend() const noexcept { return {}; }
        [[nodiscard]] std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
    };
};

} // namespace detail

/// Starts a coroutine that nobody awaits: it runs up to its first wait before this returns. It must
/// not throw.
inline void spawn(task<void> what) {
    [](task<void> own) -> detail::detached { co_await std::move(own); }(std::move(what));
}

} // namespace postern::edge
