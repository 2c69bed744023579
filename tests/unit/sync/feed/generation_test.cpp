#include "sync/feed/generation.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

namespace postern::sync {
namespace {

TEST(generation, what_the_stream_touched_is_the_streams) {
    generation one;
    EXPECT_TRUE(one.takes("a"));
    EXPECT_TRUE(one.takes("a")) << "again, after a failure";
    one.touch("b", true);
    one.touch("c", false);
    EXPECT_FALSE(one.takes("b"));
    EXPECT_FALSE(one.takes("c"));
    one.touch("a", false);
    EXPECT_FALSE(one.takes("a"));
    EXPECT_FALSE(one.keeps("a"));
    EXPECT_TRUE(one.keeps("b"));
    EXPECT_FALSE(one.keeps("c"));
    EXPECT_FALSE(one.keeps("never met"));
    one.touch("c", true);
    EXPECT_TRUE(one.keeps("c"));
    EXPECT_EQ(one.kept(), 2U);
}

TEST(sweep_brake, holds_what_is_more_than_half_and_more_than_a_hundred_once) {
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    const base::system_clock time;
    base::log log{null, base::log_level::crit, "test", time};
    const struct {
        std::uint64_t rows, kept;
        bool holds;
    } cases[]{{0, 0, false},     {100, 0, false},  {101, 0, true},      {202, 101, false},
              {203, 101, true},  {250, 100, true}, {1'000, 500, false}, {1'000, 499, true},
              {500, 600, false}, {1'000, 0, true}};
    for (const auto& [rows, kept, holds] : cases) {
        sweep_brake one;
        EXPECT_EQ(one.holds(rows, kept, log), holds) << rows << " " << kept;
        EXPECT_FALSE(holds && one.holds(rows, kept, log)) << "the second shows the same";
    }
    sweep_brake one;
    EXPECT_TRUE(one.holds(1'000, 0, log));
    EXPECT_FALSE(one.holds(1'000, 1'000, log)) << "the second shows another thing";
    EXPECT_TRUE(one.holds(1'000, 0, log)) << "so this is a first again";
    ::close(null);
}

} // namespace
} // namespace postern::sync
