#include "scripted_redis.hpp"
#include "sync/redis/redis_feed.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fcntl.h>
#include <unistd.h>

namespace postern::sync::redis {
namespace {

using namespace std::chrono_literals;

/// A replica of sessions' targets, which remembers every value that a key had.
class target_sink final : public row_sink {
  public:
    std::map<std::string, std::string> rows;
    std::string kept;
    std::vector<std::string> told; // "key target"
    int failing = 0;

    base::result<std::string> position() override { return kept; }
    base::result<void> put(std::span<const row_change> changes,
                           std::string_view position) override {
        if (failing > 0 && failing-- > 0)
            return base::failure{store_error::unavailable, "scripted"};
        for (const row_change& one : changes) {
            if (!one.now) {
                rows.erase(one.key);
                told.push_back(one.key + " -");
                continue;
            }
            rows[one.key] = std::get<session_row>(*one.now).read.record.target.text();
            told.push_back(one.key + " " + rows[one.key]);
        }
        if (!position.empty())
            kept = position;
        return {};
    }
    base::result<std::uint64_t> sweep(const std::function<bool(std::string_view)>& keeps,
                                      std::string_view position) override {
        kept = position;
        return std::erase_if(rows, [&](const auto& one) { return !keeps(one.first); });
    }
    base::result<std::uint64_t> count() override { return rows.size(); }
};

class redis_feed_test : public ::testing::Test {
  protected:
    void SetUp() override {
        for (int i = 0; i < 5; ++i)
            redis.put(fmt::format("k{}", i), fmt::format("10.0.0.{}:80", i + 1));
    }
    ~redis_feed_test() override { ::close(null_); }

    void start() {
        feed.reset();
        state = std::make_unique<feed_state>();
        feed = std::make_unique<redis_feed>(
            options, keys,
            [this]() -> base::result<std::unique_ptr<server>> {
                if (redis.failing > 0) {
                    --redis.failing;
                    return base::failure{redis_error::away, "scripted"};
                }
                return std::unique_ptr<server>{std::make_unique<scripted_server>(redis)};
            },
            sink, *state, clock, log, 1);
    }
    /// Lets it work for so long. Returns how often it failed.
    int run(std::chrono::milliseconds time) {
        const auto until = clock.steady() + time;
        int failed = 0;
        while (clock.steady() < until) {
            failed += feed->work() ? 0 : 1;
            clock.advance(10ms);
        }
        return failed;
    }
    void follow() {
        start();
        ASSERT_EQ(run(200ms), 0);
        ASSERT_EQ(sink.rows, redis.bodies());
        redis.calls.clear();
        sink.told.clear();
    }
    [[nodiscard]] long called(std::string_view what) const {
        return std::count_if(redis.calls.begin(), redis.calls.end(),
                             [&](const auto& call) { return call.starts_with(what); });
    }
    [[nodiscard]] std::int64_t now_ms() const { return base::to_epoch_ms(clock.wall()); }

    base::manual_clock clock{base::wall_time{1'700'000'000'000ms}};
    scripted_redis redis;
    target_sink sink;
    redis_feed_options options;
    table_keys keys{"table", "of"};
    std::unique_ptr<feed_state> state;
    std::unique_ptr<redis_feed> feed;

  private:
    int null_ = ::open("/dev/null", O_WRONLY | O_CLOEXEC);

