#include "edge/request/waiting_room.hpp"

namespace postern::edge {

waiting_room::seat::seat(waiting_room& room, inquiry* about)
    : room_{room}, about_{about}, rung_or_late_{room.loop_} {
    room_.seats_.push_back(*this);
    room_.inquirers_ += about_ != nullptr ? 1 : 0;
    if (++room_.guests_ == 1)
        room_.table_.set_waiting(true);
}

waiting_room::seat::~seat() {
    room_.inquirers_ -= about_ != nullptr ? 1 : 0;
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
    for (seat& s : seats_)
        s.ring();
}

void waiting_room::ring_inquirers() noexcept {
    for (seat& s : seats_)
        if (s.about_ != nullptr)
            s.ring();
}

std::size_t waiting_room::inquiries_of(std::uint32_t asker) const noexcept {
    constexpr std::chrono::steady_clock::time_point never{};
    std::size_t found = 0;
    for (const seat& s : seats_)
        if (s.about_ != nullptr && s.about_->asker == asker && s.about_->asked_at != never)
            ++found;
    return found;
}

bool waiting_room::has_asked(cache::key_hash key,
                             std::chrono::steady_clock::time_point since) const noexcept {
    for (const seat& s : seats_)
        if (s.about_ != nullptr && s.about_->key == key && s.about_->asked_at >= since)
            return true;
    return false;
}

} // namespace postern::edge
