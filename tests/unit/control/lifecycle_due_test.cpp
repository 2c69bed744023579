// The lifecycle looks at a session that nobody speaks of when its time may have come, and not
// before.
#include "control/lifecycle/due_times.hpp"
#include "lifecycle_fixture.hpp"

namespace postern::control::test {
namespace {

using enum sync::session_status;

using idle_sessions = lifecycle_over_meddled_store;

TEST_F(idle_sessions, are_not_looked_at_before_their_time) {
    for (int i = 0; i < 50; ++i) {
        sync::session s = session_named("elsewhere" + std::to_string(i));
        s.status = active;
        s.ttl_ms = base::to_epoch_ms(time_.wall()) + 3'600'000;
        s.target = base::ip_endpoint::parse("10.1.2.3:4321").value();
        ASSERT_TRUE(store_->insert(s));
    }
    turn();
    EXPECT_EQ(numbers_.sessions[static_cast<std::size_t>(active)], 50U);
    looks_ = 0;
    for (int i = 0; i < 100; ++i)
        turn();
    EXPECT_EQ(looks_, 0) << "25 s, a hundred turns";
    for (int i = 0; i < 40; ++i)
        turn(1s);
    EXPECT_EQ(looks_, 0) << "stock is taken by what the store says of them";
    EXPECT_EQ(numbers_.sessions[static_cast<std::size_t>(active)], 50U);
}

TEST_F(idle_sessions, each_is_stopped_in_its_own_time) {
    const std::int64_t begin_ms = base::to_epoch_ms(time_.wall());
    for (const auto& [id, seen_ago] : {std::pair{"a", 0s}, {"b", 100s}, {"c", 299s}}) {
        sync::session s = session_named(id);
        s.status = active;
        s.task = "fake:" + std::string{id};
        s.target = base::ip_endpoint::parse("127.0.0.1:20000").value();
        s.last_activity_at_ms = begin_ms - std::chrono::milliseconds{seen_ago}.count();
        ASSERT_TRUE(store_->insert(s));
    }
    std::map<std::string, std::int64_t> ended_after_ms;
    turn(0ms);
    while (base::to_epoch_ms(time_.wall()) - begin_ms < 301'000) {
        for (const char* id : {"a", "b", "c"})
            if (record(id).status != active)
                ended_after_ms.emplace(id, base::to_epoch_ms(time_.wall()) - begin_ms);
        turn();
    }
    EXPECT_EQ(ended_after_ms,
              (std::map<std::string, std::int64_t>{{"a", 300'000}, {"b", 200'000}, {"c", 1'000}}));
}

TEST_F(idle_sessions, a_request_just_before_the_end_moves_it) {
    add(active, "fake:7");
    turn(0ms);
    const auto began = time_.wall();
    while (time_.wall() < began + 299s)
        turn();
    table_ = table_entry{cache::route_state::active, {}};
    table_->activity.last_seen_ms = base::to_epoch_ms(time_.wall()); // a worker's word, unheard
    while (time_.wall() + 250ms < began + 299s + 300s) {
        turn();
        ASSERT_EQ(record().status, active) << (time_.wall() - began).count();
    }
    turn();
    EXPECT_EQ(record().status, draining);
    EXPECT_EQ(numbers_.idle_stops, 1U);
}

TEST_F(idle_sessions, a_change_of_the_record_moves_the_end_both_ways) {
    add(active, "fake:7");
    turn(0ms);
    const auto change = [&](auto how) {
        sync::session s = record();
        how(s);
        ASSERT_TRUE(store_->replace(s));
    };
    turn(200s);
    change([&](sync::session& s) { s.last_activity_at_ms = base::to_epoch_ms(time_.wall()); });
    turn(), turn(299s);
    EXPECT_EQ(record().status, active) << "a keepalive";
    change([&](sync::session& s) {
        s.last_activity_at_ms = base::to_epoch_ms(time_.wall());
        s.ttl_ms = base::to_epoch_ms(time_.wall()) + 10'000;
    });
    turn(), turn(9s);
    EXPECT_EQ(record().status, active);
    turn(750ms);
    EXPECT_EQ(record().status, draining) << "an earlier ttl";
}

TEST_F(idle_sessions, whose_ttl_has_passed_end_when_the_table_has_let_go_of_them) {
    sync::session s = session_named("t1");
    s.status = active;
    s.route_key = "k1";
    s.target = base::ip_endpoint::parse("10.1.2.3:4321").value();
    s.ttl_ms = base::to_epoch_ms(time_.wall()) + 10'000;
    ASSERT_TRUE(store_->insert(s));
    table_ = table_entry{cache::route_state::active, {}, "t1"};
    turn();
    turn(20s), turn(20s);
    EXPECT_EQ(record().status, active) << "sync has activity that is not in the store yet";
    table_->session_id = "another";
    turn(2s);
    EXPECT_FALSE(store_->get("t1")) << "its key is another session's";
    EXPECT_EQ(numbers_.idle_stops, 0U);
}

TEST_F(idle_sessions, a_step_of_the_clock_loses_none) {
    add(active, "fake:7", "t1");
    turn(0ms);
    time_.step(200s); // the wall clock alone
    turn();
    EXPECT_EQ(record().status, active);
    time_.step(-3600s);
    for (int i = 0; i < 8; ++i)
        turn(100s);
    EXPECT_EQ(record().status, active) << "by this clock it was just active";
    time_.step(3600s);
    turn();
    EXPECT_EQ(record().status, draining) << "the step forward makes it due at once";
}

TEST_F(idle_sessions, a_refusal_that_workers_report_is_seen_in_the_next_turn) {
    add(active, "fake:7", "a");
    add(active, "fake:8", "b");
    turn(), turn(), turn();
    EXPECT_EQ(launcher_.checks, 0);
    table_ = table_entry{cache::route_state::active, {}};
    table_->activity.last_seen_ms = table_->activity.refused_at_ms =
        base::to_epoch_ms(time_.wall());
    turn();
    EXPECT_EQ(launcher_.checks, 2);
}

TEST_F(idle_sessions, draining_ends_as_soon_as_the_workers_let_go) {
    for (const bool lets_go : {true, false}) {
        const std::string id = lets_go ? "a" : "b";
        table_ = table_entry{cache::route_state::active, {}};
        add(active, "fake:" + id, id);
        turn();
        sync::session s = record(id);
        s.status = draining;
        ASSERT_TRUE(store_->replace(s));
        turn(), turn();
        EXPECT_EQ(launcher_.view(id).phase, launch_phase::ready) << "still routed";
        if (lets_go)
            table_->state = cache::route_state::draining;
        else
            turn(500ms);
        turn();
        EXPECT_EQ(launcher_.view(id).phase, launch_phase::stopping);
    }
}

TEST_F(idle_sessions, are_found_again_when_the_store_was_away_at_their_time) {
    add(active, "fake:7");
    turn(0ms);
    hook_ = [](std::string_view) { return std::optional{sync::store_error::unavailable}; };
    is_away_ = true;
    for (int i = 0; i < 4; ++i)
        turn(100s);
    hook_ = {};
    is_away_ = false;
    turn(6s);
    EXPECT_EQ(record().status, draining);
}

TEST(due_times, give_each_once_and_in_order) {
    due_times due;
    due.set("b", 20), due.set("a", 30), due.set("c", 20), due.set("d", due_times::never);
    EXPECT_EQ(due.size(), 3U);
    EXPECT_TRUE(due.take(19).empty());
    due.set("a", 10); // earlier
    due.set("b", 40); // later
    EXPECT_EQ(due.take(20), (std::vector<std::string>{"a", "c"}));
    EXPECT_TRUE(due.take(39).empty());
    due.set("e", 5), due.drop("e"), due.drop("nobody");
    EXPECT_EQ(due.take(40), std::vector<std::string>{"b"});
    due.set("f", 1), due.set("f", due_times::never);
    EXPECT_EQ(due.size(), 0U);
}

/// Everything next_step can be asked about a session at a moment.
template <class Each>
void for_all_situations(Each&& each) {
    constexpr std::int64_t now_ms = 1'000'000;
    for (const auto status : {initializing, active, draining, inactive, failed})
        for (const auto phase : {launch_phase::none, launch_phase::starting, launch_phase::ready,
                                 launch_phase::stopping, launch_phase::stopped, launch_phase::died})
            for (const bool is_ours : {false, true})
                for (const bool is_gone : {false, true})
                    for (const std::int64_t ttl_ms : {0L, now_ms - 5, now_ms + 700})
                        for (const std::int64_t seen_ms : {0L, now_ms - 100, now_ms - 400})
                            for (const bool is_routed : {false, true}) {
                                sync::session s = session_named("t1");
                                s.status = status;
                                s.ttl_ms = ttl_ms;
                                s.task = is_ours ? "fake:1" : "arn:x";
                                s.last_activity_at_ms = now_ms - 400;
                                situation now;
                                now.now_ms = now_ms;
                                now.launch.phase = phase;
                                now.launch.task = is_ours ? "fake:1" : "";
                                now.is_task_ours = is_ours;
                                now.is_task_gone = is_ours && is_gone;
                                now.draining_since_ms = status == draining ? now_ms - 10 : 0;
                                if (is_routed)
                                    now.table = table_entry{cache::route_state::active, {}};
                                if (is_routed)
                                    now.table->activity.last_seen_ms = seen_ms;
                                each(s, now);
                            }
}

TEST(look_again, is_never_too_late_and_hardly_ever_too_early) {
    int waits = 0, dues = 0;
    for (const bool has_launcher : {false, true})
        for (const auto idle : {0ms, 500ms}) {
            lifecycle_rules rules;
            rules.has_launcher = has_launcher;
            rules.idle_timeout = idle;
            rules.restarts_max = 1;
            for_all_situations([&](const sync::session& s, situation now) {
                if (next_step(&s, now, rules).what != act::nothing)
                    return;
                ++waits;
                const std::int64_t again_ms = look_again_at_ms(&s, now, rules);
                const std::int64_t began_ms = now.now_ms;
                for (; now.now_ms < std::min(again_ms, began_ms + 5000); now.now_ms += 50)
                    ASSERT_EQ(next_step(&s, now, rules).what, act::nothing)
                        << name_of(s.status) << " " << static_cast<int>(now.launch.phase);
                if (again_ms == due_times::never || s.status == draining)
                    return;
                if (now.table && s.ttl_ms > 0 && again_ms >= s.ttl_ms)
                    return; // when the table lets go of it, nobody tells
                ++dues;
                now.now_ms = again_ms;
                EXPECT_NE(next_step(&s, now, rules).what, act::nothing)
                    << name_of(s.status) << " " << static_cast<int>(now.launch.phase);
                now.now_ms = again_ms - 1;
                EXPECT_EQ(next_step(&s, now, rules).what, act::nothing);
            });
        }
    EXPECT_GT(waits, 200);
    EXPECT_GT(dues, 50);
    situation gone;
    EXPECT_EQ(look_again_at_ms(nullptr, gone, {}), due_times::never);
}

} // namespace
} // namespace postern::control::test
