#include "edge/limits/rate_table.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace postern::edge {
namespace {

constexpr limit_ns ms = 1'000'000;
constexpr limit_ns cost = 10 * ms; // 100 a second
constexpr limit_ns most = 5 * cost;
constexpr limit_ns start = 1'000'000 * ms;

/// 4 MB: not for a stack.
struct fixture : testing::Test {
    std::unique_ptr<rate_table> table = std::make_unique<rate_table>();

    /// A key that falls into the same set as all others of its row.
    static std::uint64_t key_in_row(std::uint64_t n) { return 77 + n * rate_table::sets; }
    int taken(std::uint64_t key, int tries, limit_ns now) const {
        int good = 0;
        for (int i = 0; i < tries; ++i)
            good += table->take(key, cost, most, now).late == 0 ? 1 : 0;
        return good;
    }
};
using rates = fixture;

TEST_F(rates, a_full_bucket_gives_its_burst_and_then_the_rate) {
    EXPECT_EQ(taken(1, 100, start), 5);
    EXPECT_EQ(taken(1, 100, start + 9 * ms), 0);
    EXPECT_EQ(taken(1, 100, start + 10 * ms), 1);
    EXPECT_EQ(taken(1, 100, start + 30 * ms), 2);
    EXPECT_EQ(taken(1, 100, start + 10'000 * ms), 5) << "no more than a burst is saved up";
}

TEST_F(rates, what_is_refused_costs_nothing_and_says_when_it_will_pass) {
    EXPECT_EQ(taken(1, 5, start), 5);
    const limit_ns late = table->take(1, cost, most, start + 3 * ms).late;
    EXPECT_EQ(late, 7 * ms);
    EXPECT_EQ(taken(1, 1, start + 3 * ms + late - 1), 0);
    EXPECT_EQ(taken(1, 1, start + 3 * ms + late), 1);
}

TEST_F(rates, keys_do_not_share_even_the_one_that_is_zero) {
    for (const std::uint64_t key : {0UL, 2UL, ~0UL, 77UL, 77UL + rate_table::sets})
        EXPECT_EQ(taken(key, 10, start), 5) << key;
}

TEST_F(rates, what_has_moved_is_charged_beyond_the_limit_up_to_a_bound) {
    EXPECT_EQ(table->charge(1, 3 * cost, most, 1000 * ms, start).late, 0U);
    EXPECT_EQ(table->charge(1, 3 * cost, most, 1000 * ms, start).late, cost);
    EXPECT_EQ(table->owed(1, start), 6 * cost);
    EXPECT_EQ(table->owed(1, start + cost), 5 * cost);
    EXPECT_EQ(table->owed(1, start + 7 * cost), 0U);
    EXPECT_EQ(table->charge(1, 100'000 * ms, most, 1000 * ms, start).late, 1000 * ms);
    EXPECT_EQ(table->owed(2, start), 0U) << "who was never charged";
}

TEST_F(rates, an_idle_bucket_makes_room_without_a_loss) {
    for (std::uint64_t n = 0; n < rate_table::ways; ++n)
        EXPECT_EQ(taken(key_in_row(n), 1, start), 1);
    const auto later = start + 100 * cost;
    const rate_table::outcome newcomer = table->take(key_in_row(9), cost, most, later);
    EXPECT_EQ(newcomer.late, 0U);
    EXPECT_FALSE(newcomer.replaced);
    EXPECT_EQ(taken(key_in_row(9), 10, later), 4);
}

TEST_F(rates, in_a_full_row_the_one_that_owes_least_is_forgiven) {
    for (std::uint64_t n = 0; n < rate_table::ways; ++n)
        EXPECT_EQ(taken(key_in_row(n), 2 + static_cast<int>(n), start), 2 + static_cast<int>(n));
    const rate_table::outcome newcomer = table->take(key_in_row(9), cost, most, start);
    EXPECT_EQ(newcomer.late, 0U) << "nobody is refused for want of room";
    EXPECT_TRUE(newcomer.replaced);
    EXPECT_EQ(taken(key_in_row(9), 10, start), 4) << "it starts with a full bucket";
    EXPECT_EQ(taken(key_in_row(3), 10, start), 0) << "the others keep theirs";
}

TEST_F(rates, workers_together_get_no_more_than_one) {
    std::vector<int> good(4);
    {
        std::vector<std::jthread> workers;
        for (int& n : good)
            workers.emplace_back([this, &n] {
                for (int i = 0; i < 20'000; ++i)
                    n += table->take(5, 1, 30'000, start).late == 0 ? 1 : 0;
            });
    }
    EXPECT_EQ(good[0] + good[1] + good[2] + good[3], 30'000);
}

} // namespace
} // namespace postern::edge
