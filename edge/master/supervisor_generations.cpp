// The part of the supervisor that puts a new generation in the place of the old one, or takes it
// back.
#include "base/check.hpp"
#include "base/limits.hpp"
#include "edge/master/supervisor.hpp"

#include <algorithm>

namespace postern::edge {
namespace {

bool is_free(const std::vector<child>& children, std::uint32_t slot) {
    return std::none_of(children.begin(), children.end(), [slot](const child& c) {
        return c.what == role::worker && c.process_slot == slot;
    });
}

} // namespace

bool supervisor::reload(std::uint32_t workers, const supervisor_limits& limits,
                        base::steady_time now) {
    POSTERN_CHECK(workers >= 1 && workers <= base::limits::workers_max);
    if (stopping() || trial_)
        return false;
    if (free_slots() < workers) {
        for (child& c : children_)
            if (c.what == role::worker && c.phase == child::phase::retiring && c.order == 'q')
                hurry(c, now);
        return false;
    }
    trial_ = true;
    trial_until_ = now + (workers < workers_ ? limits.trial_with_fewer : limits.trial);
    next_limits_ = limits;
    for (std::uint32_t i = 0; i < workers; ++i)
        add(role::worker, i, generation_ + 1, now);
    tick(now);
    return true;
}

void supervisor::adopt(base::steady_time now) {
    trial_ = false;
    ++generation_;
    limits_ = next_limits_;
    actions_.push_back({.what = action::kind::adopt});
    std::erase_if(children_, [this](const child& c) {
        return c.what == role::worker && c.generation < generation_ &&
               c.phase != child::phase::running && c.phase != child::phase::retiring;
    });
    workers_ = 0;
    for (child& c : children_) {
        if (c.what != role::worker)
            continue;
        if (c.generation == generation_)
            ++workers_;
        else if (c.phase == child::phase::running)
            retire(c, 'q', now);
    }
    replace(role::control, 'h', now);
    replace(role::sync, 's', now);
}

void supervisor::replace(role what, char order, base::steady_time now) {
    std::uint32_t leaving = 0;
    for (child& c : children_) {
        if (c.what != what || c.phase == child::phase::retiring)
            continue;
        c.generation = generation_;
        if (c.phase == child::phase::given_up) {
            c.phase = child::phase::waiting;
            c.at = now;
        }
        if (c.phase != child::phase::running)
            return; // the one to come is of the new generation
        retire(c, order, now);
        leaving = c.id;
    }
    child& successor = add(what, 0, generation_, now);
    if (leaving == 0)
        return;
    successor.phase = child::phase::queued;
    successor.after = leaving;
}

void supervisor::discard(base::steady_time now) {
    trial_ = false;
    actions_.push_back({.what = action::kind::discard});
    std::erase_if(children_, [this](const child& c) {
        return c.generation > generation_ && c.pid == 0 && c.phase == child::phase::waiting;
    });
    for (child& c : children_)
        if (c.generation > generation_ && c.phase == child::phase::running)
            retire(c, 's', now);
}

std::optional<std::uint32_t> supervisor::free_slot() const {
    for (std::uint32_t slot = 0; slot < base::limits::worker_slots; ++slot)
        if (is_free(children_, slot))
            return slot;
    return std::nullopt;
}

std::uint32_t supervisor::free_slots() const {
    std::uint32_t count = 0;
    for (std::uint32_t slot = 0; slot < base::limits::worker_slots; ++slot)
        if (is_free(children_, slot))
            ++count;
    return count;
}

} // namespace postern::edge
