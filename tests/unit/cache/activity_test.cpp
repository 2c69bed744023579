// Activity lines: what workers add, what sync and control read, and whose line it is.
#include "cache/activity_lines.hpp"
#include "cache/segment_map.hpp"
#include "tests/unit/cache/table_fixture.hpp"

#include <map>
#include <thread>
#include <vector>

namespace postern::cache {
namespace {

using activity_lines = table_test;

TEST_F(activity_lines, times_only_move_forward_and_numbers_add_up) {
    make_table(10);
    auto w = writer();
    const auto r = reader();
    w.put("k", route_of("k", 1));
    const activity_ref ref = r.look_up("k")->activity;
    r.add_activity(ref, {100, 200, 300, 400, 1, 10, 20});
    r.add_activity(ref, {50, 250, 300, 0, 2, 1, 2});
    r.add_activity(ref, {});
    const auto now = r.activity_of(ref);
    ASSERT_TRUE(now);
    EXPECT_EQ(now->last_seen_ms, 100);
    EXPECT_EQ(now->last_push_ms, 250);
    EXPECT_EQ(now->socket_open_ms, 300);
    EXPECT_EQ(now->refused_at_ms, 400);
    EXPECT_EQ(now->requests, 3U);
    EXPECT_EQ(now->bytes_in, 11U);
    EXPECT_EQ(now->bytes_out, 22U);
}

TEST_F(activity_lines, survive_updates_and_writers) {
    make_table(10);
    activity_ref ref;
    const auto r = reader();
    {
        auto w = writer();
        w.put("k", route_of("k", 1));
        ref = r.look_up("k")->activity;
        r.add_activity(ref, {.last_seen_ms = 7, .requests = 1});
        w.put("k", route_of("k", 2));
    }
    auto w = writer();
    w.put("k", route_of("k", 3));
    EXPECT_EQ(r.look_up("k")->activity, ref);
    EXPECT_EQ(r.activity_of(ref)->requests, 1U);
    EXPECT_EQ(r.activity_of(ref)->last_seen_ms, 7);
}

TEST_F(activity_lines, a_stale_reference_counts_nowhere) {
    make_table(1);
    auto w = writer();
    const auto r = reader();
    w.put("first", route_of("first", 1));
    const activity_ref stale = r.look_up("first")->activity;
    r.add_activity(stale, {.requests = 5});
    w.remove("first", 1);
    EXPECT_FALSE(r.activity_of(stale));
    // The next sessions get the same line sooner or later.
    for (int round = 0; round < 50; ++round) {
        const std::string key = "next-" + std::to_string(round);
        w.put(key, route_of(key, 1));
        const activity_ref fresh = r.look_up(key)->activity;
        EXPECT_NE(fresh, stale);
        r.add_activity(stale, {.last_seen_ms = 1, .requests = 5});
        EXPECT_FALSE(r.activity_of(stale));
        EXPECT_EQ(r.activity_of(fresh)->requests, 0U);
        EXPECT_EQ(r.activity_of(fresh)->last_seen_ms, 0);
        w.remove(key, 1);
    }
    r.add_activity({}, {.requests = 1});
    r.add_activity({0xffffffff, 1}, {.requests = 1});
    EXPECT_FALSE(r.activity_of({}));
    EXPECT_FALSE(r.activity_of({0xffffffff, 1}));
}

TEST_F(activity_lines, for_each_active_visits_what_changed) {
    make_table(100);
    auto w = writer();
    const auto r = reader();
    const auto visited = [](session_writer& by) {
        std::map<std::string, std::uint64_t> seen;
        by.for_each_active([&](std::string_view key, const route& value, const activity& counted) {
            EXPECT_EQ(difference(key, value), "");
            EXPECT_TRUE(seen.emplace(key, counted.requests).second);
        });
        return seen;
    };
    using expected = std::map<std::string, std::uint64_t>;
    for (const char* key : {"a", "b", "c"})
        w.put(key, route_of(key, 1));
    EXPECT_EQ(visited(w), expected{}) << "a session that nobody used has no activity";
    r.add_activity(r.look_up("a")->activity, {.requests = 1});
    r.add_activity(r.look_up("b")->activity, {.requests = 2});
    EXPECT_EQ(visited(w), (expected{{"a", 1}, {"b", 2}}));
    EXPECT_EQ(visited(w), expected{});
    w.put("a", route_of("a", 2));
    EXPECT_EQ(visited(w), expected{}) << "a new version of the route is not activity";
    r.add_activity(r.look_up("b")->activity, {.last_push_ms = 5});
    EXPECT_EQ(visited(w), (expected{{"b", 2}}));
    w.remove("a", 2);
    w.put("a", route_of("a", 3));
    EXPECT_EQ(visited(w), expected{}) << "the new session's line starts at nothing";
    { auto gone = std::move(w); }
    auto next = writer();
    EXPECT_EQ(visited(next), (expected{{"b", 2}})) << "a new writer has visited nobody yet";
}

TEST_F(activity_lines, workers_add_side_by_side) {
    make_table(4);
    auto w = writer();
    w.put("k", route_of("k", 1));
    const auto r = reader();
    const activity_ref ref = r.look_up("k")->activity;
    constexpr std::uint64_t rounds = 20'000;
    std::vector<std::thread> workers;
    for (std::int64_t n = 0; n < 4; ++n)
        workers.emplace_back([&, n] {
            for (std::uint64_t i = 0; i < rounds; ++i)
                r.add_activity(ref, {.last_seen_ms = static_cast<std::int64_t>(i) * 4 + n,
                                     .requests = 1,
                                     .bytes_out = 3});
        });
    std::int64_t before = 0;
    for (int i = 0; i < 1000; ++i) {
        const auto now = r.activity_of(ref);
        EXPECT_GE(now->last_seen_ms, before);
        before = now->last_seen_ms;
    }
    for (auto& worker : workers)
        worker.join();
    EXPECT_EQ(r.activity_of(ref)->requests, 4 * rounds);
    EXPECT_EQ(r.activity_of(ref)->bytes_out, 12 * rounds);
    EXPECT_EQ(r.activity_of(ref)->last_seen_ms, static_cast<std::int64_t>(4 * rounds - 1));
}

TEST_F(activity_lines, a_route_parted_from_its_line_is_given_a_new_one) {
    make_table(10);
    auto w = writer();
    const auto r = reader();
    w.put("k", route_of("k", 1));
    const activity_ref before = r.look_up("k")->activity;
    const auto mapped = segment::map(path(), segment::role::reader);
    store_relaxed((*mapped)->view().lines[before.line].epoch, 99); // a damaged line
    EXPECT_FALSE(r.activity_of(before));
    EXPECT_EQ(w.put("k", route_of("k", 1)), put_result::unchanged);
    const activity_ref after = r.look_up("k")->activity;
    EXPECT_EQ(difference("k", *r.look_up("k")), "");
    EXPECT_NE(after, before);
    EXPECT_TRUE(r.activity_of(after));
}

} // namespace
} // namespace postern::cache
