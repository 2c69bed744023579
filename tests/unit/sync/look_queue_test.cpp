#include "sync/look_queue.hpp"

#include <gtest/gtest.h>

#include <set>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;
using came_to = look_queue::came_to;

struct look_queue_test : testing::Test {
    came_to add(const std::string& key, std::uint32_t asker = 1) {
        return queue.add(key, asker, now, now + bounds.patience, refused);
    }
    std::string next() { return queue.next(now).value_or("-"); }
    void pass(std::chrono::milliseconds time) { now += time; }

    look_limits bounds{.per_second = 10, .burst = 3, .calls = 1, .patience = 2'000ms};
    look_queue queue{bounds};
    base::steady_time now{std::chrono::hours{1}};
    std::vector<std::string> refused;
};

TEST_F(look_queue_test, a_key_is_looked_for_once_at_a_time) {
    EXPECT_EQ(add("a"), came_to::waits);
    EXPECT_EQ(add("a", 2), came_to::waits_already);
    EXPECT_EQ(queue.waiting(), 1U);
    EXPECT_EQ(next(), "a");
    EXPECT_EQ(add("a"), came_to::waits_already) << "it is being looked for";
    EXPECT_EQ(next(), "-");
    queue.done("a");
    EXPECT_EQ(add("a"), came_to::waits);
    EXPECT_EQ(next(), "a");
    queue.found("a", now);
    EXPECT_EQ(add("a"), came_to::waits_already) << "the table is about to have it";
    pass(500ms);
    EXPECT_EQ(add("a"), came_to::waits);
}

TEST_F(look_queue_test, the_rate_holds_and_a_burst_goes_first) {
    for (int i = 0; i < 10; ++i)
        add("k" + std::to_string(i));
    for (const char* const key : {"k0", "k1", "k2"})
        EXPECT_EQ(next(), key);
    EXPECT_EQ(next(), "-");
    EXPECT_EQ(queue.due(), now + 100ms);
    pass(99ms);
    EXPECT_EQ(next(), "-");
    pass(1ms);
    EXPECT_EQ(next(), "k3");
    EXPECT_EQ(next(), "-");
    pass(200ms);
    EXPECT_EQ(next(), "k4");
    EXPECT_EQ(next(), "k5");
    EXPECT_EQ(next(), "-");
    pass(1'000ms);
    for (const char* const key : {"k6", "k7", "k8"})
        EXPECT_EQ(next(), key);
    EXPECT_EQ(next(), "-") << "no more than a burst is made up for";
    pass(100ms);
    EXPECT_EQ(next(), "k9");
    EXPECT_EQ(queue.due(), base::steady_time::max());
}

TEST_F(look_queue_test, nobody_is_asked_for_those_who_have_left) {
    add("a");
    pass(1'999ms);
    add("b");
    pass(1ms);
    EXPECT_EQ(queue.take_late(), 0U);
    EXPECT_EQ(next(), "b");
    EXPECT_EQ(queue.take_late(), 1U);
    EXPECT_EQ(queue.take_late(), 0U);
    EXPECT_EQ(add("a"), came_to::waits);
    EXPECT_EQ(queue.waiting(), 1U);
}

TEST_F(look_queue_test, askers_are_served_in_turn) {
    for (int i = 0; i < 5; ++i)
        add("many" + std::to_string(i), 1);
    add("one", 2);
    add("two", 3);
    std::vector<std::string> order;
    for (int i = 0; i < 7; ++i, pass(100ms))
        order.push_back(next());
    EXPECT_EQ(order, (std::vector<std::string>{"many0", "one", "two", "many1", "many2", "many3",
                                               "many4"}));
}

TEST_F(look_queue_test, who_asks_for_the_most_makes_room) {
    const std::size_t room = queue.room();
    EXPECT_EQ(room, 23U) << "what can be served while they wait";
    for (std::size_t i = 0; i < room; ++i)
        ASSERT_EQ(add("flood" + std::to_string(i), 1), came_to::waits);
    EXPECT_EQ(add("flood", 1), came_to::refused);
    EXPECT_TRUE(refused.empty());
    EXPECT_EQ(add("quiet", 2), came_to::waits);
    EXPECT_EQ(refused, std::vector<std::string>{"flood22"});
    EXPECT_EQ(queue.waiting(), room);
    EXPECT_EQ(add("flood22", 3), came_to::waits) << "a key that was refused is not known any more";
    EXPECT_EQ(next(), "flood0");
    EXPECT_EQ(next(), "quiet");
    EXPECT_EQ(next(), "flood22");
}

TEST_F(look_queue_test, many_askers_are_bounded_too) {
    for (std::uint32_t i = 0; i < 1'000; ++i)
        static_cast<void>(add("k" + std::to_string(i), i));
    EXPECT_EQ(queue.waiting(), queue.room());
    EXPECT_TRUE(refused.empty()) << "nobody has more than others";
    EXPECT_EQ(queue.take_all().size(), queue.room());
    EXPECT_EQ(queue.waiting(), 0U);
    EXPECT_EQ(add("k0", 0), came_to::waits);
}

/// Any order of calls: no key twice at a time, the bounds hold, nothing is lost.
TEST_F(look_queue_test, random_calls) {
    std::set<std::string> waiting, under_way;
    for (unsigned seed = 1; seed < 20'000; ++seed) {
        const unsigned what = seed * 2'654'435'761U >> 16;
        const std::string key = "k" + std::to_string(what % 97);
        if (what % 5 < 3) {
            refused.clear();
            const auto came = add(key, what % 7);
            const bool was_there = waiting.count(key) + under_way.count(key) > 0;
            ASSERT_EQ(came == came_to::waits_already, was_there);
            if (came == came_to::waits)
                waiting.insert(key);
            for (const std::string& gone : refused)
                ASSERT_EQ(waiting.erase(gone), 1U);
        } else if (const auto took = queue.next(now)) {
            ASSERT_EQ(waiting.erase(*took), 1U);
            ASSERT_TRUE(under_way.insert(*took).second);
        }
        if (what % 11 == 0 && !under_way.empty()) {
            queue.done(*under_way.begin());
            under_way.erase(under_way.begin());
        }
        ASSERT_LE(queue.waiting(), queue.room());
        ASSERT_EQ(queue.waiting(), waiting.size());
        if (what % 13 == 0)
            pass(70ms);
        bounds.patience = 1h; // nobody leaves
    }
}

} // namespace
} // namespace postern::sync
