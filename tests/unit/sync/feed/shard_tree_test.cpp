#include "sync/feed/shard_tree.hpp"

#include <gtest/gtest.h>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t t0_ms = 1'700'000'000'000;

stream_description described(std::vector<shard_description> shards) {
    return {"arn", true, std::move(shards)};
}
shard_description open_shard(std::string id, std::string parent = {}) {
    return {std::move(id), std::move(parent), false};
}
shard_description closed_shard(std::string id, std::string parent = {}) {
    return {std::move(id), std::move(parent), true};
}

class shard_tree_test : public ::testing::Test {
  protected:
    shard_tree tree{tree_limits{}, 1};
    base::steady_time now{1h};

    [[nodiscard]] std::string reading() const {
        std::string all;
        for (const auto& [id, one] : tree.open())
            all += id + (one.place == iterator_at::latest ? ":end " : ":start ");
        return all;
    }
};

TEST_F(shard_tree_test, begins_with_open_shards_at_their_end_and_no_closed_one) {
    tree.begin(described({closed_shard("a"), open_shard("b", "a"), open_shard("c", "a")}), t0_ms,
               now);
    EXPECT_EQ(reading(), "b:end c:end ");
    EXPECT_TRUE(tree.is_finished("a"));
    EXPECT_EQ(tree.current_at_ms(), t0_ms);
}

TEST_F(shard_tree_test, begins_with_parents_where_parent_and_child_are_shown_open) {
    tree.begin(described({open_shard("b", "a"), open_shard("a")}), t0_ms, now);
    EXPECT_EQ(reading(), "a:end ") << "what the parent still brings would be put over the child's";
    tree.finish("a", now);
    EXPECT_EQ(reading(), "b:start ");
}

TEST_F(shard_tree_test, what_is_seen_later_is_read_from_its_beginning) {
    tree.begin(described({open_shard("a")}), t0_ms, now);
    tree.add(described({open_shard("a"), open_shard("late")}), now);
    EXPECT_EQ(reading(), "a:end late:start ");
}

TEST_F(shard_tree_test, a_child_waits_for_its_parent_even_where_that_is_described_as_open) {
    tree.begin(described({open_shard("a")}), t0_ms, now);
    for (const bool is_closed : {false, true}) {
        tree.add(described({{"a", {}, is_closed}, open_shard("b", "a"), open_shard("c", "b")}),
                 now);
        EXPECT_EQ(reading(), "a:end ");
    }
    tree.finish("a", now);
    EXPECT_EQ(reading(), "b:start ") << "at once, without another description";
    tree.finish("b", now);
    tree.add(described({closed_shard("a"), closed_shard("b", "a"), open_shard("c", "b")}), now);
    EXPECT_EQ(reading(), "c:start ");
}

TEST_F(shard_tree_test, a_child_waits_for_a_parent_that_a_description_lacks) {
    tree.begin(described({open_shard("a")}), t0_ms, now);
    tree.add(described({open_shard("b", "a")}), now);
    EXPECT_EQ(reading(), "a:end ");
}

TEST_F(shard_tree_test, a_parent_that_is_nowhere_is_finished) {
    tree.begin(described({open_shard("a")}), t0_ms, now);
    tree.add(described({open_shard("a"), open_shard("b", "trimmed long ago")}), now);
    EXPECT_EQ(reading(), "a:end b:start ");
}

TEST_F(shard_tree_test, an_ancestor_of_what_is_read_is_not_read) {
    tree.begin(described({open_shard("c", "b")}), t0_ms, now);
    tree.add(described({closed_shard("a"), closed_shard("b", "a"), open_shard("c", "b")}), now);
    EXPECT_EQ(reading(), "c:end ");
    EXPECT_TRUE(tree.is_finished("a"));
    // Nor where the description lacks the one that is read.
    tree.add(described({closed_shard("z"), closed_shard("a"), closed_shard("b", "a")}), now);
    EXPECT_EQ(reading(), "c:end z:start ");
}

TEST_F(shard_tree_test, a_finished_shard_is_remembered_until_a_day_after_its_last_description) {
    tree.begin(described({open_shard("a")}), t0_ms, now);
    tree.finish("a", now);
    const auto both = described({closed_shard("a"), open_shard("b", "a")});
    tree.add(both, now);
    EXPECT_EQ(reading(), "b:start ");
    tree.add(described({open_shard("b", "a")}), now + 23h);
    EXPECT_TRUE(tree.is_finished("a"));
    tree.add(both, now + 23h);
    tree.add(described({open_shard("b", "a")}), now + 46h);
    EXPECT_TRUE(tree.is_finished("a"));
    tree.add(described({open_shard("b", "a")}), now + 48h);
    EXPECT_FALSE(tree.is_finished("a"));
}

TEST_F(shard_tree_test, children_are_asked_for_at_once_then_less_and_less_then_given_up) {
    tree.begin(described({open_shard("a"), open_shard("x")}), t0_ms, now);
    tree.add(described({open_shard("a"), open_shard("x")}), now + 2s); // the first look is over
    now += 10s;
    tree.finish("a", now);
    ASSERT_EQ(tree.rollovers().size(), 1U);
    EXPECT_EQ(tree.rollovers().begin()->second.ask_at, now);
    const auto without = described({closed_shard("a"), open_shard("x")});
    tree.add_children("a", described({}), now);
    EXPECT_EQ(tree.rollovers().begin()->second.ask_at, now) << "the whole stream is asked next";
    auto asked = now;
    int asks = 0;
    std::size_t given_up = 0;
    for (; given_up == 0 && asks < 100; ++asks) {
        asked = tree.rollovers().begin()->second.ask_at;
        given_up = tree.add(without, asked);
    }
    EXPECT_LT(asks, 30);
    EXPECT_GE(asked - now, 5min);
    EXPECT_TRUE(tree.rollovers().empty());
}

