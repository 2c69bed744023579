#include "edge/net/loop.hpp"

#include "base/check.hpp"

#include <cerrno>

namespace postern::edge {

event_loop::event_loop() : epoll_{::epoll_create1(EPOLL_CLOEXEC)} {
    POSTERN_CHECK(static_cast<bool>(epoll_));
}

void event_loop::run() {
    while (!std::exchange(stopped_, false))
        turn();
}

void event_loop::turn() {
    using std::chrono::milliseconds;
    const auto next_tick = timers_.now() + deadlines::tick_interval;
    const bool idle = soon_.empty() && next_turn_.empty();
    const auto left = std::chrono::ceil<milliseconds>(next_tick - deadlines::clock::now());
    const auto patience = idle ? std::max(left, milliseconds{0}) : milliseconds{0};
    arrived_ = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()),
                            static_cast<int>(patience.count()));
    POSTERN_CHECK(arrived_ >= 0 || errno == EINTR);
    for (looked_at_ = 0; looked_at_ < arrived_; ++looked_at_) {
        const epoll_event& event = events_[static_cast<std::size_t>(looked_at_)];
        if (event.data.ptr)
            static_cast<event_source*>(event.data.ptr)->happened(event.events);
    }
    arrived_ = looked_at_ = 0;
    now_.swap(soon_);
    for (auto& [who, how] : now_)
        who.resume(how);
    now_.clear();
    this_turn_.swap(next_turn_);
    for (waiter* who : this_turn_)
        who->resume({});
    this_turn_.clear();
    if (const auto now = deadlines::clock::now(); now >= next_tick)
        timers_.tick(now);
}

/// A source that goes may have events in the rest of this turn.
void event_loop::forget(const event_source& source) noexcept {
    for (int i = looked_at_ + 1; i < arrived_; ++i)
        if (events_[static_cast<std::size_t>(i)].data.ptr == &source)
            events_[static_cast<std::size_t>(i)].data.ptr = nullptr;
}

event_source::event_source(event_loop& loop, base::unique_fd fd, bool shared)
    : loop_{loop}, fd_{std::move(fd)}, shared_{shared} {
    epoll_event what{};
    what.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    what.data.ptr = this;
    if (fd_ && ::epoll_ctl(loop_.epoll_.get(), EPOLL_CTL_ADD, fd_.get(), &what) != 0)
        error_ = base::last_errno();
}

void event_source::happened(std::uint32_t events) noexcept {
    constexpr std::uint32_t over = EPOLLHUP | EPOLLERR;
    may_read_ = may_read_ || (events & (EPOLLIN | EPOLLRDHUP | over)) != 0;
    may_write_ = may_write_ || (events & (EPOLLOUT | over)) != 0;
    hung_up_ = hung_up_ || (events & (EPOLLRDHUP | over)) != 0;
    // The first to go on may end this source: so the second is not resumed here.
    const bool read = may_read_ && reader_.is_waiting();
    if (may_write_ && writer_.is_waiting()) {
        if (read)
            loop_.resume_soon(writer_, {});
        else
            return writer_.resume({});
    }
    if (read)
        reader_.resume({});
}

void event_source::cancel() noexcept {
    if (reader_.is_waiting())
        loop_.resume_soon(reader_, cancelled());
    if (writer_.is_waiting())
        loop_.resume_soon(writer_, cancelled());
}

void event_source::close() noexcept {
    if (!fd_)
        return;
    cancel();
    loop_.forget(*this);
    if (shared_)
        ::epoll_ctl(loop_.epoll_.get(), EPOLL_CTL_DEL, fd_.get(), nullptr);
    fd_.reset();
}

} // namespace postern::edge
