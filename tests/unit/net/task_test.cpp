#include "edge/net/task.hpp"
#include "edge/net/waiter.hpp"

#include <gtest/gtest.h>

#include <malloc.h>
#include <memory>
#include <stdexcept>
#include <string>

namespace postern::edge {
namespace {

task<int> number(int n) {
    co_return n;
}
task<std::unique_ptr<int>> owner(int n) {
    co_return std::make_unique<int>(n);
}
task<int> failing() {
    throw std::runtime_error{"why"};
    co_return 0;
}
task<base::error_code> waiting(waiter& where) {
    co_return co_await where.wait();
}

TEST(task, gives_its_value_to_whoever_awaits_it) {
    int got = 0;
    struct {
        static task<void> go(int& out) {
            const auto five = co_await owner(5);
            const int two = co_await number(2);
            out = *five + two;
        }
    } sum;
    spawn(sum.go(got));
    EXPECT_EQ(got, 7);
}

TEST(task, throws_into_whoever_awaits_it) {
    std::string why;
    struct {
        static task<void> go(std::string& out) {
            try {
                [[maybe_unused]] const int never = co_await failing();
            } catch (const std::runtime_error& error) {
                out = error.what();
            }
        }
    } caught;
    spawn(caught.go(why));
    EXPECT_EQ(why, "why");
}

TEST(task, goes_on_through_all_who_wait_for_each_other) {
    waiter place;
    std::string told;
    struct {
        static task<base::error_code> middle(waiter& where) { co_return co_await waiting(where); }
        static task<void> go(waiter& where, std::string& out) {
            const auto how = co_await middle(where);
            out = how.message();
        }
    } outer;
    spawn(outer.go(place, told));
    ASSERT_TRUE(place.is_waiting());
    EXPECT_EQ(told, "");
    place.resume(make_error_code(boost::system::errc::timed_out));
    EXPECT_EQ(told, make_error_code(boost::system::errc::timed_out).message());
    EXPECT_FALSE(place.is_waiting());
}

TEST(task, a_million_awaits_that_end_at_once_need_no_stack) {
    std::int64_t sum = 0;
    struct {
        static task<void> go(std::int64_t& out) {
            for (int i = 0; i < 1'000'000; ++i)
                out += co_await number(i);
        }
    } loop;
    spawn(loop.go(sum));
    EXPECT_EQ(sum, 499'999'500'000);
}

TEST(task, that_nobody_awaits_never_begins) {
    bool begun = false;
    struct {
        static task<void> go(bool& out) {
            out = true;
            co_return;
        }
    } mark;
    { [[maybe_unused]] const task<void> unused = mark.go(begun); }
    EXPECT_FALSE(begun);
}

TEST(frame_pool, gives_the_same_memory_again_for_the_same_size) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "no pool under AddressSanitizer";
#endif
    void* const first = frame_pool::take(500);
    frame_pool::give_back(first, 500);
    EXPECT_EQ(frame_pool::take(504), first) << "sizes are rounded up to those of malloc";
    EXPECT_GE(malloc_usable_size(first), 504U);
    void* const other = frame_pool::take(505);
    EXPECT_NE(other, first);
    EXPECT_GE(malloc_usable_size(other), 505U);
    frame_pool::give_back(first, 504);
    frame_pool::give_back(other, 505);
    for (std::size_t bytes = 1; bytes < 200; ++bytes) {
        void* const small = frame_pool::take(bytes);
        EXPECT_GE(malloc_usable_size(small), bytes);
        frame_pool::give_back(small, bytes);
    }
    void* const huge = frame_pool::take(100'000);
    frame_pool::give_back(huge, 100'000);
}

} // namespace
} // namespace postern::edge