TEST_F(shard_tree_test, is_no_newer_than_a_parent_whose_children_are_not_known) {
    tree.begin(described({open_shard("a"), open_shard("x")}), t0_ms, now);
    tree.add(described({open_shard("a"), open_shard("x")}), now + 2s);
    for (auto& [id, one] : tree.open())
        one.current_at_ms = t0_ms + 10'000;
    tree.finish("a", now + 12s);
    tree.open().find("x")->second.current_at_ms = t0_ms + 20'000;
    EXPECT_EQ(tree.current_at_ms(), t0_ms + 10'000);
    tree.add_children("a", described({open_shard("b", "a")}), now + 15s);
    tree.open().find("b")->second.current_at_ms = t0_ms + 20'000;
    EXPECT_EQ(tree.current_at_ms(), t0_ms + 10'000) << "the other child may come";
    tree.add(described({closed_shard("a"), open_shard("b", "a"), open_shard("x")}), now + 17s);
    EXPECT_EQ(tree.current_at_ms(), t0_ms + 20'000);
}

TEST_F(shard_tree_test, a_first_child_that_comes_late_may_have_a_brother) {
    tree.begin(described({open_shard("a")}), t0_ms, now);
    tree.add(described({open_shard("a")}), now + 2s);
    tree.finish("a", now + 10s);
    const auto one = described({closed_shard("a"), open_shard("b", "a")});
    tree.add(one, now + 20s);
    tree.open().find("b")->second.current_at_ms = t0_ms + 30'000;
    EXPECT_EQ(tree.current_at_ms(), t0_ms);
    tree.add(described({closed_shard("a"), open_shard("b", "a"), open_shard("c", "a")}), now + 21s);
    EXPECT_EQ(reading(), "b:start c:start ");
    EXPECT_EQ(tree.current_at_ms(), t0_ms) << "the brother's age is the parent's";
}

TEST_F(shard_tree_test, a_split_just_before_the_first_look_may_have_shown_one_child) {
    tree.begin(described({closed_shard("a"), open_shard("b", "a")}), t0_ms, now);
    tree.open().find("b")->second.current_at_ms = t0_ms + 1'500;
    EXPECT_EQ(tree.current_at_ms(), t0_ms);
    ASSERT_EQ(tree.rollovers().size(), 1U);
    EXPECT_EQ(tree.rollovers().begin()->second.ask_at, now + 1s);
    tree.add(described({closed_shard("a"), open_shard("b", "a"), open_shard("c", "a")}), now + 1s);
    EXPECT_EQ(reading(), "b:end c:start ");
}

TEST_F(shard_tree_test, is_not_settled_by_a_shards_end) {
    tree.begin(described({closed_shard("a")}), t0_ms, now);
    EXPECT_FALSE(tree.is_settled()) << "it has children somewhere";
    tree.add(described({closed_shard("a"), open_shard("b", "a")}), now + 1s);
    EXPECT_FALSE(tree.is_settled()) << "what it has may be older than the snapshot";
    tree.finish("b", now + 2s);
    EXPECT_FALSE(tree.is_settled()) << "and what overtakes it is in its children";
    tree.add(described({closed_shard("a"), closed_shard("b", "a"), open_shard("c", "b")}),
             now + 3s);
    tree.add(described({closed_shard("b", "a"), open_shard("c", "b")}), now + 4s);
    ASSERT_EQ(tree.rollovers().size(), 0U);
    auto& pace = tree.open().find("c")->second.pace;
    pace.opened(iterator_at::trim_horizon, now + 4s);
    for (int i = 0; i < 4; ++i) {
        EXPECT_FALSE(tree.is_settled());
        pace.took(false, false, now + 4s);
    }
    EXPECT_TRUE(tree.is_settled());
}

TEST_F(shard_tree_test, an_answer_about_children_says_nothing_of_other_shards) {
    tree.begin(described({open_shard("a"), open_shard("x")}), t0_ms, now);
    tree.finish("a", now);
    tree.add_children("a", described({open_shard("y", "x"), open_shard("b", "a")}), now);
    EXPECT_EQ(reading(), "b:start x:end ");
}

TEST_F(shard_tree_test, goes_on_from_its_own_position) {
    tree.begin(described({closed_shard("p"), open_shard("a", "p"), open_shard("x", "p")}), t0_ms,
               now);
    tree.open().find("x")->second.place = iterator_at::after_sequence;
    tree.open().find("x")->second.last = "17";
    tree.finish("a", now);
    const auto kept = tree.position("arn");
    shard_tree next{tree_limits{}, 2};
    next.resume(kept,
                described({closed_shard("p"), closed_shard("a", "p"), open_shard("b", "a"),
                           closed_shard("x", "p"), open_shard("y", "x")}),
                now + 1h);
    ASSERT_EQ(next.open().size(), 2U);
    EXPECT_EQ(next.open().find("b")->second.place, iterator_at::trim_horizon);
    EXPECT_EQ(next.open().find("x")->second.last, "17");
    EXPECT_EQ(next.current_at_ms(), kept.at_ms);
    for (auto& [id, one] : next.open()) {
        one.pace.opened(iterator_at::latest, now + 1h);
        one.pace.took(false, false, now + 1h);
    }
    EXPECT_FALSE(next.is_settled()) << "who knows what the position's process was about";
}

} // namespace
} // namespace postern::sync
