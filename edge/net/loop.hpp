// A worker's event loop: edge-triggered epoll, and who waits for what.
//
// Of our own and not Asio's, because Asio tries every read before it waits for it, which costs a
// proxied request two system calls that say EAGAIN, and takes a lock for each. Here a socket
// remembers whether there may be something to read, so that nothing is asked that is known.
#pragma once

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "edge/net/deadlines.hpp"
#include "edge/net/task.hpp"
#include "edge/net/waiter.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <sys/epoll.h>
#include <utility>
#include <vector>

namespace postern::edge {

class event_source;

/// What an operation ends with when it was cancelled, or was late.
[[nodiscard]] inline base::error_code cancelled() {
    return make_error_code(boost::system::errc::operation_canceled);
}

/// One thread's loop.
class event_loop {
  public:
    event_loop();
    event_loop(const event_loop&) = delete;
    event_loop& operator=(const event_loop&) = delete;
    ~event_loop() = default;

    /// Until stop(). Coroutines that still wait then are never resumed.
    void run();
    void stop() noexcept { stopped_ = true; }
    /// Whoever waits in `who` goes on in this turn or the next, when nobody else runs. `who` itself
    /// is free from now on.
    void resume_soon(waiter& who, base::error_code how) { soon_.emplace_back(std::move(who), how); }
    /// Whoever will wait in `who` goes on after everyone else has had a turn.
    void resume_next_turn(waiter& who) { next_turn_.push_back(&who); }

    [[nodiscard]] deadlines& timers() noexcept { return timers_; }

  private:
    friend class event_source;
    void turn();
    void forget(const event_source& source) noexcept;

    base::unique_fd epoll_;
    deadlines timers_;
    std::array<epoll_event, 256> events_{};
    int arrived_ = 0, looked_at_ = 0; // of events_, in the present turn
    std::vector<std::pair<waiter, base::error_code>> soon_, now_;
    std::vector<waiter*> next_turn_, this_turn_;
    bool stopped_ = false;
};

/// A descriptor in non-blocking mode whose readiness the loop tells. Whoever reads or writes it
/// says when it is exhausted (`drained`, `filled`); only then is it waited for. One coroutine at a
/// time may wait for each side.
class event_source {
  public:
    /// Owns the descriptor. `shared`: other processes have it too, so that closing it here does not
    /// end its events.
    event_source(event_loop& loop, base::unique_fd fd, bool shared = false);
    event_source(const event_source&) = delete;
    event_source& operator=(const event_source&) = delete;
    ~event_source() { close(); }

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(fd_); }
    /// Whether the registration failed (out of memory or of epoll watches): errno, or 0.
    [[nodiscard]] base::error_code registration_error() const noexcept { return error_; }

    [[nodiscard]] bool may_read() const noexcept { return may_read_; }
    void drained() noexcept { may_read_ = false; }
    void filled() noexcept { may_write_ = false; }
    /// The peer has ended its side, or the connection is broken; bytes may still be unread.
    [[nodiscard]] bool has_hung_up() const noexcept { return hung_up_; }

    /// Awaits to an error_code: none when there may be something to read, operation_canceled when
    /// cancelled.
    [[nodiscard]] auto readable() { return reader_.wait(); }
    [[nodiscard]] auto writable() { return writer_.wait(); }
    /// Ends both waits.
    void cancel() noexcept;
    void close() noexcept;

  private:
    friend class event_loop;
    void happened(std::uint32_t events) noexcept;

    event_loop& loop_;
    base::unique_fd fd_;
    waiter reader_, writer_;
    base::error_code error_;
    bool shared_;
    bool may_read_ = true, may_write_ = true, hung_up_ = false;
};

} // namespace postern::edge
