#include "control/lifecycle/next_step.hpp"
#include "test_support.hpp"

#include <gtest/gtest.h>

namespace postern::control::test {
namespace {

using sync::session_status;
using enum session_status;
using phase = launch_phase;

constexpr std::int64_t now_ms = 10'000'000;
const std::string our_task = "process:77:1:20000";

lifecycle_rules usual_rules() {
    lifecycle_rules r;
    r.has_launcher = true;
    r.idle_timeout = 300s;
    r.history = 24h;
    r.restarts_max = 3;
    r.restart_window = 60s;
    return r;
}

/// What is: a record, a launch, and what surrounds them. The defaults are a session that is active
/// and in use.
struct state {
    session_status status = active;
    std::string task = our_task;
    phase launch = phase::ready;
    std::string launch_task = our_task;
    bool is_gone = false;
    std::int64_t ttl_ms = now_ms + 1000;
    std::int64_t last_activity_ms = now_ms - 1000;
    std::int64_t started_ms = now_ms - 20'000;
    std::int64_t ready_ms = 0;
    std::optional<table_entry> table{};
    std::int64_t draining_since_ms = 0;
    unsigned relaunches = 0;
    std::size_t running = 0;
    std::int64_t good_ms = 0;
    bool checking = false;
};

step step_of(const state& s, const lifecycle_rules& rules = usual_rules()) {
    sync::session record = session_named("t1");
    record.status = s.status;
    record.task = s.task;
    if (s.status == active)
        record.target = base::ip_endpoint::parse("127.0.0.1:20000").value();
    record.ttl_ms = s.ttl_ms;
    record.last_activity_at_ms = s.last_activity_ms;
    record.started_at_ms = s.started_ms;
    record.version = 9;
    situation now;
    now.now_ms = now_ms;
    now.launch.phase = s.launch;
    if (s.launch != phase::none) {
        now.launch.task = s.launch_task;
        now.launch.target = base::ip_endpoint::parse("127.0.0.1:20000").value();
        now.launch.started_at_ms = now_ms - 3000;
        now.launch.reason = "exited with status 1";
    }
    now.launch.ready_at_ms = s.ready_ms;
    now.launch.good_at_ms = s.good_ms;
    now.launch.checking = s.checking;
    now.is_task_ours = s.task.starts_with("process:");
    now.is_task_gone = s.is_gone;
    now.table = s.table;
    now.draining_since_ms = s.draining_since_ms;
    now.relaunches = s.relaunches;
    now.running = s.running;
    return next_step(&record, now, rules);
}

struct row {
    const char* what;
    state is;
    act then;
    session_status written = active; // where `then` is write
    bool ends_launch = false;
};

void expect_all(const std::vector<row>& rows, const lifecycle_rules& rules = usual_rules()) {
    for (const row& r : rows) {
        const step s = step_of(r.is, rules);
        EXPECT_EQ(static_cast<int>(s.what), static_cast<int>(r.then)) << r.what;
        if (s.what != act::write || r.then != act::write)
            continue;
        EXPECT_EQ(s.record.status, r.written) << r.what;
        EXPECT_EQ(s.ends_launch, r.ends_launch) << r.what;
        EXPECT_EQ(s.record.version, 9U) << r.what << ": the write is conditional";
        const bool has_target = s.record.target.port != 0;
        EXPECT_EQ(has_target,
                  r.written == active || (r.written == draining && r.is.status == active))
            << r.what;
        if (r.written == inactive || r.written == failed || s.is_relaunch) {
            EXPECT_EQ(s.record.task, "") << r.what;
        }
    }
}

table_entry shown(cache::route_state state, cache::activity activity = {}) {
    return {state, activity};
}

TEST(next_step, initializing) {
    expect_all({
        {"a new session", {initializing, "", phase::none}, act::start},
        {"its task was begun by an earlier process",
         {initializing, our_task, phase::none},
         act::adopt},
        {"... and is gone", {initializing, our_task, phase::none, "", true}, act::start},
        {"somebody else's task", {initializing, "arn:x", phase::none}, act::nothing},
        {"the launch is not in the record yet",
         {initializing, "", phase::starting},
         act::write,
         initializing},
        {"an old launch is in the record",
         {initializing, "process:1:1:1", phase::starting},
         act::write,
         initializing},
        {"it starts", {initializing, our_task, phase::starting}, act::nothing},
        {"it is ready", {initializing, our_task, phase::ready}, act::write, active},
        {"ready before its task was written", {initializing, "", phase::ready}, act::write, active},
        {"an earlier launch is on its way out",
         {initializing, our_task, phase::stopping},
         act::nothing},
        {"... and out", {initializing, our_task, phase::stopped}, act::forget},
        {"it died", {initializing, our_task, phase::died}, act::write, failed, true},
        {"it died before its task was written",
         {initializing, "", phase::died},
         act::write,
         failed,
         true},
        {"nobody came until its ttl",
         {initializing, "", phase::none, "", false, now_ms},
         act::write,
         draining},
    });
    const step failing = step_of({initializing, our_task, phase::died});
    EXPECT_EQ(failing.record.reason, "exited with status 1");
    const step ready = step_of({initializing, "", phase::ready});
    EXPECT_EQ(ready.record.task, our_task);
    EXPECT_EQ(ready.record.started_at_ms, now_ms - 3000);
}

TEST(next_step, initializing_without_launcher_waits_for_others) {
    lifecycle_rules rules = usual_rules();
    rules.has_launcher = false;
    expect_all({{"", {initializing, "", phase::none}, act::nothing}}, rules);
}

TEST(next_step, initializing_with_no_room_left) {
    lifecycle_rules rules = usual_rules();
    rules.sessions_max = 2;
    state s{initializing, "", phase::none};
    s.running = 1;
    expect_all({{"one place is left", s, act::start}}, rules);
    s.running = 2;
    expect_all({{"none is left", s, act::write, failed, true}}, rules);
    EXPECT_NE(step_of(s, rules).record.reason.find("sessions_max"), std::string::npos);
}

TEST(next_step, active) {
    expect_all({
        {"in use", {}, act::nothing},
        {"control came back", {active, our_task, phase::none}, act::adopt},
        {"control came back too late",
         {active, our_task, phase::none, "", true},
         act::write,
         initializing,
         true},
        {"it died", {active, our_task, phase::died}, act::write, initializing, true},
        {"it was stopped, and then set active by hand",
         {active, our_task, phase::stopped},
         act::write,
         initializing,
         true},
        {"adopted, not probed yet", {active, our_task, phase::starting}, act::nothing},
        {"on its way out", {active, our_task, phase::stopping}, act::nothing},
        {"somebody else's target", {active, "", phase::none}, act::nothing},
        {"somebody else's target, idle",
         {active, "", phase::none, "", false, now_ms + 1, 1, 1},
         act::nothing},
        {"somebody else's target, past its ttl",
         {active, "", phase::none, "", false, now_ms},
         act::write,
         draining},
        {"somebody else took over", {active, "", phase::ready}, act::stop},
        {"somebody else took over, ours is gone", {active, "", phase::stopped}, act::forget},
        {"past its ttl",
         {active, our_task, phase::ready, our_task, false, now_ms},
         act::write,
         draining},
    });
    EXPECT_TRUE(step_of({active, our_task, phase::died}).is_relaunch);
}

TEST(next_step, active_dies_once_too_often) {
    for (unsigned before = 0; before <= 4; ++before) {
        state s{active, our_task, phase::died};
        s.relaunches = before;
        const step then = step_of(s);
        EXPECT_EQ(then.record.status, before < 3 ? initializing : failed) << before;
        if (before == 3) {
            EXPECT_EQ(then.record.reason, "died 4 times within 60 s, last: exited with status 1");
        }
    }
    lifecycle_rules never = usual_rules();
    never.restarts_max = 0;
    EXPECT_EQ(step_of({active, our_task, phase::died}, never).record.reason,
              "exited with status 1");
}

TEST(next_step, idle_is_measured_from_the_last_sign_of_life) {
    const std::int64_t idle = now_ms - 300'000;
    const auto seen = [](std::int64_t last_seen, std::int64_t push = 0, std::int64_t socket = 0) {
        return shown(cache::route_state::active, {last_seen, push, socket});
    };
    const auto with = [](std::int64_t activity, std::int64_t started, std::int64_t ready,
                         std::optional<table_entry> table) {
        state s;
        s.last_activity_ms = activity, s.started_ms = started, s.ready_ms = ready, s.table = table;
        return s;
    };
    expect_all({
        {"idle to the millisecond", with(idle, 1, 0, {}), act::write, draining},
        {"not quite", with(idle + 1, 1, 0, {}), act::nothing},
        {"just started", with(1, idle + 1, 0, {}), act::nothing},
        {"just ready", with(1, 1, idle + 1, {}), act::nothing},
        {"seen by a worker", with(1, 1, 0, seen(idle + 1)), act::nothing},
        {"seen by a worker long ago", with(1, 1, 0, seen(idle)), act::write, draining},
        {"an open tab that the server talks to is nobody",
         with(1, 1, 0, seen(idle, now_ms, now_ms)), act::write, draining},
    });
    lifecycle_rules never = usual_rules();
    never.idle_timeout = 0ms;
    expect_all({{"never idle", with(1, 1, 0, {}), act::nothing}}, never);
}

TEST(next_step, refused_targets_are_looked_at) {
    const auto refused = [](std::int64_t at) {
        cache::activity a;
        a.last_seen_ms = now_ms;
        a.refused_at_ms = at;
        return shown(cache::route_state::active, a);
    };
    state s;
    s.good_ms = 5000;
    s.table = refused(5000);
    expect_all({{"before the last good probe", s, act::nothing}});
    s.table = refused(5001);
    expect_all({{"after it", s, act::check}});
    s.checking = true;
    expect_all({{"the check is under way", s, act::nothing}});
}

TEST(next_step, draining) {
    const auto with = [](phase launch, std::optional<table_entry> table,
                         std::int64_t since = now_ms) {
        state s{draining, our_task, launch};
        s.table = table;
        s.draining_since_ms = since;
        return s;
    };
    const auto theirs = [](std::int64_t since) {
        state s{draining, "arn:x", phase::none};
        s.draining_since_ms = since;
        return s;
    };
    expect_all({
        {"workers still route to it", with(phase::ready, shown(cache::route_state::active)),
         act::nothing},
        {"they do so for too long",
         with(phase::ready, shown(cache::route_state::active), now_ms - 1000), act::stop},
        {"they have seen it", with(phase::ready, shown(cache::route_state::draining)), act::stop},
        {"the table does not know it", with(phase::starting, {}), act::stop},
        {"on its way out", with(phase::stopping, {}), act::nothing},
        {"out", with(phase::stopped, {}), act::write, inactive, true},
        {"out by itself", with(phase::died, {}), act::write, inactive, true},
        {"control came back", {draining, our_task, phase::none}, act::adopt},
        {"control came back too late",
         {draining, our_task, phase::none, "", true},
         act::write,
         inactive,
         true},
        {"nothing ever ran", {draining, "", phase::none}, act::write, inactive, true},
        {"somebody else's, seen just now", theirs(0), act::nothing},
        {"somebody else's, who may be ending it", theirs(now_ms - 29'999), act::nothing},
        {"somebody else's, who has not", theirs(now_ms - 30'000), act::write, inactive, true},
    });
}

TEST(next_step, down) {
    for (const session_status status : {inactive, failed})
        expect_all({
            {"at rest", {status, "", phase::none}, act::nothing},
            {"at rest, no ttl", {status, "", phase::none, "", false, 0}, act::nothing},
            {"its time is over", {status, "", phase::none, "", false, now_ms}, act::remove},
            {"not quite", {status, "", phase::none, "", false, now_ms + 1}, act::nothing},
            {"its time is over, but something runs",
             {status, "", phase::ready, "", false, now_ms},
             act::stop},
            {"set down by hand", {status, our_task, phase::ready}, act::stop},
            {"on its way out", {status, our_task, phase::stopping}, act::nothing},
            {"out", {status, our_task, phase::stopped}, act::forget},
            {"what an earlier process left", {status, our_task, phase::none}, act::adopt},
            {"what an earlier process left has gone",
             {status, our_task, phase::none, "", true},
             act::write,
             status},
        });
}

TEST(next_step, record_is_gone) {
    for (const auto& [p, then] : {std::pair{phase::none, act::nothing},
                                  {phase::starting, act::stop},
                                  {phase::ready, act::stop},
                                  {phase::stopping, act::nothing},
                                  {phase::stopped, act::forget},
                                  {phase::died, act::forget}}) {
        situation now;
        now.launch.phase = p;
        EXPECT_EQ(next_step(nullptr, now, usual_rules()).what, then) << static_cast<int>(p);
    }
}

TEST(next_step, by_a_clock_that_is_ahead_of_the_stores_no_ttl_has_passed) {
    sync::session record = session_named("t1");
    for (const session_status status : {initializing, active, session_status::inactive}) {
        record.status = status;
        record.ttl_ms = now_ms - 4'000;
        situation now;
        now.now_ms = now_ms;
        now.clock_ahead_ms = 5'000;
        lifecycle_rules rules = usual_rules();
        rules.has_launcher = false;
        EXPECT_EQ(next_step(&record, now, rules).what, act::nothing);
        EXPECT_EQ(look_again_at_ms(&record, now, rules), now_ms + 1'000);
        now.clock_ahead_ms = 3'000;
        EXPECT_NE(next_step(&record, now, rules).what, act::nothing);
    }
}

TEST(next_step, stopping_everything) {
    lifecycle_rules rules = usual_rules();
    rules.is_stopping = true;
    state routed{draining, our_task, phase::ready};
    routed.table = shown(cache::route_state::active);
    routed.draining_since_ms = now_ms;
    expect_all(
        {
            {"nothing is started", {initializing, "", phase::none}, act::write, draining},
            {"starting", {initializing, our_task, phase::starting}, act::write, draining},
            {"ready", {initializing, our_task, phase::ready}, act::write, draining},
            {"in use", {}, act::write, draining},
            {"no grace", routed, act::stop},
            {"somebody else's stays", {active, "", phase::none}, act::nothing},
            {"somebody else's stays", {initializing, "arn:x", phase::none}, act::nothing},
        },
        rules);
}

/// Whatever is, the steps come to an end, and no step undoes the one before: next_step is asked
/// again and again over every combination, with a model of what each step brings about.
TEST(next_step, comes_to_rest_from_everywhere) {
    int looked_at = 0;
    for (const session_status status : {initializing, active, draining, inactive, failed})
        for (const char* task : {"", our_task.c_str(), "arn:x"})
            for (const phase launch : {phase::none, phase::starting, phase::ready, phase::stopping,
                                       phase::stopped, phase::died})
                for (const bool is_gone : {false, true})
                    for (const bool is_stopping : {false, true})
                        for (const std::int64_t ttl : {std::int64_t{0}, now_ms, now_ms + 1}) {
                            lifecycle_rules rules = usual_rules();
                            rules.is_stopping = is_stopping;
                            state s{status, task, launch, our_task, is_gone, ttl};
                            int steps = 0;
                            for (; steps < 16; ++steps) {
                                const step then = step_of(s, rules);
                                if (then.what == act::nothing || then.what == act::remove)
                                    break;
                                if (then.what == act::write)
                                    s.status = then.record.status, s.task = then.record.task;
                                if (then.what == act::write && then.ends_launch)
                                    s.launch = phase::none;
                                if (then.what == act::start)
                                    s.launch = phase::starting, s.is_gone = false;
                                if (then.what == act::adopt)
                                    s.is_gone = true;
                                if (then.what == act::stop)
                                    s.launch = phase::stopping;
                                if (then.what == act::forget)
                                    s.launch = phase::none;
                            }
                            EXPECT_LT(steps, 16)
                                << name_of(status) << " task \"" << task << "\" phase "
                                << static_cast<int>(launch) << is_gone << is_stopping << ttl;
                            ++looked_at;
                        }
    EXPECT_EQ(looked_at, 5 * 3 * 6 * 2 * 2 * 3);
}

} // namespace
} // namespace postern::control::test
