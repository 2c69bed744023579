#include "feed_rig.hpp"
#include "sync/feed/poll_feed.hpp"

#include <fmt/format.h>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;

class polling : public ::testing::Test, public feed_rig {
  protected:
    poll_options how;

    void SetUp() override {
        how.scan.page_rows = 5;
        for (int i = 0; i < 50; ++i)
            source.put(fmt::format("k{:02}", i));
        pass(1s);
    }
};

TEST_F(polling, reads_all_of_it_once_an_interval_and_uses_nothing_but_scans) {
    start_polling(how);
    run(1s);
    EXPECT_TRUE(is_in_step());
    source.put("new");
    source.erase("k01");
    const std::int64_t written_ms = source.now_ms;
    run(how.interval * 2);
    EXPECT_TRUE(is_in_step());
    EXPECT_GE(current(), written_ms);
    run(how.interval * 8);
    EXPECT_NEAR(static_cast<double>(state->snapshots.load()), 11, 1);
    EXPECT_EQ(called("scan"), static_cast<long>(source.calls.size()));
}

TEST_F(polling, spreads_its_pages) {
    start_polling(how);
    run(how.interval * 3 / 2);
    source.calls.clear();
    run(how.interval);
    ASSERT_GE(called("scan"), 5);
    long most = 0;
    for (int i = 0; i < 30; ++i) {
        source.calls.clear();
        run(1s);
        most = std::max(most, called("scan"));
    }
    EXPECT_LE(most, 2);
}

TEST_F(polling, current_is_when_the_scan_began) {
    start_polling(how);
    const std::int64_t began_ms = source.now_ms;
    source.mood.latency_ms = 400;
    while (current() == 0)
        ASSERT_EQ(run(100ms), 0);
    EXPECT_EQ(current(), began_ms);
    EXPECT_EQ(sink.kept, fmt::format("poll1 {}", began_ms));
}

// What was written on this host stands in the replica already.
TEST_F(polling, a_ring_begins_no_scan) {
    start_polling(how);
    run(5s);
    ASSERT_TRUE(is_in_step());
    const auto calls = source.calls.size();
    for (int i = 0; i < 100; ++i) {
        ring();
        run(100ms);
    }
    EXPECT_EQ(source.calls.size(), calls);
    run(how.interval + 1s);
    EXPECT_GT(source.calls.size(), calls);
}

TEST_F(polling, a_ring_leaves_a_scan_that_runs_alone) {
    start_polling(how);
    run(how.interval + 6s);
    ASSERT_TRUE(state->is_loading.load()) << "half way";
    const auto calls = source.calls.size();
    ring();
    run(100ms);
    EXPECT_LE(source.calls.size() - calls, 1U);
    EXPECT_TRUE(state->is_loading.load());
    run(how.interval / 2);
    EXPECT_EQ(state->snapshots.load(), 2U);
}

TEST_F(polling, a_ring_repeats_a_scan_that_failed_but_not_one_after_the_other) {
    start_polling(how);
    run(5s);
    source.next_errors["scan"].assign(100'000, store_error::unavailable);
    EXPECT_GE(run(5 * 60s), 1); // by now its pauses are long ones
    source.calls.clear();
    for (int i = 0; i < 1'000; ++i) {
        one->ring();
        static_cast<void>(one->work());
        run(10ms);
    }
    EXPECT_GE(called("scan"), 5);
    EXPECT_LE(called("scan"), 80); // a scan asks a few times before it gives up
    source.next_errors["scan"].clear();
    source.put("new");
    one->ring();
    run(1100ms);
    run(how.interval / 2);
    EXPECT_TRUE(is_in_step());
}

TEST_F(polling, a_large_sweep_has_to_be_shown_twice) {
    start_polling(how);
    for (int i = 0; i < 150; ++i)
        sink.rows[fmt::format("other {}", i)] = 1;
    run(5s);
    EXPECT_EQ(sink.rows.size(), 200U);
    EXPECT_EQ(current(), 0);
    run(how.confirm_after + how.interval);
    EXPECT_TRUE(is_in_step());
}

TEST_F(polling, a_page_that_fails_is_tried_again_then_said) {
    start_polling(how);
    source.next_errors["scan"].assign(3, store_error::unavailable);
    EXPECT_EQ(run(10s), 0);
    EXPECT_TRUE(is_in_step());
    source.next_errors["scan"].assign(8, store_error::unavailable);
    source.put("new");
    EXPECT_EQ(run(60s), 1);
    EXPECT_TRUE(is_in_step());
}

class poll_story : public ::testing::TestWithParam<std::uint64_t>, public feed_rig {};

TEST_P(poll_story, ends_with_the_table) {
    std::mt19937_64 random{GetParam()};
    const auto below = [&](std::uint64_t bound) { return random() % bound; };
    const auto write = [&] {
        const std::string key = fmt::format("k{}", below(40));
        below(3) == 0 ? source.erase(key) : source.put(key);
    };
    poll_options how;
    how.interval = 5s;
    how.scan = {.segments = 1 + below(3), .threads = 0, .page_rows = 1 + below(9)};
    how.scan.pages_ahead = 1 + below(3);
    source.mood.latency_ms = 30;
    source.before_call = [&] {
        if (below(2) == 0)
            write();
    };
    start_polling(how);
    std::int64_t looked = 0;
    for (int i = 0; i < 100; ++i) {
        write();
        source.mood.failing = below(3) == 0 ? 0.3 : 0;
        source.mood.throttling = below(3) == 0 ? 0.3 : 0;
        sink.failing = below(5) == 0 ? 2 : 0;
        if (below(4) == 0)
            one->ring();
        if (below(10) == 0)
            source.crash_at = source.calls_made + below(9);
        try {
            run(milliseconds{below(2'000)});
        } catch (const crash&) {
            start_polling(how);
        }
        if (current() == looked)
            continue;
        looked = current();
        for (int key = 0; key < 40 && looked != 0; ++key) {
            const std::string name = fmt::format("k{}", key);
            const auto found = sink.rows.find(name);
            ASSERT_TRUE(source.history.had_since(name,
                                                 found == sink.rows.end()
                                                     ? std::optional<std::uint64_t>{}
                                                     : std::optional{found->second},
                                                 looked))
                << name;
        }
    }
    source.before_call = nullptr;
    source.mood = {};
    source.crash_at = 0;
    sink.failing = 0;
    pass(1ms);
    ASSERT_TRUE(catch_up());
    EXPECT_TRUE(is_in_step());
    EXPECT_TRUE(sink.strangers.empty());
}
INSTANTIATE_TEST_SUITE_P(seeds, poll_story, ::testing::Range<std::uint64_t>(1, 101));

} // namespace
} // namespace postern::sync
