#include "edge/net/least_rate.hpp"

#include <gtest/gtest.h>

namespace postern::edge {
namespace {

using namespace std::chrono_literals;

TEST(least_rate, that_is_off_bounds_nothing) {
    least_rate none;
    EXPECT_FALSE(none.on());
    none.note(24h, 0);
    EXPECT_EQ(none.bound(60s), 60s);
    EXPECT_EQ(least_rate(0, 1s).bound(60s), 60s);
}

TEST(least_rate, allows_one_pause_as_long_as_the_lag) {
    least_rate rate{100, 10s};
    EXPECT_EQ(rate.bound(60s), 10s);
    EXPECT_EQ(rate.bound(5s), 5s);
    rate.note(9s, 1);
    EXPECT_EQ(rate.bound(60s), 1010ms);
    rate.note(9s, 1);
    EXPECT_EQ(rate.bound(60s), 1ms) << "the next thing that it does has to be quick";
}

TEST(least_rate, is_kept_for_ever_by_who_moves_as_fast) {
    least_rate rate{100, 10s};
    for (int i = 0; i < 1000; ++i)
        rate.note(5s, 500);
    EXPECT_EQ(rate.bound(60s), 10s);
}

TEST(least_rate, is_missed_by_who_drips) {
    least_rate rate{100, 10s};
    int drips = 0;
    while (rate.bound(60s) > 1s && drips < 100) {
        rate.note(1s, 1);
        ++drips;
    }
    EXPECT_EQ(drips, 10);
}

TEST(least_rate, saves_up_no_more_than_the_lag) {
    least_rate rate{100, 10s};
    rate.note(0s, ~std::uint64_t{0});
    EXPECT_EQ(rate.bound(1h), 10s);
}

} // namespace
} // namespace postern::edge
