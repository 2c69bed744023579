// What the lifecycle does when others write too, the store goes away, launches die.
#include "control/api/sessions.hpp"
#include "lifecycle_fixture.hpp"

namespace postern::control::test {
namespace {

using enum sync::session_status;

TEST_F(lifecycle_over_meddled_store, decides_again_after_a_conflict) {
    add(initializing);
    int meddled = 0;
    hook_ = [&](std::string_view call) -> std::optional<sync::store_error> {
        if (call != "replace" || meddled >= 3)
            return std::nullopt;
        sync::session s = record();
        s.branch = "b" + std::to_string(++meddled);
        EXPECT_TRUE(store_->replace(s));
        return std::nullopt;
    };
    turn();
    EXPECT_EQ(record().task, "fake:1") << "in one turn";
    EXPECT_EQ(record().branch, "b3") << "and nobody's change is lost";
    EXPECT_EQ(numbers_.store_conflicts, 3U);
    EXPECT_EQ(launcher_.starts, 1);
}

TEST_F(lifecycle_over_meddled_store, another_decision_may_follow_from_a_conflict) {
    add(initializing);
    bool has_meddled = false;
    hook_ = [&](std::string_view call) -> std::optional<sync::store_error> {
        if (call != "replace" || std::exchange(has_meddled, true))
            return std::nullopt;
        sync::session s = record();
        s.status = draining; // deactivated between the start and the write that names the task
        EXPECT_TRUE(store_->replace(s));
        return std::nullopt;
    };
    turn();
    EXPECT_EQ(launcher_.view("t1").phase, launch_phase::stopping);
    launcher_.views["t1"].phase = launch_phase::stopped;
    turn();
    EXPECT_EQ(record().status, inactive);
}

TEST_F(lifecycle_over_meddled_store, whatever_call_fails_nothing_is_lost) {
    // One call after the other fails, once; then all is as if nothing had been.
    for (int failing = 0; failing < 12; ++failing) {
        const std::string id = "s" + std::to_string(failing);
        add(initializing, "", id);
        int calls = 0;
        hook_ = [&](std::string_view) -> std::optional<sync::store_error> {
            return calls++ == failing ? std::optional{sync::store_error::unavailable}
                                      : std::nullopt;
        };
        const int starts_before = launcher_.starts;
        for (int i = 0; i < 6; ++i) {
            turn(6s); // beyond every pause after a failure
            if (launcher_.view(id).phase == launch_phase::starting)
                launcher_.views[id].phase = launch_phase::ready;
        }
        EXPECT_EQ(record(id).status, active) << failing;
        EXPECT_EQ(launcher_.starts, starts_before + 1) << failing;
    }
}

TEST_F(lifecycle_over_meddled_store, launches_go_on_while_the_store_is_away) {
    add(initializing);
    turn();
    is_away_ = true;
    hook_ = [](std::string_view) { return std::optional{sync::store_error::unavailable}; };
    launcher_.views["t1"].phase = launch_phase::ready;
    for (int i = 0; i < 20; ++i)
        turn(1s);
    EXPECT_EQ(launcher_.view("t1").phase, launch_phase::ready);
    EXPECT_GE(numbers_.store_errors, 2U);
    is_away_ = false;
    hook_ = {};
    turn(6s);
    EXPECT_EQ(record().status, active);
    EXPECT_EQ(launcher_.adoptions, 0) << "what it started itself needs no adoption";
    EXPECT_EQ(launcher_.sweeps, 1);
}

TEST_F(lifecycle_over_meddled_store, stops_its_launches_even_without_the_store) {
    add(active, "fake:7");
    turn();
    is_away_ = true;
    hook_ = [](std::string_view) { return std::optional{sync::store_error::unavailable}; };
    life_->begin_stop();
    turn(), turn(6s);
    EXPECT_EQ(launcher_.view("t1").phase, launch_phase::stopping);
    EXPECT_FALSE(life_->has_stopped());
}

TEST_F(lifecycle_over_meddled_store, idle_to_the_tick) {
    add(active, "fake:7");
    turn(0ms);
    const auto idle_at = time_.wall() + 300s;
    while (time_.wall() + 250ms < idle_at)
        turn();
    EXPECT_EQ(record().status, active);
    turn();
    EXPECT_EQ(record().status, draining);
    EXPECT_EQ(numbers_.idle_stops, 1U);
}

TEST_F(lifecycle_over_meddled_store, activity_written_by_others_counts) {
    add(active, "fake:7");
    turn(0ms);
    turn(299s);
    // Another host saw a request: no change of the record that the feed would show.
    ASSERT_TRUE(store_->add_activity({{"t1", base::to_epoch_ms(time_.wall()), 0, 1, 0}}));
    turn(2s);
    EXPECT_EQ(record().status, active) << "read again before it was stopped";
    turn(299s);
    EXPECT_EQ(record().status, draining);
}

TEST_F(lifecycle_over_meddled_store, deaths_are_counted_within_the_window) {
    add(active, "fake:7");
    turn();
    const auto die = [&] {
        launcher_.views["t1"].phase = launch_phase::died;
        launcher_.views["t1"].reason = "exited with status 1";
        turn();
        if (launcher_.views.count("t1") == 0)
            return;
        launcher_.views["t1"].phase = launch_phase::ready;
        turn();
    };
    die(), die();
    EXPECT_EQ(record().status, active);
    time_.advance(61s); // both are forgiven
    die(), die();
    EXPECT_EQ(record().status, active);
    die();
    EXPECT_EQ(record().status, failed);
    EXPECT_EQ(record().reason, "died 3 times within 60 s, last: exited with status 1");
    EXPECT_EQ(numbers_.relaunches, 4U);
}

TEST_F(lifecycle_over_meddled_store, adopts_before_it_starts) {
    add(initializing, "", "a-new-one");
    add(active, "fake:7", "b-running");
    int adoptions_at_start = -1;
    hook_ = [&](std::string_view call) -> std::optional<sync::store_error> {
        if (call == "replace" && adoptions_at_start < 0)
            adoptions_at_start = launcher_.adoptions;
        return std::nullopt;
    };
    turn();
    EXPECT_EQ(launcher_.starts, 1);
    EXPECT_EQ(adoptions_at_start, 1);
    EXPECT_EQ(record("b-running").status, active);
}

TEST_F(lifecycle_over_meddled_store, a_gap_in_the_feed_is_filled_by_taking_stock) {
    turn();
    add(initializing);
    bool has_gap = true;
    let_the_feed_have_a_gap(has_gap);
    turn();
    EXPECT_FALSE(has_gap);
    EXPECT_EQ(launcher_.starts, 1);
}

TEST_F(lifecycle_over_meddled_store, what_a_gap_has_swallowed_is_missed_in_the_stock) {
    add(active, "fake:7");
    turn();
    ASSERT_TRUE(store_->remove("t1", 0));
    bool has_gap = true;
    let_the_feed_have_a_gap(has_gap);
    turn();
    EXPECT_EQ(launcher_.view("t1").phase, launch_phase::stopping);
}

TEST_F(lifecycle_over_meddled_store, one_senseless_record_does_not_stop_the_others) {
    add(initializing, "", "a");
    add(initializing, "", "b");
    hook_ = [&, first = true](std::string_view call) mutable -> std::optional<sync::store_error> {
        if (call != "get" || !std::exchange(first, false))
            return std::nullopt;
        return sync::store_error::invalid;
    };
    turn();
    EXPECT_EQ(record("b").task.substr(0, 5), "fake:");
}

TEST_F(lifecycle_over_meddled_store, a_record_that_lost_its_sense_is_no_matter_of_the_store) {
    add(draining, "", "a");
    hook_ = [was_read = false](std::string_view call) mutable -> std::optional<sync::store_error> {
        const bool fails = call == "replace" || (call == "get" && std::exchange(was_read, true));
        return fails ? std::optional{sync::store_error::invalid} : std::nullopt;
    };
    turn();
    EXPECT_EQ(health_.why(), "") << "it is not away";
    life_->begin_stop();
    turn();
    EXPECT_TRUE(life_->has_stopped()) << "there is nothing of it to be stopped";
}

TEST_F(lifecycle_over_meddled_store, a_refusing_target_is_checked_once_a_refusal) {
    add(active, "fake:7");
    turn();
    table_ = table_entry{cache::route_state::active, {}};
    table_->activity.refused_at_ms = base::to_epoch_ms(time_.wall());
    turn(), turn();
    EXPECT_EQ(launcher_.checks, 1);
    launcher_.views["t1"].checking = false;
    launcher_.views["t1"].good_at_ms = base::to_epoch_ms(time_.wall());
    turn(), turn();
    EXPECT_EQ(launcher_.checks, 1);
}

constexpr auto cannot_write = [](std::string_view call) {
    return call == "insert" || call == "replace" || call == "remove" || call == "try_write"
               ? std::optional{sync::store_error::unavailable}
               : std::nullopt;
};

TEST_F(lifecycle_over_meddled_store, a_store_that_is_only_read_is_away_once_and_tried_less_often) {
    kept_log kept;
    log_ = &kept.log();
    make();
    add(active, "fake:7");
    turn();
    int writes = 0;
    hook_ = [&](std::string_view call) {
        const auto failed = cannot_write(call);
        writes += failed ? 1 : 0;
        return failed;
    };
    turn(301s); // it owes an idle stop now
    EXPECT_EQ(writes, 1);
    EXPECT_EQ(health_.why(), "replace: the store is unavailable");
    for (int i = 0; i < 160; ++i)
        turn();
    EXPECT_GE(writes, 5);
    EXPECT_LE(writes, 45) << "40 s, with pauses that grow to 5 s; without growth 140";
    EXPECT_EQ(kept.count("the store is away"), 1) << kept.text();
    EXPECT_EQ(kept.count("the store is back"), 0) << kept.text();
    EXPECT_NE(health_.why(), "");
    hook_ = {};
    turn(6s);
    EXPECT_EQ(record().status, draining);
    EXPECT_EQ(kept.count("the store is away"), 1) << kept.text();
    EXPECT_EQ(kept.count("the store is back"), 1) << kept.text();
    EXPECT_EQ(health_.why(), "");
}

TEST_F(lifecycle_over_meddled_store, what_is_owed_is_not_forgotten_nor_back_before_it_is_done) {
    kept_log kept;
    log_ = &kept.log();
    make();
    add(active, "fake:7");
    turn();
    // Small writes work, this one does not.
    hook_ = [](std::string_view call) {
        return call == "replace" ? std::optional{sync::store_error::unavailable} : std::nullopt;
    };
    turn(301s);
    for (int i = 0; i < 40; ++i)
        turn(1s);
    EXPECT_EQ(kept.count("the store is away"), 1) << kept.text();
    EXPECT_EQ(kept.count("the store is back"), 0) << kept.text();
    hook_ = {};
    turn(6s);
    EXPECT_EQ(record().status, draining);
    EXPECT_EQ(kept.count("the store is back"), 1) << kept.text();
}

TEST_F(lifecycle_over_meddled_store, a_store_that_is_yet_to_be_loaded_has_not_failed) {
    kept_log kept;
    log_ = &kept.log();
    make();
    add(active, "fake:7");
    hook_ = [](std::string_view call) {
        return call == "list" ? std::optional{sync::store_error::loading} : std::nullopt;
    };
    for (int i = 0; i < 5; ++i)
        turn(1s);
    EXPECT_EQ(launcher_.starts, 0);
    EXPECT_EQ(health_.why(), "") << "the store itself says what it waits for";
    hook_ = {};
    turn(1s);
    EXPECT_EQ(kept.count("the store is"), 0) << kept.text();
}

/// Nothing is owed here: who finds out that writing fails is the API, and who finds out that it
/// works again is the lifecycle.
TEST_F(lifecycle_over_meddled_store, a_write_that_failed_in_the_api_is_trouble_until_one_works) {
    options opts;
    opts.route_key = text("{clientId}-{threadId}");
    store_pool stores{opener(), health_};
    sessions api{opts, stores, bell_, own_bell_, time_, quiet_log()};
    const fields wanted{{"clientId", "acme"}, {"userId", "scott"}, {"threadId", "x"}};
    turn();
    EXPECT_EQ(api.trouble(), "");
    hook_ = cannot_write;
    EXPECT_EQ(api.trouble(), "") << "nobody has tried";
    EXPECT_EQ(api.activate(wanted).error().status, 503U);
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(api.trouble(), "insert: the store is unavailable") << i;
        turn();
    }
    hook_ = {};
    turn(6s);
    EXPECT_EQ(api.trouble(), "");
    EXPECT_TRUE(api.activate(wanted));
}

TEST_F(lifecycle_over_meddled_store, writing_is_tried_only_after_a_failure_and_once_a_second) {
    add(active, "fake:7");
    int tries = 0;
    hook_ = [&](std::string_view call) -> std::optional<sync::store_error> {
        tries += call == "try_write" ? 1 : 0;
        return std::nullopt;
    };
    for (int i = 0; i < 20; ++i)
        turn();
    EXPECT_EQ(tries, 0);
    for (int i = 0; i < 20; ++i) {
        health_.failed({sync::store_error::unavailable, "one call"});
        turn();
    }
    EXPECT_EQ(tries, 5);
}

TEST_F(lifecycle_over_meddled_store, a_stop_does_not_wait_for_the_pause_to_end) {
    add(active, "fake:7");
    turn();
    hook_ = cannot_write;
    turn(301s);
    for (int i = 0; i < 40; ++i)
        turn(1s);
    hook_ = {};
    life_->begin_stop();
    turn(1ms);
    EXPECT_EQ(record().status, draining) << "written at once";
    EXPECT_EQ(launcher_.view("t1").phase, launch_phase::stopping);
}

/// The API's own races, made to happen.
TEST_F(lifecycle_over_meddled_store, activations_that_lose_a_race_answer_with_the_winner) {
    options opts;
    opts.route_key = text("{clientId}-{threadId}");
    opts.history = 24h;
    store_pool stores{opener(), health_};
    sessions api{opts, stores, bell_, own_bell_, time_, quiet_log()};
    const fields wanted{{"clientId", "acme"}, {"userId", "scott"}, {"threadId", "x"}};
    hook_ = [&, first = true](std::string_view call) mutable -> std::optional<sync::store_error> {
        if (call != "insert" || !std::exchange(first, false))
            return std::nullopt;
        sync::session s = session_named("x");
        s.session_id = "acme-x";
        EXPECT_TRUE(store_->insert(s));
        return std::nullopt;
    };
    const auto lost = api.activate(wanted);
    ASSERT_TRUE(lost);
    EXPECT_EQ(lost->what, activated::how::unchanged);
    EXPECT_EQ(lost->record.session_id, "acme-x");

    // A writer that is always faster is not waited for without end.
    int writes = 0;
    hook_ = [&](std::string_view call) -> std::optional<sync::store_error> {
        if (call != "replace")
            return std::nullopt;
        sync::session s = record("acme-x");
        s.branch = std::to_string(++writes);
        EXPECT_TRUE(store_->replace(s));
        return std::nullopt;
    };
    const auto never = api.deactivate("acme-x");
    ASSERT_FALSE(never);
    EXPECT_EQ(never.error().code, "changed_meanwhile");
    EXPECT_EQ(never.error().status, 409U);
    EXPECT_EQ(writes, 8);
}

} // namespace
} // namespace postern::control::test
