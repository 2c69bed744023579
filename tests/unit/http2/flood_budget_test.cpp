#include "edge/http2/flood_budget.hpp"

#include <gtest/gtest.h>

namespace postern::edge {
namespace {

using namespace std::chrono_literals;

int spent(flood_budget& budget, flood_budget::time_point now) {
    int times = 0;
    while (times < 10'000 && budget.spend(now))
        ++times;
    return times;
}

TEST(flood_budget, holds_ten_seconds_worth_and_is_earned_with_time) {
    const flood_budget::time_point start{1h};
    flood_budget budget{5, start};
    EXPECT_EQ(spent(budget, start), 50);
    EXPECT_EQ(spent(budget, start), 0);
    EXPECT_EQ(spent(budget, start + 1s), 5);
    EXPECT_EQ(spent(budget, start - 1h), 0) << "a clock that goes back";
    EXPECT_EQ(spent(budget, start + 100h), 50);
}

TEST(flood_budget, can_be_granted) {
    const flood_budget::time_point start{1h};
    flood_budget budget{5, start};
    budget.grant(1000);
    EXPECT_EQ(spent(budget, start), 50) << "never more than fits";
    budget.grant(3);
    EXPECT_EQ(spent(budget, start), 3);
}

} // namespace
} // namespace postern::edge
