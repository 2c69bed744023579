#include "edge/net/signal.hpp"
#include "tests/unit/net/socket_pair.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace postern::edge {
namespace {

using namespace std::chrono_literals;
using testing::socket_pair;
using clock = deadlines::clock;

struct steps {
    static task<void> wait(signal& for_it, clock::time_point latest, std::vector<int>& order) {
        co_await for_it.wait_until(latest);
        order.push_back(2);
    }
    static task<void> tell(event_loop& loop, signal& who, std::vector<int>& order) {
        signal pause{loop};
        who.tell();
        order.push_back(1); // who was told goes on later, not inside of tell()
        co_await pause.wait_until(clock::now());
    }
};

TEST(signal, whoever_waits_goes_on_after_the_teller_has_gone_on) {
    socket_pair pair;
    signal one{pair.loop};
    std::vector<int> order;
    spawn(steps::wait(one, clock::time_point::max(), order));
    pair.run(steps::tell(pair.loop, one, order));
    EXPECT_EQ(order, (std::vector{1, 2}));
}

TEST(signal, waits_no_longer_than_it_was_told_to) {
    socket_pair pair;
    signal one{pair.loop};
    std::vector<int> order;
    const auto before = clock::now();
    pair.run(steps::wait(one, before + 50ms, order));
    EXPECT_EQ(order, std::vector{2});
    EXPECT_GE(clock::now(), before + 50ms);
}

TEST(signal, nobody_told_is_nothing_kept) {
    socket_pair pair;
    signal one{pair.loop};
    one.tell();
    std::vector<int> order;
    const auto before = clock::now();
    pair.run(steps::wait(one, before + 20ms, order));
    EXPECT_GE(clock::now(), before + 20ms);
}

} // namespace
} // namespace postern::edge
