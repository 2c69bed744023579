#include "edge/request/waiting_room.hpp"

namespace postern::edge {

waiting_room::seat::seat(waiting_room& room) : room_{room}, rung_or_late_{room.loop_} {
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
        [[maybe_unused]] const auto none = co_await rung_or_late_.wait_until(latest);
    }
    rung_ = false;
}

void waiting_room::ring() noexcept {
    for (seat& s : seats_) {
        s.rung_ = true;
        s.rung_or_late_.tell();
    }
}

} // namespace postern::edge
