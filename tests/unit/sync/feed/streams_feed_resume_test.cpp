// The streams feed after a break: from its position, or across a gap.
#include "feed_rig.hpp"

namespace postern::sync {
namespace {

using namespace std::chrono_literals;

TEST_F(following, goes_on_from_its_position_without_reading_the_table) {
    follow();
    touch_all_shards();
    source.put("new");
    source.erase("b");
    pass(1h);
    start();
    ASSERT_TRUE(catch_up());
    EXPECT_TRUE(is_in_step());
    EXPECT_EQ(called("scan"), 0);
    EXPECT_EQ(called("iterator shard-00001 AFTER"), 1);
    EXPECT_EQ(called("iterator shard-00002 AFTER"), 1);
}

TEST_F(following, goes_on_across_shards_that_ended_and_began_meanwhile) {
    follow();
    touch_all_shards();
    one.reset();
    for (int i = 0; i < 3; ++i) {
        source.put("a");
        source.roll(0, true);
        source.put("b");
        source.roll(1, false);
        source.erase("c");
        pass(1h);
    }
    start();
    ASSERT_TRUE(catch_up());
    EXPECT_TRUE(is_in_step());
    EXPECT_EQ(called("scan"), 0);
    EXPECT_EQ(called("iterator shard-00001 TRIM_HORIZON"), 0);
}

TEST_F(following, a_shard_without_a_record_has_no_place_to_go_on_from) {
    follow();
    start(); // nothing was read from the two shards' ends
    ASSERT_TRUE(catch_up());
    EXPECT_GT(called("scan"), 0);
    EXPECT_EQ(called("iterator shard-00001 LATEST"), 1);
}

TEST_F(following, a_child_without_a_record_is_read_from_its_beginning_again) {
    follow();
    source.roll(0, false);
    source.roll(0, false);
    pass(1ms);
    ASSERT_TRUE(catch_up());
    start();
    ASSERT_TRUE(catch_up());
    EXPECT_EQ(called("scan"), 0);
}

TEST_F(following, an_old_position_is_not_gone_on_from) {
    follow();
    touch_all_shards();
    one.reset();
    pass(options.resume_within);
    const auto rows = sink.rows;
    start();
    while (called("scan") == 0)
        ASSERT_TRUE(one->work());
    EXPECT_EQ(sink.rows, rows) << "what is there serves until the snapshot has better";
    ASSERT_TRUE(catch_up());
    EXPECT_TRUE(is_in_step());
}

TEST_F(following, a_snapshot_that_was_cut_off_begins_anew) {
    start();
    while (called("scan") < 4)
        ASSERT_TRUE(one->work());
    touch_all_shards(); // also brings it to its end; so, once more:
    sink.kept = loading_position;
    start();
    ASSERT_TRUE(catch_up());
    EXPECT_GT(called("scan"), 0);
}

TEST_F(following, a_new_replica_has_no_position_before_its_first_snapshot_has_ended) {
    start();
    while (!state->is_loading.load())
        ASSERT_TRUE(one->work());
    while (state->is_loading.load()) {
        ASSERT_EQ(sink.kept, "") << "what has a position counts as filled";
        ASSERT_TRUE(one->work());
        pass(50ms);
    }
    EXPECT_TRUE(stream_position_of(sink.kept));
}

TEST_F(following, no_position_is_kept_while_a_snapshot_fills_the_replica) {
    sink.kept = "of another kind";
    start();
    while (state->snapshots.load() == 0)
        ASSERT_TRUE(one->work());
    while (state->is_loading.load()) {
        source.put("a");
        pass(200ms);
        ASSERT_TRUE(one->work());
        if (state->is_loading.load()) {
            ASSERT_EQ(sink.kept, loading_position);
        }
    }
    EXPECT_TRUE(stream_position_of(sink.kept));
}

TEST_F(following, a_position_is_kept_with_every_row_and_now_and_then_without) {
    follow();
    touch_all_shards();
    std::string before = sink.kept;
    source.put("a");
    run(300ms);
    EXPECT_NE(sink.kept, before);
    before = sink.kept;
    run(options.position_interval + 3s);
    ASSERT_NE(sink.kept, before) << "or a table at rest would have to be read anew after a day";
    EXPECT_GT(stream_position_of(sink.kept)->at_ms, stream_position_of(before)->at_ms + 290'000);
}

TEST_F(following, a_gap_is_bridged_by_a_snapshot_in_place) {
    using rig = feed_rig;
    const std::vector<std::pair<const char*, std::function<void(rig&)>>> cases{
        {"trimmed", [](rig& r) { r.source.next_errors["records"] = {feed_error::trimmed}; }},
        {"a shard is gone", [](rig& r) { r.source.next_errors["records"] = {feed_error::gone}; }},
        {"another stream", [](rig& r) { r.source.switch_stream(true); }},
        {"off and on",
         [](rig& r) {
             r.source.switch_stream(false);
             r.source.put("unseen");
             r.source.switch_stream(true);
         }},
    };
    for (const auto& [name, happen] : cases) {
        follow();
        touch_all_shards();
        const std::uint64_t snapshots = state->snapshots.load();
        happen(*this);
        source.put("z");
        source.erase("a");
        const std::size_t rows = sink.rows.size();
        run(300ms);
        EXPECT_GE(sink.rows.size() + 2, rows) << name << ": nothing is cleared";
        ASSERT_TRUE(catch_up()) << name;
        EXPECT_TRUE(is_in_step()) << name;
        EXPECT_EQ(state->snapshots.load(), snapshots + 1) << name;
        EXPECT_EQ(state->gaps.load(), 1U) << name;
        sink.kept.clear();
    }
}

TEST_F(following, another_stream_is_noticed_though_the_old_one_answers) {
    follow();
    touch_all_shards();
    source.arn_for_describe = "arn:aws:dynamodb:eu-west-1:1:table/t/stream/new";
    run(options.describe_interval + 1s);
    EXPECT_EQ(state->gaps.load(), 1U);
}

TEST_F(following, a_stream_that_is_off_is_no_state_to_be_current_in) {
    follow();
    touch_all_shards();
    source.switch_stream(false);
    run(2min);
    const std::int64_t before = current();
    source.put("unseen");
    EXPECT_GT(run(1min), 0) << "it says so";
    EXPECT_EQ(current(), before);
    source.switch_stream(true);
    ASSERT_TRUE(catch_up());
    EXPECT_TRUE(is_in_step());
}

TEST_F(following, an_expired_iterator_is_made_anew_behind_the_last_record) {
    follow();
    touch_all_shards();
    pass(16min);
    source.put("a");
    ASSERT_TRUE(catch_up());
    EXPECT_TRUE(is_in_step());
    EXPECT_EQ(called("iterator shard-00001 AFTER"), 1);
    EXPECT_EQ(called("iterator shard-00002 AFTER"), 1);
    EXPECT_EQ(called("scan"), 0);
    EXPECT_EQ(state->gaps.load(), 0U);
}

TEST_F(following, an_expired_iterator_at_a_childs_beginning_is_made_there_again) {
    follow();
    source.roll(0, false);
    source.roll(0, false);
    pass(1ms);
    ASSERT_TRUE(catch_up());
    source.calls.clear();
    pass(16min);
    source.put("a");
    ASSERT_TRUE(catch_up());
    EXPECT_TRUE(is_in_step());
    EXPECT_EQ(called("iterator shard-00003 TRIM_HORIZON"), 1);
    EXPECT_EQ(state->gaps.load(), 0U);
}

TEST_F(following, an_expired_iterator_that_has_seen_nothing_is_a_gap) {
    follow();
    pass(16min);
    source.put("a");
    ASSERT_TRUE(catch_up());
    EXPECT_TRUE(is_in_step());
    EXPECT_EQ(state->gaps.load(), 1U);
    EXPECT_GT(called("scan"), 0);
}

TEST_F(following, a_shard_that_was_not_read_for_a_day_is_a_gap) {
    follow();
    source.roll(0, false);
    source.roll(0, false);
    pass(1ms);
    ASSERT_TRUE(catch_up());
    source.put("a"); // trimmed before it is read
    pass(25h);
    source.forget_old();
    source.put("b");
    ASSERT_TRUE(catch_up());
    EXPECT_TRUE(is_in_step()) << "from its beginning a shard does not say what it lost";
    EXPECT_EQ(state->gaps.load(), 1U);
}

TEST_F(following, a_place_that_the_shard_never_had_is_a_gap) {
    follow();
    touch_all_shards();
    source.next_errors["iterator"] = {store_error::invalid};
    start();
    ASSERT_TRUE(catch_up());
    EXPECT_EQ(state->gaps.load(), 1U);
}

} // namespace
} // namespace postern::sync
