#include "scripted_source.hpp"
#include "sync/feed/parallel_scan.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <set>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;

/// A scripted table that several threads may read, with a watch on how many do.
class shared_source final : public stream_source {
  public:
    scripted_source table{1};
    std::atomic<int> inside{0}, most_inside{0};
    std::atomic<int> pages{0};
    std::mutex mutex;
    std::condition_variable gate;
    bool is_shut = false;

    base::result<scan_page> scan(std::size_t segment, std::size_t segments, std::string_view from,
                                 std::size_t count_max) override {
        const int now = ++inside;
        for (int most = most_inside; now > most && !most_inside.compare_exchange_weak(most, now);) {
        }
        std::unique_lock lock{mutex};
        gate.wait(lock, [this] { return !is_shut; });
        auto page = table.scan(segment, segments, from, count_max);
        --inside;
        ++pages;
        return page;
    }
    base::result<stream_description> describe() override { return table.describe(); }
    base::result<stream_description> describe_children(std::string_view,
                                                       std::string_view) override {
        return table.describe();
    }
    base::result<std::string> iterator(std::string_view, std::string_view, iterator_at,
                                       std::string_view) override {
        return std::string{};
    }
    base::result<records_page> records(std::string_view, std::size_t) override {
        return records_page{};
    }
};

class parallel_scan_test : public ::testing::TestWithParam<std::size_t> {
  protected:
    shared_source source;
    feed_state state;
    base::system_clock time;
    const std::int64_t began_ms = base::to_epoch_ms(time.wall());
    scan_options how{.segments = 4, .threads = GetParam(), .page_rows = 7, .pages_ahead = 3};

    void SetUp() override {
        for (int i = 0; i < 500; ++i)
            source.table.put("row" + std::to_string(i));
    }
    /// All rows, or why not.
    base::result<std::multiset<std::string>> read(parallel_scan& scan) {
        std::multiset<std::string> keys;
        while (!scan.is_at_end()) {
            auto page = scan.next();
            if (!page)
                return page.error();
            if (!*page)
                std::this_thread::yield();
            else
                for (const row_change& one : **page) {
                    keys.insert(one.key);
                    // When its page was asked for: not before the scan, not after its coming.
                    EXPECT_GE(one.read_from_ms, began_ms);
                    EXPECT_LE(one.read_from_ms, base::to_epoch_ms(time.wall()));
                }
        }
        return keys;
    }
};

TEST_P(parallel_scan_test, reads_every_row_once) {
    parallel_scan scan{source, how, time, state, 1};
    const auto keys = read(scan);
    ASSERT_TRUE(keys);
    EXPECT_EQ(keys->size(), 500U);
    EXPECT_EQ((std::set<std::string>{keys->begin(), keys->end()}).size(), 500U);
    EXPECT_EQ(state.rows_scanned.load(), 500U);
    EXPECT_FALSE(*scan.next());
}

TEST_P(parallel_scan_test, tries_a_page_again) {
    source.table.next_errors["scan"] = {store_error::unavailable, store_error::unavailable,
                                        store_error::unavailable};
    parallel_scan scan{source, how, time, state, 1};
    const auto keys = read(scan);
    ASSERT_TRUE(keys);
    EXPECT_EQ(keys->size(), 500U);
}

TEST_P(parallel_scan_test, is_over_when_a_page_fails_for_good) {
    how.tries_max = 1;
    how.segments = 1;
    source.table.next_errors["scan"] = {store_error::unavailable};
    parallel_scan scan{source, how, time, state, 1};
    const auto keys = read(scan);
    ASSERT_FALSE(keys);
    EXPECT_EQ(keys.error().code, store_error::unavailable);
    EXPECT_FALSE(scan.is_at_end());
    EXPECT_FALSE(scan.next()) << "and stays so";
}

TEST_P(parallel_scan_test, an_empty_table_has_an_end) {
    source.table.table.clear();
    parallel_scan scan{source, how, time, state, 1};
    const auto keys = read(scan);
    ASSERT_TRUE(keys);
    EXPECT_TRUE(keys->empty());
}

INSTANTIATE_TEST_SUITE_P(threads, parallel_scan_test, ::testing::Values(0, 1, 4));

TEST(parallel_scan_threads, read_together_and_not_further_than_the_bound) {
    shared_source source;
    for (int i = 0; i < 500; ++i)
        source.table.put("row" + std::to_string(i));
    source.is_shut = true;
    feed_state state;
    const base::system_clock time;
    {
        parallel_scan scan{source,
                           {.segments = 4, .threads = 4, .page_rows = 5, .pages_ahead = 6},
                           time,
                           state,
                           1};
        while (source.inside < 4)
            std::this_thread::yield();
        {
            const std::lock_guard lock{source.mutex};
            source.is_shut = false;
        }
        source.gate.notify_all();
        while (source.pages < 6)
            std::this_thread::yield();
        while (scan.next_at() != base::steady_time{}) // it is full
            std::this_thread::yield();
        EXPECT_EQ(source.pages, 6);
        (void)scan.next();
        while (source.pages < 7)
            std::this_thread::yield();
        EXPECT_LE(source.pages, 7);
    } // it ends with pages unread and threads waiting
    EXPECT_EQ(source.most_inside, 4);
}

} // namespace
} // namespace postern::sync
