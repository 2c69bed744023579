// Taking stock: what the feed has lost is found, and it costs little, however many sessions there
// are.
#include "lifecycle_fixture.hpp"
#include "sync/store/sqlite/database.hpp"

#include <fmt/format.h>

namespace postern::control::test {
namespace {

using enum sync::session_status;

class many_sessions : public lifecycle_over_meddled_store {
  protected:
    many_sessions() {
        hook_ = [this](std::string_view call) {
            ++calls_[std::string{call}];
            return std::optional<sync::store_error>{};
        };
    }
    /// Another program's.
    void run(const std::string& sql) {
        auto db = sync::sqlite::database::open(folder_.path() + "/db", false).value();
        const auto done = db->execute(sql);
        ASSERT_TRUE(done) << done.error().text();
    }
    /// `sql`, and the feed does not know.
    void run_unheard(const std::string& sql) {
        run("CREATE TABLE IF NOT EXISTS heard (seq); DELETE FROM heard;"
            "INSERT INTO heard SELECT max(seq) FROM changes;" +
            sql + ";DELETE FROM changes WHERE seq > (SELECT seq FROM heard)");
    }
    /// Of others, named m-00001 and so on.
    void add_many(int count) {
        run(fmt::format("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
                        "{}) INSERT INTO sessions (session_id, status, task, target) SELECT "
                        "printf('m-%05d', i), 'active', 'arn:x', '10.1.2.3:4321' FROM n",
                        count));
    }
    void turns_of_a_minute() {
        for (int i = 0; i < 250; ++i)
            turn();
    }
    [[nodiscard]] std::uint64_t count(sync::session_status status) const {
        return numbers_.sessions[static_cast<std::size_t>(status)];
    }

