#include "control/lifecycle/next_step.hpp"

#include "control/lifecycle/due_times.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace postern::control {
namespace {

using sync::session;
using sync::session_status;

bool runs(const launch_view& launch) {
    return launch.phase == launch_phase::starting || launch.phase == launch_phase::ready;
}
bool has_ended(const launch_view& launch) {
    return launch.phase == launch_phase::stopped || launch.phase == launch_phase::died;
}

step write(session record) {
    return {act::write, std::move(record)};
}

/// The record without its compute.
session without_target(session record, session_status status) {
    record.status = status;
    record.task.clear();
    record.target = {};
    return record;
}

step fail(const session& record, std::string reason) {
    session failed = without_target(record, session_status::failed);
    failed.reason = std::move(reason);
    step s = write(std::move(failed));
    s.ends_launch = true;
    return s;
}

step drain(session record) {
    record.status = session_status::draining;
    return write(std::move(record));
}

bool is_routed(const session& record, const situation& now) {
    if (!now.table ||
        (!now.table->session_id.empty() && now.table->session_id != record.session_id))
        return false;
    return now.table->state == cache::route_state::active ||
           now.table->state == cache::route_state::initializing;
}

/// Past its ttl, and no longer routed: sync knows of activity that is to move the ttl on and is not
/// in the store yet.
bool is_due(const session& record, const situation& now) {
    return sync::is_past_ttl(record, now.now_ms - now.clock_ahead_ms) && !is_routed(record, now);
}

/// A launch has gone that its record counts on.
step relaunch(const session& record, const situation& now, const lifecycle_rules& rules,
              const std::string& reason) {
    if (now.relaunches >= rules.restarts_max)
        return fail(record,
                    rules.restarts_max == 0
                        ? reason
                        : fmt::format("died {} times within {:g} s, last: {}", now.relaunches + 1,
                                      std::chrono::duration<double>(rules.restart_window).count(),
                                      reason));
    session again = without_target(record, session_status::initializing);
    again.started_at_ms = now.now_ms;
    step s = write(std::move(again));
    s.ends_launch = true;
    s.is_relaunch = true;
    return s;
}

/// Nothing of the session runs: the record must say so, and may go when its time is over.
step when_down(const session& record, const situation& now) {
    if (runs(now.launch))
        return {act::stop};
    if (now.launch.phase == launch_phase::stopping)
        return {};
    if (has_ended(now.launch))
        return {act::forget};
    if (now.is_task_ours && !now.is_task_gone)
        return {act::adopt};
    if (now.is_task_ours)
        return write(without_target(record, record.status));
    if (is_due(record, now))
        return {act::remove};
    return {};
}

step when_initializing(const session& record, const situation& now, const lifecycle_rules& rules) {
    const launch_view& launch = now.launch;
    switch (launch.phase) {
    case launch_phase::none:
        if (is_due(record, now))
            return drain(record);
        if (!rules.has_launcher || (!record.task.empty() && !now.is_task_ours))
            return {};
        if (rules.is_stopping)
            return drain(record);
        if (now.is_task_ours && !now.is_task_gone)
            return {act::adopt};
        if (rules.sessions_max > 0 && now.running >= rules.sessions_max)
            return fail(record, fmt::format("no room: {} sessions run already (sessions_max)",
                                            now.running));
        return {act::start};
    case launch_phase::starting:
        if (rules.is_stopping)
            return drain(record);
        if (record.task == launch.task)
            return {};
        [[fallthrough]];
    case launch_phase::ready: {
        if (rules.is_stopping)
            return drain(record);
        session moved = record;
        moved.task = launch.task;
        moved.started_at_ms = launch.started_at_ms;
        moved.reason.clear();
        if (launch.phase == launch_phase::ready) {
            moved.status = session_status::active;
            moved.target = launch.target;
        }
        return write(std::move(moved));
    }
    case launch_phase::stopping:
        return {}; // an earlier launch on its way out: the new one waits for it
    case launch_phase::stopped:
        return {act::forget};
    case launch_phase::died:
        return fail(record, launch.reason);
    }
    return {};
}

step when_ready(const session& record, const situation& now, const lifecycle_rules& rules) {
    const std::int64_t idle_ms = now.now_ms - last_activity_ms(record, now);
    if (rules.is_stopping || is_due(record, now) ||
        (rules.idle_timeout.count() > 0 && idle_ms >= rules.idle_timeout.count()))
        return drain(record);
    const bool was_refused = now.table && now.table->activity.refused_at_ms > now.launch.good_at_ms;
    if (was_refused && !now.launch.checking)
        return {act::check};
    return {};
}

step when_active(const session& record, const situation& now, const lifecycle_rules& rules) {
    const launch_view& launch = now.launch;
    if (!now.is_task_ours) { // somebody else's target
        if (runs(launch))
            return {act::stop};
        if (has_ended(launch))
            return {act::forget};
        return is_due(record, now) ? drain(record) : step{};
    }
    switch (launch.phase) {
    case launch_phase::none:
        if (!now.is_task_gone)
            return {act::adopt};
        return relaunch(record, now, rules, "its process was gone when control came back");
    case launch_phase::ready:
        return when_ready(record, now, rules);
    case launch_phase::starting:
    case launch_phase::stopping:
        return {};
    case launch_phase::stopped:
        return relaunch(record, now, rules, "it was stopped");
    case launch_phase::died:
        return relaunch(record, now, rules, launch.reason);
    }
    return {};
}

bool is_theirs(const session& record, const situation& now) {
    return now.launch.phase == launch_phase::none && !record.task.empty() && !now.is_task_ours;
}

std::int64_t due_by_ttl_at_ms(const session& record, const situation& now) {
    constexpr std::int64_t look_again_ms = 1'000; // nobody tells when the table lets go of it
    if (record.ttl_ms <= 0)
        return due_times::never;
    const std::int64_t over_ms = record.ttl_ms + now.clock_ahead_ms;
    return is_routed(record, now) ? std::max(over_ms, now.now_ms + look_again_ms) : over_ms;
}

std::int64_t others_end_at_ms(const situation& now, const lifecycle_rules& rules) {
    const std::int64_t since_ms =
        now.draining_since_ms > 0 ? now.draining_since_ms : now.now_ms; // seen just now
    return since_ms + rules.others_drain_grace.count();
}

step when_draining(const session& record, const situation& now, const lifecycle_rules& rules) {
    const launch_view& launch = now.launch;
    if (launch.phase == launch_phase::stopping)
        return {};
    if (launch.phase == launch_phase::none && now.is_task_ours && !now.is_task_gone)
        return {act::adopt};
    if (runs(launch)) {
        const bool is_over = now.draining_since_ms > 0 &&
                             now.now_ms - now.draining_since_ms >= rules.drain_grace.count();
        if (is_routed(record, now) && !is_over && !rules.is_stopping)
            return {};
        return {act::stop};
    }
    if (is_theirs(record, now) && now.now_ms < others_end_at_ms(now, rules))
        return {}; // it may be in use until they have ended it, and they say so
    step s = write(without_target(record, session_status::inactive));
    s.ends_launch = true;
    return s;
}

} // namespace

