#include "sync/activity_flow.hpp"

#include <gtest/gtest.h>

#include <map>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;

class activity_flow_test : public testing::Test {
  protected:
    static cache::route route_with(const char* id, std::uint32_t line, std::uint32_t epoch) {
        cache::route one;
        one.set_text(id, {});
        one.activity = {line, epoch};
        one.state = cache::route_state::active;
        return one;
    }
    static cache::activity line(std::int64_t seen, std::uint64_t requests, std::uint64_t in,
                                std::uint64_t out) {
        cache::activity one;
        one.last_seen_ms = seen;
        one.requests = requests;
        one.bytes_in = in;
        one.bytes_out = out;
        return one;
    }
    /// "ID seen ttl requests bytes" of all that is owed.
    std::string owed() {
        std::string text;
        const auto updates = flow.next(100, now, wall_ms);
        flow.failed(updates, now);
        for (const activity_update& one : updates)
            text += one.session_id + " " + std::to_string(one.last_activity_at_ms) + " " +
                    std::to_string(one.ttl_ms) + " " + std::to_string(one.requests) + " " +
                    std::to_string(one.bytes) + ";";
        return text;
    }
    void write_all() { flow.wrote(flow.next(100, now, wall_ms), now); }

    activity_flow flow{100ms, 0ms};
    base::steady_time now{std::chrono::hours{1}};
    std::int64_t wall_ms = 7'000;
    cache::route s = route_with("s", 3, 1);
};

TEST_F(activity_flow_test, goes_as_differences) {
    flow.collect(s, line(10, 1, 2, 3), 1000, now);
    EXPECT_EQ(owed(), "s 10 110 1 5;");
    write_all();
    EXPECT_EQ(flow.owed(), 0U);
    flow.collect(s, line(20, 4, 2, 4), 1000, now);
    EXPECT_EQ(owed(), "s 20 120 3 1;");
}

TEST_F(activity_flow_test, is_kept_until_it_is_written) {
    flow.collect(s, line(10, 1, 2, 3), 1000, now);
    flow.collect(s, line(20, 2, 2, 3), 1000, now);
    EXPECT_EQ(owed(), "s 20 120 2 5;");
    EXPECT_EQ(flow.next(0, now, wall_ms).size(), 0U);
    flow.collect(route_with("r", 4, 1), line(1, 1, 0, 0), 1000, now);
    flow.wrote(flow.next(1, now, wall_ms), now);
    EXPECT_EQ(flow.owed(), 1U);
}

TEST_F(activity_flow_test, of_before_sync_started_is_not_counted_again) {
    flow.prime(s, line(10, 100, 2, 3), 1000, now);
    EXPECT_EQ(flow.late(), 1U) << "the sync before may have failed to write it";
    EXPECT_EQ(flow.due(), now);
    EXPECT_EQ(owed(), "s 10 110 0 0;") << "its time is, it only moves forward";
    write_all();
    flow.collect(s, line(12, 101, 2, 4), 1000, now);
    EXPECT_EQ(owed(), "s 12 112 1 1;");
}

TEST_F(activity_flow_test, of_a_line_that_another_session_got_starts_at_nothing) {
    flow.collect(s, line(10, 100, 0, 0), 1000, now);
    write_all();
    flow.collect(route_with("r", 3, 2), line(11, 107, 0, 0), 1000, now);
    EXPECT_EQ(owed(), "r 11 111 107 0;");
}

TEST_F(activity_flow_test, with_no_news_is_not_written) {
    flow.collect(s, line(10, 1, 0, 0), 1000, now);
    write_all();
    flow.collect(s, line(10, 1, 0, 0), 2000, now);
    EXPECT_EQ(flow.owed(), 0U);
}

TEST_F(activity_flow_test, from_the_future_counts_as_now) {
    flow.collect(s, line(5000, 1, 0, 0), 1000, now);
    EXPECT_EQ(owed(), "s 1000 1100 1 0;");
}

TEST_F(activity_flow_test, without_a_time_moves_no_deadline) {
    flow.collect(s, line(0, 0, 0, 9), 1000, now);
    EXPECT_EQ(owed(), "s 0 0 0 9;");
}

