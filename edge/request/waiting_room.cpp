#include "edge/request/waiting_room.hpp"

namespace postern::edge {

waiting_room::seat::seat(waiting_room& room) : room_{room}, timer_{room.executor_} {
    room_.seats_.push_back(*this);
    if (++room_.guests_ == 1)
        room_.table_.set_waiting(true);
}

waiting_room::seat::~seat() {
    if (--room_.guests_ == 0)
        room_.table_.set_waiting(false);
}

task<void> waiting_room::seat::wait_until(std::chrono::steady_clock::time_point latest) {
    if (!rung_) {
        timer_.expires_at(latest);
        [[maybe_unused]] const auto [error] = co_await timer_.async_wait(as_result);
    }
    rung_ = false;
}

void waiting_room::ring() noexcept {
    for (seat& s : seats_) {
        s.rung_ = true;
        s.timer_.cancel();
    }
}

} // namespace postern::edge
