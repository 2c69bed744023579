// Who has to leave when the session API is crowded.
#include "control/strangers.hpp"
#include "test_support.hpp"

#include <gtest/gtest.h>

namespace postern::control::test {
namespace {

using fds = std::vector<int>;

class strangers_test : public ::testing::Test {
  protected:
    void come(int first, int last) {
        for (int fd = first; fd <= last; ++fd)
            all_.come(fd, now_);
    }
    strangers all_{{.connections_max = 8, .patience = 2000ms, .patience_when_half_full = 500ms}};
    base::steady_time now_{1h};
};

TEST_F(strangers_test, wait_as_long_as_there_is_patience) {
    come(1, 2);
    now_ += 1999ms;
    EXPECT_EQ(all_.judge(now_).leaving, fds{});
    come(3, 3);
    now_ += 1ms;
    const auto v = all_.judge(now_);
    EXPECT_EQ(v.leaving, (fds{1, 2}));
    EXPECT_EQ(v.before_time, 0U) << "their time was over";
    EXPECT_FALSE(v.is_full);
    EXPECT_EQ(all_.judge(now_).leaving, fds{}) << "named once";
}

TEST_F(strangers_test, wait_less_when_it_is_half_full) {
    come(1, 4);
    now_ += 500ms;
    EXPECT_EQ(all_.judge(now_).leaving, fds{}) << "four of eight";
    come(5, 5);
    const auto v = all_.judge(now_);
    EXPECT_EQ(v.leaving, fds{1}) << "and then it is no longer more than half full";
    EXPECT_EQ(v.before_time, 1U);
    EXPECT_FALSE(v.is_full);
}

TEST_F(strangers_test, the_oldest_makes_room_when_it_is_full) {
    come(1, 8);
    EXPECT_TRUE(all_.judge(now_).is_full);
    EXPECT_EQ(all_.judge(now_).leaving, fds{}) << "full, not too full";
    come(9, 10);
    EXPECT_EQ(all_.judge(now_).leaving, (fds{1, 2}));
    EXPECT_EQ(all_.staying(), 8U);
    come(11, 11);
    EXPECT_EQ(all_.judge(now_).leaving, fds{3}) << "the first two count no more, gone or not";
    all_.leave(1), all_.leave(2), all_.leave(3);
    EXPECT_EQ(all_.staying(), 8U);
    all_.leave(4);
    EXPECT_EQ(all_.staying(), 7U);
}

TEST_F(strangers_test, who_has_shown_a_token_stays) {
    come(1, 8);
    for (int fd = 1; fd <= 8; ++fd)
        all_.trust(fd);
    come(9, 9);
    now_ += 1h;
    EXPECT_EQ(all_.judge(now_).leaving, fds{}) << "nobody else is there, and the newest may speak";
    come(10, 10);
    EXPECT_EQ(all_.judge(now_).leaving, fds{9});
    all_.leave(9), all_.leave(1);
    EXPECT_EQ(all_.staying(), 8U);
}

TEST_F(strangers_test, a_request_begins_the_time_anew) {
    come(1, 3);
    now_ += 1500ms;
    all_.ask(1, now_);
    now_ += 500ms;
    EXPECT_EQ(all_.judge(now_).leaving, (fds{2, 3}));
    all_.ask(2, now_), all_.ask(77, now_); // late, and never
    come(4, 4);
    now_ += 1500ms;
    EXPECT_EQ(all_.judge(now_).leaving, fds{1});
    all_.leave(1), all_.leave(2), all_.leave(3), all_.leave(4);
    EXPECT_EQ(all_.staying(), 0U);
}

} // namespace
} // namespace postern::control::test