    std::map<std::string, int> calls_;
};

TEST_F(many_sessions, are_compared_a_page_a_turn_and_not_read) {
    add_many(2'300);
    turn(), turn();
    ASSERT_EQ(count(active), 2'300U);
    turns_of_a_minute();
    calls_.clear();
    int pages = 0;
    for (int i = 0; i < 240; ++i) {
        calls_["list_stamps"] = 0;
        turn();
        EXPECT_LE(calls_["list_stamps"], 1);
        pages += calls_["list_stamps"];
    }
    EXPECT_EQ(pages, 5) << "in a minute";
    EXPECT_LE(calls_["list"], 1) << "the look at the resting ones";
    EXPECT_EQ(calls_["get"], 0);
}

TEST_F(many_sessions, in_use_are_neither_read_nor_looked_for) {
    add_many(1'200);
    turn(), turn();
    turns_of_a_minute();
    calls_.clear();
    looks_ = 0;
    run("UPDATE sessions SET last_activity_at_ms = 12345, request_count = 7");
    turns_of_a_minute();
    EXPECT_LE(calls_["list"], 1) << "the look at the resting ones";
    EXPECT_EQ(calls_["get"], 0);
    EXPECT_EQ(looks_, 0);
}

TEST_F(many_sessions, that_the_feed_told_of_are_not_read_again) {
    add_many(600);
    turn(), turn();
    turns_of_a_minute();
    run("UPDATE sessions SET target = '10.9.9.9:1' WHERE session_id > 'm-00100'");
    turn(), turn();
    EXPECT_EQ(calls_["get"], 500);
    calls_.clear();
    turns_of_a_minute();
    EXPECT_LE(calls_["list"], 1) << "the look at the resting ones";
    EXPECT_EQ(calls_["get"], 0);
}

TEST_F(many_sessions, that_lost_their_sense_unheard_are_read_once) {
    add_many(600);
    turn(), turn();
    run_unheard("UPDATE sessions SET target = 'nonsense' WHERE session_id = 'm-00300'");
    turns_of_a_minute();
    EXPECT_EQ(count(active), 599U);
    EXPECT_EQ(numbers_.store_errors, 1U);
    turns_of_a_minute();
    EXPECT_EQ(numbers_.store_errors, 1U);
}

TEST_F(many_sessions, are_read_when_the_feed_is_another) {
    add_many(600);
    turn(), turn();
    calls_.clear();
    bool has_gap = true;
    hook_ = [&](std::string_view call) -> std::optional<sync::store_error> {
        ++calls_[std::string{call}];
        if (call != "changes_after" || !std::exchange(has_gap, false))
            return std::nullopt;
        return sync::store_error::gap;
    };
    run("INSERT INTO meta VALUES ('of', 'somebody')"); // so that the feed is looked at
    turn();
    EXPECT_FALSE(has_gap);
    EXPECT_EQ(calls_["list"], 1) << "a store that was made anew may give the same numbers again";
    EXPECT_EQ(calls_["get"], 0);
    calls_.clear();
    turns_of_a_minute();
    EXPECT_LE(calls_["list"], 1) << "the look at the resting ones";
}

TEST_F(many_sessions, that_the_feed_lost_are_found_within_a_minute) {
    add_many(1'200);
    add(active, "fake:1", "a-ends");
    add(active, "fake:2", "m-00600-goes");
    add(active, "fake:3", "zz-goes");
    turn(), turn();
    ASSERT_EQ(launcher_.adoptions, 3);
    run_unheard("UPDATE sessions SET status = 'inactive' WHERE session_id = 'a-ends';"
                "DELETE FROM sessions WHERE session_id IN ('m-00600-goes', 'zz-goes', 'm-00900');"
                "UPDATE sessions SET target = '10.9.9.9:1' WHERE session_id = 'm-00100';"
                "INSERT INTO sessions (session_id, status) VALUES ('m-00650-comes', "
                "'initializing'), ('z-comes', 'initializing');");
    turn();
    EXPECT_EQ(launcher_.starts, 0) << "the feed tells nothing of it";
    turns_of_a_minute();
    for (const char* id : {"a-ends", "m-00600-goes", "zz-goes"})
        EXPECT_EQ(launcher_.view(id).phase, launch_phase::stopping) << id;
    EXPECT_EQ(launcher_.starts, 2);
    EXPECT_EQ(count(active), 1'199U) << "one of those that nobody else looks at";
}

TEST_F(many_sessions, that_got_a_ttl_which_is_no_change_end_at_it) {
    add_many(600);
    turn(), turn();
    const std::int64_t ttl_ms = base::to_epoch_ms(time_.wall()) + 90'000;
    // By the store's own clock that is long ago, and would be told.
    run(fmt::format("DROP TRIGGER sessions_ttl_turned;"
                    "UPDATE sessions SET ttl_ms = {} WHERE session_id = 'm-00300'",
                    ttl_ms));
    turns_of_a_minute();
    EXPECT_EQ(record("m-00300").status, active);
    while (base::to_epoch_ms(time_.wall()) < ttl_ms + 1'000)
        turn();
    EXPECT_NE(record("m-00300").status, active);
}

TEST_F(many_sessions, of_which_one_makes_no_sense_are_no_matter_for_the_log) {
    add_many(600);
    run("UPDATE sessions SET target = 'nonsense' WHERE session_id = 'm-00300'");
    turn(), turn();
    turns_of_a_minute();
    EXPECT_EQ(count(active), 599U);
    EXPECT_EQ(numbers_.store_errors, 0U);
    run_unheard("UPDATE sessions SET target = '10.1.2.3:1' WHERE session_id = 'm-00300'");
    turns_of_a_minute();
    EXPECT_EQ(count(active), 600U);
}

TEST_F(many_sessions, are_met_in_several_turns_and_adopted_before_anything_starts) {
    add_many(10'500);
    add(initializing, "", "a-new-one");
    add(active, "fake:7", "z-running");
    turn();
    EXPECT_LT(count(active), 10'501U);
    EXPECT_EQ(launcher_.starts, 0);
    EXPECT_EQ(launcher_.sweeps, 0);
    turn();
    EXPECT_EQ(count(active), 10'501U);
    EXPECT_EQ(launcher_.sweeps, 1);
    EXPECT_EQ(launcher_.adoptions, 1);
    EXPECT_EQ(launcher_.starts, 1);
    EXPECT_LT(calls_["get"], 10) << "what needs no step is not read one by one";
}

TEST_F(many_sessions, are_met_from_the_beginning_when_the_store_was_lost_on_the_way) {
    add_many(10'500);
    add(active, "fake:7", "a-running");
    turn();
    hook_ = [](std::string_view) { return std::optional{sync::store_error::unavailable}; };
    is_away_ = true;
    turn();
    run_unheard("INSERT INTO sessions (session_id, status) VALUES ('a-comes', 'initializing')");
    hook_ = {};
    is_away_ = false;
    turn(6s), turn();
    EXPECT_EQ(count(active), 10'501U);
    EXPECT_EQ(launcher_.starts, 1);
    EXPECT_EQ(launcher_.adoptions, 1);
    EXPECT_EQ(launcher_.sweeps, 1);
}

TEST_F(many_sessions, have_stopped_only_after_all_were_asked) {
    add_many(10'500);
    add(initializing, "fake:9", "z-of-ours");
    for (int i = 0; i < 8; ++i)
        turn();
    ASSERT_EQ(record("z-of-ours").status, active);
    life_->begin_stop();
    turn();
    EXPECT_FALSE(life_->has_stopped());
    for (int i = 0; i < 8 && !life_->has_stopped(); ++i) {
        turn(2s);
        if (launcher_.view("z-of-ours").phase == launch_phase::stopping)
            launcher_.views["z-of-ours"].phase = launch_phase::stopped;
    }
    EXPECT_TRUE(life_->has_stopped());
    EXPECT_EQ(record("z-of-ours").status, inactive);
}

} // namespace
} // namespace postern::control::test
