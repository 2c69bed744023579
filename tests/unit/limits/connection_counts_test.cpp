#include "edge/limits/connection_counts.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace postern::edge {
namespace {

/// A client whose set is the same for all `n`.
constexpr std::uint64_t client(std::uint64_t n) {
    return (n << 32U) | 3;
}

struct fixture : testing::Test {
    std::unique_ptr<connection_counts> counts = std::make_unique<connection_counts>();
};
using connections = fixture;

TEST_F(connections, are_counted_by_client) {
    const auto one = counts->add(client(1));
    const auto two = counts->add(client(1));
    const auto other = counts->add(client(2));
    ASSERT_TRUE(one && two && other);
    EXPECT_EQ(counts->of(client(1)), 2U);
    EXPECT_EQ(counts->of(client(2)), 1U);
    EXPECT_EQ(counts->of(client(3)), 0U);
    counts->remove(*one);
    counts->remove(*two);
    EXPECT_EQ(counts->of(client(1)), 0U);
    EXPECT_EQ(counts->of(client(2)), 1U);
}

TEST_F(connections, a_place_that_is_free_again_goes_to_another) {
    for (std::uint64_t n = 1; n < 1000; ++n) {
        const auto place = counts->add(client(n));
        ASSERT_TRUE(place) << n;
        counts->remove(*place);
    }
}

TEST_F(connections, one_more_client_than_fits_is_not_counted_and_harms_no_other) {
    for (std::uint64_t n = 1; n <= connection_counts::ways; ++n)
        ASSERT_TRUE(counts->add(client(n)));
    EXPECT_FALSE(counts->add(client(99)));
    EXPECT_EQ(counts->of(client(99)), 0U);
    EXPECT_TRUE(counts->add(client(1)));
    EXPECT_EQ(counts->of(client(1)), 2U);
}

TEST_F(connections, wiping_forgets_all) {
    ASSERT_TRUE(counts->add(client(1)));
    ASSERT_TRUE(counts->add(12345678));
    counts->wipe();
    EXPECT_EQ(counts->of(client(1)), 0U);
    EXPECT_EQ(counts->of(12345678), 0U);
}

} // namespace
} // namespace postern::edge