TEST_F(activity_flow_test, gained_while_it_was_on_its_way_is_owed_still) {
    flow.collect(s, line(10, 1, 2, 3), 1000, now);
    const auto sent = flow.next(10, now, wall_ms);
    flow.collect(s, line(20, 3, 2, 4), 1000, now);
    EXPECT_TRUE(flow.next(10, now, wall_ms).empty()) << "one at a time";
    flow.wrote(sent, now);
    EXPECT_EQ(owed(), "s 20 120 2 1;");
}

TEST_F(activity_flow_test, that_was_not_taken_is_due_again) {
    flow.collect(s, line(10, 1, 0, 0), 1000, now);
    flow.failed(flow.next(10, now, wall_ms), now + 5s);
    EXPECT_TRUE(flow.next(10, now, wall_ms).empty());
    EXPECT_EQ(flow.due(), now + 5s);
    now += 5s;
    EXPECT_EQ(owed(), "s 10 110 1 0;");
}

TEST_F(activity_flow_test, says_when_it_was_first_tried) {
    flow.collect(s, line(10, 1, 0, 0), 1000, now);
    const auto first = flow.next(10, now, 7'000);
    ASSERT_EQ(first.size(), 1U);
    EXPECT_EQ(first[0].tried_at_ms, 7'000);
    EXPECT_EQ(flow.late(), 0U);
    flow.failed(first, now);
    EXPECT_EQ(flow.late(), 1U);
    flow.collect(s, line(20, 3, 0, 0), 1000, now);
    const auto again = flow.next(10, now, 90'000);
    EXPECT_EQ(again[0].tried_at_ms, 7'000) << "of what is not in the store yet";
    flow.failed(again, now);
    EXPECT_EQ(flow.late(), 1U) << "a session, not a failure";
    const auto last = flow.next(10, now, 91'000);
    flow.collect(s, line(30, 4, 0, 0), 1000, now);
    flow.wrote(last, now);
    EXPECT_EQ(flow.late(), 0U);
    EXPECT_EQ(flow.next(10, now, 92'000)[0].tried_at_ms, 92'000);
}

class paced_activity : public activity_flow_test {
  protected:
    paced_activity() { flow = activity_flow{100ms, 60s, 7}; }
    /// When each of `sessions` goes, for as long as all of them are in use once a second.
    std::map<std::string, std::vector<std::int64_t>> sent_over(std::chrono::seconds time,
                                                               std::uint32_t sessions) {
        std::map<std::string, std::vector<std::int64_t>> sent;
        for (const auto end = now + time; now < end; now += 1s) {
            const std::int64_t at_s = now.time_since_epoch() / 1s;
            for (std::uint32_t i = 0; i < sessions; ++i)
                flow.collect(route_with(("s" + std::to_string(i)).c_str(), i, 1),
                             line(at_s * 1000, static_cast<std::uint64_t>(at_s), 0, 0), at_s * 1000,
                             now);
            const auto updates = flow.next(1000, now, wall_ms);
            for (const activity_update& one : updates)
                sent[one.session_id].push_back(at_s);
            flow.wrote(updates, now);
        }
        return sent;
    }
};

TEST_F(paced_activity, goes_once_an_interval_and_not_all_together) {
    const auto sent = sent_over(600s, 100);
    ASSERT_EQ(sent.size(), 100U);
    std::map<std::int64_t, int> in_one_second;
    for (const auto& [id, times] : sent) {
        EXPECT_GE(times.size(), 8U);
        for (std::size_t i = 1; i < times.size(); ++i)
            EXPECT_GE(times[i] - times[i - 1], 60) << id;
        ++in_one_second[times.back()];
    }
    for (const auto& [second, sessions] : in_one_second)
        EXPECT_LT(sessions, 25) << "at " << second;
}

TEST_F(paced_activity, of_a_session_that_ends_goes_at_once) {
    flow.collect(s, line(10, 1, 0, 0), 1000, now);
    EXPECT_TRUE(flow.next(10, now, wall_ms).empty());
    s.state = cache::route_state::draining;
    flow.collect(s, line(11, 2, 0, 0), 1000, now);
    EXPECT_EQ(owed(), "s 11 111 2 0;");
}

TEST_F(paced_activity, goes_when_it_is_told_to_hurry) {
    flow.collect(s, line(10, 1, 0, 0), 1000, now);
    EXPECT_GE(flow.due(), now + 60s);
    flow.hurry(now);
    EXPECT_EQ(owed(), "s 10 110 1 0;");
}

} // namespace
} // namespace postern::sync
