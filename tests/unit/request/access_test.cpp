// What a pass is worth later on; who is let in at all is shown by tests/process/test_access.py.
#include "edge/request/access.hpp"

#include <gtest/gtest.h>

namespace postern::edge {
namespace {

base::wall_time at_s(std::int64_t seconds) {
    return base::wall_time{
        std::chrono::duration_cast<base::wall_time::duration>(std::chrono::seconds{seconds})};
}

TEST(access, a_pass_by_link_ends_with_its_time_its_generation_and_its_session) {
    access_pass pass;
    pass.by_link = true;
    pass.generation = 7;
    pass.expires_s = 1000;
    cache::route route;
    route.access_generation = 7;
    EXPECT_TRUE(still_admitted(pass, &route, at_s(999)));
    EXPECT_FALSE(still_admitted(pass, &route, at_s(1000)));
    EXPECT_FALSE(still_admitted(pass, nullptr, at_s(999)));
    route.access_generation = 8;
    EXPECT_FALSE(still_admitted(pass, &route, at_s(999)));
}

TEST(access, a_pass_by_other_means_does_not_end) {
    access_pass pass;
    cache::route route;
    route.access_generation = 8;
    EXPECT_TRUE(still_admitted(pass, &route, at_s(1000)));
    EXPECT_TRUE(still_admitted(pass, nullptr, at_s(1000)));
    pass.by_link = pass.has_token = true;
    pass.texts().referer = "x";
    pass.clear();
    EXPECT_TRUE(still_admitted(pass, nullptr, at_s(1000)));
    EXPECT_FALSE(pass.has_token);
    EXPECT_EQ(pass.taken->referer, "");
}

} // namespace
} // namespace postern::edge
