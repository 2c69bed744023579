#include "feed_rig.hpp"

namespace postern::sync {
namespace {

using namespace std::chrono_literals;

TEST_F(following, opens_all_shards_at_their_end_before_it_reads_the_table) {
    start();
    ASSERT_TRUE(catch_up());
    EXPECT_EQ(called("iterator"), 2);
    EXPECT_EQ(called("iterator shard-00001 LATEST"), 1);
    EXPECT_EQ(called("iterator shard-00002 LATEST"), 1);
    EXPECT_LT(last("iterator"), first("scan"));
    EXPECT_TRUE(is_in_step());
}

TEST_F(following, reads_shards_while_it_reads_the_table) {
    source.mood.latency_ms = 100;
    for (int i = 0; i < 200; ++i)
        source.put("row" + std::to_string(i));
    start();
    ASSERT_TRUE(catch_up());
    EXPECT_GT(std::count_if(source.calls.begin() + static_cast<long>(first("scan")),
                            source.calls.begin() + static_cast<long>(last("scan")),
                            [](const auto& call) { return call.starts_with("records"); }),
              4);
}

TEST_F(following, is_current_only_after_sweep_and_tips) {
    start();
    while (called("scan") == 0 || state->is_loading.load()) {
        ASSERT_EQ(current(), 0);
        run(1ms);
    }
    ASSERT_TRUE(catch_up());
    EXPECT_LE(current(), source.now_ms);
}

TEST_F(following, is_not_current_while_shards_that_were_listed_late_replay_the_past) {
    for (int i = 0; i < 2; ++i) { // shards 1 and 2, then 3 and 4, then 5 and 6
        source.roll(0, false);
        source.roll(0, false);
        for (char c = 'a'; c <= 'j'; ++c)
            source.put(std::string{c});
    }
    source.hidden = {"shard-00003", "shard-00004", "shard-00005", "shard-00006"};
    start();
    run(5s);
    EXPECT_TRUE(is_in_step()) << "by the snapshot";
    EXPECT_EQ(current(), 0);
    source.hidden = {"shard-00005", "shard-00006"};
    run(40s);
    EXPECT_FALSE(is_in_step());
    EXPECT_EQ(current(), 0);
    source.hidden.clear();
    ASSERT_TRUE(catch_up());
    EXPECT_TRUE(is_in_step());
}

TEST_F(following, a_stream_beats_a_page_that_was_read_before) {
    start();
    while (called("scan") < 2) // read, and not put yet
        ASSERT_TRUE(one->work());
    ASSERT_TRUE(sink.rows.empty());
    for (char c = 'a'; c <= 'e'; ++c)
        source.erase(std::string{c});
    for (char c = 'f'; c <= 'j'; ++c)
        source.put(std::string{c});
    pass(300ms); // polls come first
    ASSERT_TRUE(catch_up());
    EXPECT_TRUE(is_in_step());
}

TEST_F(following, a_row_that_is_gone_is_swept) {
    sink.rows["long gone"] = 1;
    sink.kept = loading_position;
    start();
    ASSERT_TRUE(catch_up());
    EXPECT_TRUE(is_in_step());
    EXPECT_EQ(state->rows_removed.load(), 1U);
}

TEST_F(following, nothing_is_swept_before_every_segment_ended_well) {
    sink.rows["long gone"] = 1;
    options.scan.page_rows = 100;
    options.scan.tries_max = 1;
    source.next_errors["scan"] = {store_error::unavailable};
    start();
    run(300ms);
    EXPECT_EQ(called("scan"), 1);
    EXPECT_EQ(sink.rows.count("long gone"), 1U);
    EXPECT_EQ(current(), 0);
    ASSERT_TRUE(catch_up()) << "another snapshot, from its beginning";
    EXPECT_TRUE(is_in_step());
    EXPECT_EQ(state->snapshots.load(), 2U);
}

TEST_F(following, a_large_sweep_has_to_be_shown_twice) {
    for (int i = 0; i < 150; ++i)
        sink.rows["of another table " + std::to_string(i)] = 1;
    start();
    run(options.confirm_after - 1s);
    EXPECT_EQ(sink.rows.size(), 160U);
    EXPECT_EQ(current(), 0);
    EXPECT_EQ(sink.kept, "");
    run(3s);
    EXPECT_TRUE(is_in_step());
    EXPECT_EQ(state->snapshots.load(), 2U);
    EXPECT_EQ(state->rows_removed.load(), 150U);
}

TEST_F(following, a_large_sweep_that_the_replica_refused_is_not_held_again) {
    for (int i = 0; i < 150; ++i)
        sink.rows["of another table " + std::to_string(i)] = 1;
    start();
    run(options.confirm_after - 1s);
    sink.failing_sweeps = 2;
    EXPECT_EQ(run(4s), 2);
    EXPECT_TRUE(is_in_step());
    EXPECT_EQ(state->snapshots.load(), 2U);
}

TEST_F(following, children_are_read_from_their_beginning_as_soon_as_the_parent_ends) {
    follow();
    source.roll(0, true);
    for (char c = 'a'; c <= 'j'; ++c)
        source.put(std::string{c}); // before anyone has opened the children
    run(600ms);
    EXPECT_TRUE(is_in_step());
    EXPECT_EQ(called("children shard-00001"), 1);
    EXPECT_EQ(called("iterator shard-00003 TRIM_HORIZON"), 1);
    EXPECT_EQ(called("iterator shard-00004 TRIM_HORIZON"), 1);
    EXPECT_EQ(called("iterator"), 2);
}

TEST_F(following, the_last_page_of_a_shard_counts) {
    follow();
    for (char c = 'a'; c <= 'j'; ++c)
        source.put(std::string{c});
    source.roll(0, false);
    source.roll(0, false);
    run(600ms);
    EXPECT_TRUE(is_in_step());
}

TEST_F(following, parents_are_read_to_their_end_before_their_children) {
    source.mood.page_max = 2;
    follow();
    source.put("a");
    source.roll(0, false);
    source.roll(0, false); // both of the first two, in either order
    for (int i = 0; i < 5; ++i)
        for (char c = 'a'; c <= 'j'; ++c)
            source.put(std::string{c});
    options.describe_interval = 10ms;
    ASSERT_TRUE(catch_up());
    EXPECT_TRUE(is_in_step());
    EXPECT_LT(last("records shard-00001"), first("iterator shard-00003"));
    EXPECT_LT(last("records shard-00002"), first("iterator shard-00004"));
}

struct children_case {
    const char* name;
    decltype(scripted_source::temper::children) answer;
};
class streams_feed_children : public following,
                              public ::testing::WithParamInterface<children_case> {};

TEST_P(streams_feed_children, are_found_whatever_the_source_answers) {
    source.mood.children = GetParam().answer;
    follow();
    source.roll(0, true);
    for (char c = 'a'; c <= 'j'; ++c)
        source.put(std::string{c});
    run(1s);
    EXPECT_TRUE(is_in_step());
}
INSTANTIATE_TEST_SUITE_P(
    answers, streams_feed_children,
    ::testing::Values(children_case{"its_children", scripted_source::temper::children_only},
                      children_case{"all_shards", scripted_source::temper::everything},
                      children_case{"nothing", scripted_source::temper::nothing},
                      children_case{"refused", scripted_source::temper::refused}),
    [](const auto& test) { return std::string{test.param.name}; });

TEST_F(following, waits_for_children_that_are_not_listed_yet_and_says_so) {
    follow();
    const std::int64_t rolled_ms = source.now_ms;
    source.hidden = {"shard-00003"};
    source.roll(0, false);
    for (char c = 'a'; c <= 'j'; ++c)
        source.put(std::string{c});
    run(9s);
    EXPECT_LE(current(), rolled_ms + 250) << "older than it says";
    EXPECT_FALSE(is_in_step());
    source.hidden.clear();
    run(10s);
    EXPECT_TRUE(is_in_step()) << "sooner than the next description is due";
    EXPECT_GT(current(), rolled_ms + 9'000);
}

TEST_F(following, throttled_it_waits_and_keeps_the_iterator) {
    follow();
    touch_all_shards();
    source.next_errors["records"].assign(3, feed_error::throttled);
    source.put("a");
    EXPECT_EQ(run(10s), 0) << "no error: it is dealt with";
    EXPECT_EQ(state->throttled.load(), 3U);
    EXPECT_EQ(called("iterator"), 0);
    EXPECT_TRUE(is_in_step());
}

TEST_F(following, one_call_that_fails_is_no_news_and_several_are) {
    follow();
    touch_all_shards();
    source.put("a");
    source.next_errors["records"].assign(2, store_error::unavailable);
    EXPECT_EQ(run(10s), 0);
    EXPECT_EQ(state->errors.load(), 2U) << "but counted";
    EXPECT_TRUE(is_in_step());
    source.next_errors["records"].assign(20, store_error::unavailable);
    source.put("a");
    EXPECT_GT(run(20s), 5);
    EXPECT_TRUE(is_in_step());
    source.next_errors["records"].assign(1, store_error::unavailable);
    EXPECT_EQ(run(5s), 0) << "it began anew";
}

TEST_F(following, throttled_again_and_again_it_waits_longer) {
    follow();
    source.mood.throttling = 1;
    run(2min);
    EXPECT_LT(called("records"), 60) << "of some 500 with two shards";
    EXPECT_LT(called("describe"), 20);
    source.mood.throttling = 0;
    source.put("a");
    run(25s);
    EXPECT_TRUE(is_in_step());
}

TEST_F(following, a_record_that_comes_again_is_not_put_again) {
    follow();
    touch_all_shards();
    const std::uint64_t puts = sink.puts;
    for (int i = 0; i < 5; ++i) {
        pass(16min); // a new iterator, a little before the last record
        run(5s);
    }
    EXPECT_EQ(sink.puts, puts);
}

TEST_F(following, a_page_that_the_replica_refused_is_read_again) {
    follow();
    for (char c = 'a'; c <= 'e'; ++c)
        source.put(std::string{c});
    source.roll(0, false);
    sink.failing = 3;
    EXPECT_EQ(run(3s), 3);
    EXPECT_TRUE(is_in_step());
}

TEST_F(following, now_and_then_the_table_is_read_whatever_the_stream_says) {
    follow();
    touch_all_shards();
    const std::uint64_t snapshots = state->snapshots.load();
    run(options.snapshot_interval * 8 / 10);
    EXPECT_EQ(state->snapshots.load(), snapshots);
    sink.rows["a"] = 1; // by whatever mistake
    sink.rows.erase("b");
    sink.rows["ghost"] = 1;
    run(options.snapshot_interval * 3 / 10);
    EXPECT_EQ(state->snapshots.load(), snapshots + 1);
    EXPECT_TRUE(is_in_step());
}

TEST_F(following, polls_often_while_records_come_and_seldom_while_none_do) {
    follow();
    source.put("a");
    run(1s);
    source.calls.clear();
    run(10s);
    EXPECT_NEAR(static_cast<double>(called("records shard-00001")), 40, 2);
    run(2min);
    source.calls.clear();
    run(20s);
    EXPECT_NEAR(static_cast<double>(called("records shard-00001")), 10, 1);
}

TEST_F(following, reads_on_at_once_after_a_full_page) {
    source.mood.page_max = 5;
    follow();
    for (int i = 0; i < 20; ++i)
        for (char c = 'a'; c <= 'j'; ++c)
            source.put(std::string{c});
    run(350ms);
    EXPECT_TRUE(is_in_step());
    EXPECT_TRUE(source.excesses().empty());
}

TEST_F(following, a_ring_makes_it_look_now) {
    follow();
    touch_all_shards();
    run(5min); // at rest
    source.put("a");
    ring();
    ASSERT_TRUE(one->work()); // two shards
    EXPECT_TRUE(is_in_step());
}

TEST_F(following, many_shards_that_end_at_once_break_no_limit) {
    for (int i = 0; i < 14; ++i)
        source.roll(0, true);
    follow();
    ASSERT_EQ(source.open_shards().size(), 16U);
    for (int i = 0; i < 16; ++i)
        source.roll(0, false); // the first open one: all, in their order
    for (char c = 'a'; c <= 'j'; ++c)
        source.put(std::string{c});
    run(3s);
    EXPECT_TRUE(is_in_step());
    EXPECT_TRUE(source.excesses().empty()) << source.excesses().front();
    EXPECT_LE(called("describe") + called("children"), 15) << "other readers describe it as well";
}

TEST_F(following, rings_without_end_break_no_limit) {
    follow();
    for (int i = 0; i < 500; ++i) {
        ring();
        run(10ms);
    }
    EXPECT_TRUE(source.excesses().empty()) << source.excesses().front();
    EXPECT_GE(called("records shard-00001"), 18);
}

TEST_F(following, a_finished_shard_that_descriptions_leave_out_for_a_while_stays_finished) {
    follow();
    source.put("a");
    source.roll(0, false);
    source.roll(0, false);
    pass(1ms);
    ASSERT_TRUE(catch_up());
    for (char c = 'a'; c <= 'j'; ++c)
        source.put(std::string{c});
    source.hidden = {"shard-00001", "shard-00002"};
    run(2min);
    source.hidden.clear();
    run(2min);
    EXPECT_EQ(called("iterator shard-00001"), 0);
    EXPECT_EQ(called("iterator shard-00002"), 0);
    EXPECT_TRUE(is_in_step());
}

TEST_F(following, a_description_that_fails_stops_no_shard) {
    follow();
    touch_all_shards();
    source.next_errors["describe"].assign(1'000, store_error::unavailable);
    run(options.describe_interval);
    for (int i = 0; i < 10; ++i) {
        source.put("a");
        run(1s);
        ASSERT_TRUE(is_in_step());
    }
}

TEST_F(following, tells_of_changes_once) {
    follow();
    (void)one->took_changes();
    run(5s);
    EXPECT_FALSE(one->took_changes());
    source.put("a");
    run(1s);
    EXPECT_TRUE(one->took_changes());
    EXPECT_FALSE(one->took_changes());
}

} // namespace
} // namespace postern::sync