  protected:
    base::log log{null_, base::log_level::crit, "test", clock};
};

TEST_F(redis_feed_test, a_feeder_that_fills_redis_is_waited_for_and_not_long) {
    redis.complete.clear();
    start();
    EXPECT_EQ(run(50ms), 0);
    EXPECT_EQ(feed->waits_for(), "Redis does not have the whole table, and no host feeds it");
    redis.held = 1;
    EXPECT_EQ(run(300ms), 0);
    EXPECT_EQ(feed->waits_for(), "Redis does not have the whole table yet, a feeder is filling it");
    EXPECT_EQ(called("look"), 3);
    EXPECT_EQ(run(10s), 0);
    EXPECT_NEAR(static_cast<double>(called("look")), 15, 2) << "less and less often";
    redis.complete = "1";
    EXPECT_EQ(run(1'200ms), 0);
    EXPECT_EQ(feed->waits_for(), "");
    EXPECT_EQ(sink.rows, redis.bodies());
}

TEST_F(redis_feed_test, the_end_of_an_empty_snapshot_is_told) {
    redis.rows.clear();
    start();
    EXPECT_EQ(run(100ms), 0);
    EXPECT_FALSE(sink.kept.empty());
    EXPECT_TRUE(feed->took_changes()) << "whoever waits for the first one can go on";
}

TEST_F(redis_feed_test, a_key_of_another_type_is_named) {
    redis.instead = [](const std::string& call) -> std::optional<reply> {
        return call.starts_with("TYPE")
                   ? std::nullopt
                   : std::optional<reply>{{.what = reply::kind::error, .text = "WRONGTYPE"}};
    };
    redis.types[keys.meta] = "hash";
    redis.types[keys.rows] = "string";
    start();
    const auto done = feed->work();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, redis_error::foreign_key);
    EXPECT_EQ(done.error().what, "the key " + keys.rows +
                                     " in Redis is of type string, and a hash is what postern "
                                     "keeps there; delete it, or name another database in conf");
}

TEST_F(redis_feed_test, a_snapshot_then_changes_in_their_order) {
    follow();
    EXPECT_EQ(sink.kept, "redis1 e1 5 c5");
    redis.put("k1", "10.1.0.1:80");
    redis.remove("k2");
    redis.put("k9", "10.1.0.9:80");
    EXPECT_EQ(run(200ms), 0);
    EXPECT_EQ(sink.rows, redis.bodies());
    EXPECT_EQ(sink.told, (std::vector<std::string>{"k1 10.1.0.1:80", "k2 -", "k9 10.1.0.9:80"}));
    EXPECT_EQ(sink.kept, "redis1 e1 8 c8");
    EXPECT_EQ(called("page"), 0);
}

TEST_F(redis_feed_test, a_position_is_gone_on_from_when_its_change_is_still_there) {
    follow();
    redis.put("k1", "10.1.0.1:80");
    follow();
    EXPECT_EQ(state->snapshots.load(), 0U);
    // Nothing has come: the last change needs no look into the log, which may be empty.
    redis.log.clear();
    follow();
    EXPECT_EQ(state->snapshots.load(), 0U);
}

struct story {
    const char* name;
    void (*happens)(scripted_redis&);
};
class redis_feed_gaps : public redis_feed_test, public ::testing::WithParamInterface<story> {};

TEST_P(redis_feed_gaps, lead_to_a_snapshot_in_place) {
    for (const bool restarts : {true, false}) {
        follow();
        if (restarts)
            feed.reset();
        GetParam().happens(redis);
        if (restarts)
            start();
        EXPECT_EQ(run(1'500ms), 0);
        EXPECT_EQ(sink.rows, redis.bodies());
        EXPECT_EQ(sink.kept,
                  fmt::format("redis1 {} {} {}", redis.epoch, redis.number, redis.check));
        EXPECT_GE(called("page"), 1);
        EXPECT_EQ(std::count_if(sink.told.begin(), sink.told.end(),
                                [](const auto& one) { return one.ends_with(" -"); }),
                  0);
    }
}

INSTANTIATE_TEST_SUITE_P(all, redis_feed_gaps,
                         ::testing::Values(story{"trimmed",
                                                 [](scripted_redis& r) {
                                                     r.put("k7", "10.2.0.7:80");
                                                     r.put("k8", "10.2.0.8:80");
                                                     r.rows.erase("k1");
                                                     r.log.pop_front();
                                                     while (r.log.size() > 1)
                                                         r.log.pop_front();
                                                 }},
                                           story{"log_gone",
                                                 [](scripted_redis& r) {
                                                     r.put("k7", "10.2.0.7:80");
                                                     r.log.clear();
                                                 }},
                                           story{"other_epoch",
                                                 [](scripted_redis& r) {
                                                     r.epoch += "x";
                                                     r.rows.erase("k3");
                                                     r.put("k7", "10.2.0.7:80");
                                                 }},
                                           story{"older",
                                                 [](scripted_redis& r) {
                                                     r.number -= 2;
                                                     r.check = fmt::format("c{}", r.number);
                                                     r.rows.erase("k4");
                                                     r.log.clear();
                                                 }},
                                           story{"another_way_to_the_same_number",
                                                 [](scripted_redis& r) {
                                                     r.check = r.check + "x";
                                                     r.log.back().check = r.check;
                                                     r.rows.erase("k4");
                                                 }}),
                         [](const auto& about) { return about.param.name; });

TEST_F(redis_feed_test, another_way_past_the_number_is_seen_after_a_new_connection) {
    follow();
    redis.log.back().check = "other";
    redis.rows.erase("k0");
    redis.put("k7", "10.2.0.7:80");
    redis.failing = 1;
    EXPECT_EQ(run(500ms), 1);
    EXPECT_EQ(sink.rows, redis.bodies());
    EXPECT_GE(called("page"), 1);
}

TEST_F(redis_feed_test, an_empty_or_half_filled_redis_empties_nothing) {
    follow();
    const auto before = sink.rows;
    redis.rows.clear();
    for (const auto& set : std::vector<std::function<void()>>{[&] { redis.epoch.clear(); },
                                                              [&] {
                                                                  redis.epoch = "e2";
                                                                  redis.complete.clear();
                                                              },
                                                              [&] {
                                                                  redis.complete = "1";
                                                                  redis.is_whole = false;
                                                              }}) {
        set();
        const std::int64_t current = state->current_at_ms.load();
        EXPECT_EQ(run(3s), 0);
        EXPECT_EQ(sink.rows, before);
        EXPECT_LE(state->current_at_ms.load(), std::max(current, now_ms() - 3'000));
        EXPECT_EQ(called("page"), 0);
        start(); // nor after a restart
        EXPECT_EQ(run(1s), 0);
        EXPECT_EQ(sink.rows, before);
        EXPECT_EQ(state->current_at_ms.load(), 0);
    }
    redis.is_whole = true;
    redis.put("k7", "10.2.0.7:80");
    EXPECT_EQ(run(1'500ms), 0);
    EXPECT_EQ(sink.rows, redis.bodies());
}

TEST_F(redis_feed_test, a_sweep_of_most_rows_is_not_believed_at_once) {
    for (int i = 0; i < 300; ++i)
        redis.put(fmt::format("m{}", i), "10.0.0.1:80");
    start();
    run(5s);
    ASSERT_EQ(sink.rows.size(), 305U);
    redis.epoch = "e2";
    redis.rows.erase(redis.rows.find("m0"), redis.rows.end());
    redis.log.clear();
    run(options.confirm_after - 2s);
    EXPECT_EQ(sink.rows.size(), 305U);
    run(5s);
    EXPECT_EQ(sink.rows, redis.bodies());
}

TEST_F(redis_feed_test, a_page_newer_than_the_changes_is_not_taken_back) {
    int pages = 0;
    redis.before = [&](const std::string& call) {
        if (!call.starts_with("page") || ++pages != 1)
            return;
        redis.put("k0", "10.3.0.1:80"); // the log has both, the page the second
        redis.put("k0", "10.3.0.2:80");
        redis.remove("k1");
        redis.put("k1", "10.3.0.3:80");
    };
    start();
    run(500ms);
    EXPECT_EQ(sink.rows, redis.bodies());
    EXPECT_EQ(std::count(sink.told.begin(), sink.told.end(), "k0 10.3.0.1:80"), 0);
    EXPECT_EQ(std::count(sink.told.begin(), sink.told.end(), "k1 -"), 0);
}

TEST_F(redis_feed_test, changes_while_pages_are_read_are_in_time) {
    int pages = 0;
    redis.before = [&](const std::string& call) {
        if (!call.starts_with("page"))
            return;
        ++pages;
        redis.put("a", fmt::format("10.4.0.{}:80", pages)); // sorts first: behind the cursor
        redis.put("k4", fmt::format("10.5.0.{}:80", pages));
        if (pages == 2) {
            redis.put("b", "10.4.1.0:80"); // is in no page
            redis.remove("k0");            // was read already
        }
        EXPECT_EQ(sink.kept, "");
    };
    start();
    run(500ms);
    redis.before = {};
    run(500ms);
    EXPECT_EQ(sink.rows, redis.bodies());
}

TEST_F(redis_feed_test, freshness_is_that_of_the_feeders_and_of_its_own_reading) {
    redis.age_ms = 700;
    follow();
    EXPECT_GE(state->current_at_ms.load(), now_ms() - 700 - 1'200);
    EXPECT_LE(state->current_at_ms.load(), now_ms() - 700);
    redis.age_ms.reset();
    const std::int64_t before = state->current_at_ms.load();
    run(2s);
    EXPECT_EQ(state->current_at_ms.load(), before);
    redis.age_ms = 0;
    sink.failing = 1'000'000; // what is not in the replica does not count
    redis.put("k1", "10.6.0.1:80");
    run(3s);
    EXPECT_LE(state->current_at_ms.load(), now_ms() - 2'900);
    sink.failing = 0;
    run(2s);
    EXPECT_GE(state->current_at_ms.load(), now_ms() - 1'200);
    redis.failing = 1'000'000;
    run(5s);
    EXPECT_LE(state->current_at_ms.load(), now_ms() - 5'000);
    EXPECT_EQ(sink.rows, redis.bodies());
}

TEST_F(redis_feed_test, a_snapshot_that_breaks_off_begins_anew) {
    int pages = 0;
    redis.before = [&](const std::string& call) {
        if (call.starts_with("page") && ++pages == 2)
            redis.failing = 1;
    };
    start();
    run(100ms);
    EXPECT_EQ(sink.kept.empty(), sink.rows != redis.bodies());
    run(2s);
    EXPECT_EQ(sink.rows, redis.bodies());
    EXPECT_EQ(called("page 0"), 2) << "where another process answers, a cursor means nothing";
}

TEST_F(redis_feed_test, answers_of_any_kind_never_crash_and_take_nothing_away) {
    using kind = reply::kind;
    const std::vector<reply> others = {
        {},
        {.what = kind::integer, .number = -1},
        text(""),
        text("x"),
        array({}),
        array({{}, {}}),
        array({text("ok"), text("1"), text("x")}),
        array({text("ok"), text("0"), array({text("k")})}),
        array({text("ok"), text("0"), array({text("k"), text("v")})}),
        array({array({text("log"), array({text("x")})})}),
        array({array({text("log"), array({})})}),
        array({array({text("log"), array({array({text("99999-0"), array({})})})})}),
        array({array({text("log"),
                      array({array({text("6-0"), array({text("c"), text("d"), text("k"), text("k1"),
                                                        text("r"), text("nonsense")})})})})}),
        array({text("e1"), text("1"), text("x"), text(""), text("9"), text("1")}),
        array({text("\n"), text("1"), text("1"), text(""), text("9"), text("1")}),
    };
    for (const char* which : {"look", "page", "XREAD", "XRANGE"})
        for (const bool is_first : {true, false})
            for (const reply& other : others) {
                sink = {};
                redis.instead = {};
                if (!is_first)
                    follow();
                redis.put("k1", "10.7.0.1:80");
                const std::size_t before = sink.rows.size();
                redis.instead = [&](const std::string& call) {
                    return call.starts_with(which) ? std::optional{other} : std::nullopt;
                };
                if (std::string_view{which} == "XRANGE" || is_first)
                    start();
                run(300ms);
                EXPECT_GE(sink.rows.size(), before) << which;
                redis.instead = {};
                run(2s);
                EXPECT_EQ(sink.rows, redis.bodies()) << which;
            }
}

TEST(redis_position, texts) {
    const redis_position one{"e1", 17, "abc"};
    EXPECT_EQ(text_of(one), "redis1 e1 17 abc");
    EXPECT_EQ(redis_position_of("redis1 e1 17 abc"), one);
    for (const char* none : {"", "redis1", "redis1 e1 17", "redis1 e1 x c", "redis1 e1 17 c d",
                             "redis1  17 c", "streams1 e1 17 c", "redis1 e1 -1 c", "redis1 E 1 c",
                             "poll1 1700000000000", "streams1-loading"})
        EXPECT_EQ(redis_position_of(none), std::nullopt) << none;
}

} // namespace
} // namespace postern::sync::redis