std::int64_t last_activity_ms(const sync::session& record, const situation& now) {
    return std::max({record.last_activity_at_ms, record.started_at_ms, now.launch.ready_at_ms,
                     now.table ? now.table->activity.last_seen_ms : 0});
}

step next_step(const sync::session* record, const situation& now, const lifecycle_rules& rules) {
    if (record == nullptr) {
        if (runs(now.launch))
            return {act::stop};
        if (has_ended(now.launch))
            return {act::forget};
        return {};
    }
    switch (record->status) {
    case session_status::initializing:
        return when_initializing(*record, now, rules);
    case session_status::active:
        return when_active(*record, now, rules);
    case session_status::draining:
        return when_draining(*record, now, rules);
    case session_status::inactive:
    case session_status::failed:
        return when_down(*record, now);
    }
    return {};
}

std::int64_t look_again_at_ms(const sync::session* record, const situation& now,
                              const lifecycle_rules& rules) {
    if (record == nullptr)
        return due_times::never;
    const launch_phase phase = now.launch.phase;
    const std::int64_t ttl_ms = due_by_ttl_at_ms(*record, now);
    switch (record->status) {
    case session_status::initializing:
    case session_status::inactive:
    case session_status::failed:
        return phase == launch_phase::none ? ttl_ms : due_times::never;
    case session_status::active:
        if (!now.is_task_ours)
            return ttl_ms;
        if (phase != launch_phase::ready)
            return due_times::never;
        if (rules.idle_timeout.count() <= 0)
            return ttl_ms;
        return std::min(ttl_ms, last_activity_ms(*record, now) + rules.idle_timeout.count());
    case session_status::draining: // the workers may let go of it at any moment
        if (is_theirs(*record, now))
            return others_end_at_ms(now, rules);
        return phase == launch_phase::stopping ? due_times::never : now.now_ms;
    }
    return due_times::never;
}

} // namespace postern::control
