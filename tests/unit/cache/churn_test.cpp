// A full table whose sessions come and go a million times: look-ups stay short and nothing leaks.
#include "cache/inspect.hpp"
#include "cache/table_view.hpp"
#include "tests/unit/cache/table_fixture.hpp"

#include <ctime>
#include <deque>
#include <random>
#include <set>

namespace postern::cache {
namespace {

TEST_F(table_test, a_million_sessions_come_and_go_at_full_load) {
    constexpr std::uint64_t capacity = 5000;
    constexpr std::uint64_t births = under_tsan || under_asan ? 100'000 : 1'000'000;
    make_table(capacity);
    std::deque<std::uint64_t> living;
    {
        auto w = writer();
        std::mt19937_64 random{3};
        for (std::uint64_t n = 0; n < births; ++n) {
            if (w.live() == capacity) {
                std::swap(living.front(), living[random() % living.size()]);
                ASSERT_TRUE(w.remove(std::to_string(living.front()), 1));
                living.pop_front();
            }
            route value;
            value.version = 1;
            ASSERT_EQ(w.put(std::to_string(n), value), put_result::inserted) << n;
            living.push_back(n);
        }
        ASSERT_EQ(w.put("one more", route{}), put_result::full);
    }
    const auto report = check_table(path());
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->good()) << report->problems.front();
    EXPECT_EQ(report->leftovers, 0U) << "no count has drifted";
    EXPECT_EQ(report->live, capacity);
    EXPECT_LE(report->probes_mean, 1.6);
    EXPECT_LE(report->probes_max, 48U) << "far from the bound of " << probe_buckets_max;
    RecordProperty("probes_mean", std::to_string(report->probes_mean));
    const auto r = reader();
    for (const std::uint64_t n : living)
        ASSERT_TRUE(r.look_up(std::to_string(n))) << n;
    EXPECT_FALSE(r.look_up("1000001"));
    auto w = writer();
    w.begin_mark();
    EXPECT_EQ(w.sweep(), capacity);
}

TEST_F(table_test, keys_made_to_collide_elsewhere_do_not_collide_here) {
    // Keys that share a home bucket in one table are found by trying; in another table they are
    // spread.
    constexpr std::uint64_t capacity = 2000;
    make_table(capacity);
    ASSERT_TRUE(prepare(path("other"), capacity));
    const auto here = reader();
    const auto there = session_reader::open(path("other"), 0);
    ASSERT_TRUE(there);
    const std::uint64_t buckets = geometry_of(capacity).bucket_count;
    std::set<std::uint64_t> homes_there;
    std::uint64_t colliding = 0;
    for (std::uint64_t n = 0; colliding < 200; ++n) {
        const std::string key = std::to_string(n);
        if (home_of(fingerprint_of(here.hash_of(key)), buckets) != 0)
            continue;
        ++colliding;
        homes_there.insert(home_of(fingerprint_of(there->hash_of(key)), buckets));
    }
    EXPECT_GT(homes_there.size(), 120U);
}

TEST_F(table_test, of_a_hundred_thousand_sessions_starts_warm_at_once) {
    constexpr std::uint64_t capacity = under_tsan || under_asan ? 10'000 : 100'000;
    make_table(capacity);
    route value;
    {
        auto w = writer();
        for (std::uint64_t n = 0; n < capacity; ++n)
            ASSERT_EQ(w.put(std::to_string(n), value), put_result::inserted);
    }
    // Of the processor: a disk that is busy with others' writes is no work of this process.
    const std::clock_t began = std::clock();
    auto w = writer();
    const std::clock_t took = std::clock() - began;
    EXPECT_EQ(w.live(), capacity);
    // Generous, for an unoptimised build; bench/table measures it.
    EXPECT_LT(took, 2 * CLOCKS_PER_SEC);
    // Every table in use has to fit: 512 bytes a session, all in, and 320 with keys of usual
    // length.
    EXPECT_LE(geometry_of(1'000'000).file_bytes, 512'000'000U);
    EXPECT_LE(geometry_of(1'000'000).bytes_with_texts(250'000), 320'000'000U);
}

} // namespace
} // namespace postern::cache
