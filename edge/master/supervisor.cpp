#include "edge/master/supervisor.hpp"

#include "base/check.hpp"
#include "base/limits.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

namespace postern::edge {
namespace {

using std::chrono::milliseconds;

constexpr int exit_conf = 78;               // EX_CONFIG: starting it again would change nothing
constexpr milliseconds fresh_after{10'000}; // a life this long is no crash loop
constexpr milliseconds first_delay{100};    // before the second restart in a row
constexpr milliseconds delay_max{5'000};
constexpr milliseconds kill_again_after{1'000};
constexpr milliseconds first_start_within{
    5'000}; // exit 78 this early ends postern: the start has failed

milliseconds delay_after(std::uint32_t deaths_before) {
    if (deaths_before == 0)
        return milliseconds{0};
    return std::min(first_delay * (1 << std::min(deaths_before - 1, 10U)), delay_max);
}

} // namespace

std::string_view name_of(role what) noexcept {
    switch (what) {
    case role::sync:
        return "sync";
    case role::control:
        return "control";
    case role::worker:
        return "worker";
    }
    return "?";
}

void supervisor::start(std::uint32_t workers, base::steady_time now) {
    POSTERN_CHECK(generation_ == 0 && workers >= 1 && workers <= base::limits::workers_max);
    generation_ = 1;
    workers_ = workers;
    started_at_ = now;
    add(role::sync, 0, generation_, now);
    add(role::control, 0, generation_, now);
    for (std::uint32_t i = 0; i < workers; ++i)
        add(role::worker, i, generation_, now);
    tick(now);
}

void supervisor::drain(base::steady_time now) {
    if (stopping())
        return;
    if (trial_)
        discard(now);
    ending_ = ending::draining;
    std::erase_if(children_, [](const child& c) {
        return c.what == role::worker && c.phase != child::phase::running &&
               c.phase != child::phase::retiring;
    });
    for (child& c : children_)
        if (c.what == role::worker && c.phase == child::phase::running)
            retire(c, 'q', now);
    go_on_ending(now);
}

void supervisor::stop(base::steady_time now) {
    if (ending_ == ending::stopping)
        return;
    if (trial_)
        discard(now);
    ending_ = ending::stopping;
    std::erase_if(children_, [](const child& c) {
        if (c.phase == child::phase::running || c.phase == child::phase::retiring)
            return false;
        // Containers are ended by a control process: a dead one, or one that is to take over,
        // starts for that.
        return c.what != role::control || c.phase == child::phase::given_up;
    });
    for (child& c : children_) {
        if (c.what == role::worker && c.order != 's')
            retire(c, 's', now);
        if (c.what == role::control && c.phase == child::phase::running)
            retire(c, 's', now);
        if (c.what == role::control && c.phase == child::phase::waiting)
            c.at = now;
    }
    tick(now);
}

void supervisor::spawned(std::uint32_t id, int pid, base::steady_time now) {
    for (child& c : children_) {
        if (c.id != id)
            continue;
        c.pid = pid;
        c.started_at = now;
    }
}

void supervisor::spawn_failed(std::uint32_t id, base::steady_time now) {
    const auto at = std::find_if(children_.begin(), children_.end(),
                                 [id](const child& c) { return c.id == id; });
    if (at == children_.end())
        return;
    at->started_at = now;
    died(*at, child_end{.by_signal = false, .code = 1}, now);
    go_on_ending(now);
}

std::optional<child> supervisor::ended(int pid, child_end how, base::steady_time now) {
    const auto at = std::find_if(children_.begin(), children_.end(),
                                 [pid](const child& c) { return c.pid == pid; });
    if (pid == 0 || at == children_.end())
        return std::nullopt;
    const child before = *at;
    died(*at, how, now);
    tick(now);
    return before;
}

void supervisor::died(child& c, child_end how, base::steady_time now) {
    c.pid = 0;
    const bool conf_is_no_good = !how.by_signal && how.code == exit_conf;
    const bool dying_is_right = c.phase == child::phase::retiring || ending_ == ending::stopping ||
                                (ending_ == ending::draining && c.what == role::worker);
    if (dying_is_right)
        return remove(c.id, now);
    // SIGKILL comes from outside and says nothing about the new conf.
    if (trial_ && c.generation == generation_ + 1 && !(how.by_signal && how.code == SIGKILL)) {
        c.phase = child::phase::waiting;
        return discard(now);
    }
    if (conf_is_no_good && generation_ == 1 && now - started_at_ < first_start_within) {
        exit_code_ = exit_conf;
        remove(c.id, now);
        return stop(now);
    }
    if (conf_is_no_good) {
        c.phase = child::phase::given_up;
        return;
    }
    if (now - c.started_at >= fresh_after)
        c.deaths = 0;
    c.phase = child::phase::waiting;
    c.at = now + delay_after(c.deaths);
    ++c.deaths;
}

void supervisor::tick(base::steady_time now) {
    if (finished_)
        return;
    if (trial_ && now >= trial_until_)
        adopt(now);
    for (child& c : children_) {
        if (now < c.at)
            continue;
        if (c.phase == child::phase::retiring)
            hurry(c, now);
        if (c.phase != child::phase::waiting)
            continue;
        c.phase = child::phase::running;
        c.order = 0;
        actions_.push_back({.what = action::kind::spawn, .id = c.id});
        if (ending_ == ending::stopping)
            retire(c, 's', now);
    }
    go_on_ending(now);
}

void supervisor::go_on_ending(base::steady_time now) {
    if (finished_)
        return;
    if (ending_ == ending::draining && !any(role::worker))
        return stop(now);
    if (ending_ != ending::stopping || any(role::worker) || any(role::control))
        return;
    for (child& c : children_)
        if (c.phase == child::phase::running)
            retire(c, 's', now);
    if (!children_.empty())
        return;
    finished_ = true;
    actions_.push_back({.what = action::kind::finish, .exit_code = exit_code_});
}

void supervisor::retire(child& c, char order, base::steady_time now) {
    c.phase = child::phase::retiring;
    c.order = order;
    c.at = now + patience(c, order);
    actions_.push_back({.what = action::kind::order, .id = c.id, .order = order});
}

void supervisor::hurry(child& c, base::steady_time now) {
    if (c.order == 'q')
        return retire(c, 's', now);
    c.at = now + kill_again_after;
    actions_.push_back({.what = action::kind::kill, .id = c.id});
}

child& supervisor::add(role what, std::uint32_t position, std::uint64_t generation,
                       base::steady_time now) {
    child c;
    c.id = ++last_id_;
    c.what = what;
    c.position = position;
    c.generation = generation;
    c.at = now;
    if (what == role::worker) {
        const std::optional<std::uint32_t> slot = free_slot();
        POSTERN_CHECK(slot.has_value());
        c.process_slot = *slot;
    }
    children_.push_back(c);
    return children_.back();
}

void supervisor::remove(std::uint32_t id, base::steady_time now) {
    std::erase_if(children_, [id](const child& c) { return c.id == id; });
    for (child& c : children_) {
        if (c.phase != child::phase::queued || c.after != id)
            continue;
        c.phase = child::phase::waiting;
        c.at = now;
    }
}

milliseconds supervisor::patience(const child& c, char order) const {
    switch (c.what) {
    case role::sync:
        return limits_.sync_stop;
    case role::control:
        return order == 'h' ? limits_.hand_over : limits_.control_stop;
    case role::worker:
        break;
    }
    return order == 'q' ? limits_.drain : limits_.worker_stop;
}

bool supervisor::any(role what) const {
    return std::any_of(children_.begin(), children_.end(), [what](const child& c) {
        return c.what == what && c.phase != child::phase::given_up;
    });
}

std::vector<action> supervisor::take_actions() {
    return std::exchange(actions_, {});
}

std::optional<base::steady_time> supervisor::wake_at() const {
    std::optional<base::steady_time> first;
    const auto consider = [&first](base::steady_time at) {
        if (!first || at < *first)
            first = at;
    };
    if (trial_)
        consider(trial_until_);
    for (const child& c : children_)
        if (c.phase == child::phase::waiting || c.phase == child::phase::retiring)
            consider(c.at);
    return first;
}

const child* supervisor::find(std::uint32_t id) const {
    for (const child& c : children_)
        if (c.id == id)
            return &c;
    return nullptr;
}

} // namespace postern::edge
