#include "cache/table_view.hpp"
#include "cache/text_room.hpp"
#include "tests/unit/cache/table_fixture.hpp"

#include <map>
#include <random>
#include <sys/stat.h>

namespace postern::cache {
namespace {

constexpr std::uint64_t many = ~std::uint64_t{0};

TEST(text_room, runs_are_aligned_and_fill_groups_up) {
    text_room room{geometry_of(10)};
    EXPECT_EQ(room.take(0, 1, many), 0U);
    EXPECT_EQ(room.take(1, 2, many), 2U);
    EXPECT_EQ(room.take(2, 1, many), 1U);
    EXPECT_EQ(room.take(3, 4, many), 4U);
    EXPECT_EQ(room.groups(), 2U);
    room.give_back(0);
    room.give_back(0); // has none any more
    EXPECT_EQ(room.take(4, 2, many), 8U) << "one free line is not two";
    room.give_back(2);
    EXPECT_EQ(room.take(5, 2, many), 0U) << "two of them are";
    EXPECT_EQ(room.take(6, 2, many), 10U);
    EXPECT_EQ(room.groups(), 3U);
}

TEST(text_room, takes_no_more_groups_than_it_may) {
    text_room room{geometry_of(10)};
    EXPECT_EQ(room.take(0, 4, 1), 0U);
    EXPECT_EQ(room.take(1, 1, 1), std::nullopt);
    EXPECT_EQ(room.take(1, 1, 2), 4U);
    EXPECT_EQ(room.take(2, 2, 2), 6U);
}

TEST(text_room, what_cannot_be_claimed_is_nobodys) {
    text_room room{geometry_of(10)};
    room.claim(0, 4, 4);
    room.claim(1, 6, 2); // somebody else's
    room.claim(2, 9, 2); // not where two begin
    room.claim(3, static_cast<std::uint32_t>(geometry_of(10).text_lines()), 1); // out of range
    EXPECT_EQ(room.groups(), 2U);
    for (const std::uint32_t slot : {1, 2, 3})
        room.give_back(slot);
    EXPECT_EQ(room.take(4, 4, many), 0U);
    EXPECT_EQ(room.take(5, 4, many), 8U) << "the second group is slot 0's still";
    room.give_back(0);
    EXPECT_EQ(room.take(6, 4, many), 4U);
}

TEST(text_room, no_line_has_two_owners_and_no_slot_lacks_any) {
    for (unsigned seed = 0; seed < 20; ++seed) {
        std::mt19937 dice{seed};
        const geometry shape = geometry_of(1);
        text_room room{shape};
        std::map<std::uint32_t, std::pair<std::uint32_t, std::uint32_t>> runs;
        std::vector<int> owner(shape.text_lines(), -1);
        const auto release = [&](auto at) {
            for (std::uint32_t i = 0; i < at->second.second; ++i)
                owner[at->second.first + i] = -1;
            room.give_back(at->first);
            return runs.erase(at);
        };
        for (int step = 0; step < 20'000; ++step) {
            const auto slot = static_cast<std::uint32_t>(dice() % shape.slot_count);
            if (const auto at = runs.find(slot); at != runs.end()) {
                release(at);
                continue;
            }
            const std::uint32_t lines = 1U << dice() % 3;
            const auto first = room.take(slot, lines, many);
            ASSERT_TRUE(first) << "seed " << seed << " step " << step;
            ASSERT_EQ(*first % lines, 0U);
            for (std::uint32_t i = 0; i < lines; ++i) {
                ASSERT_EQ(owner[*first + i], -1) << "seed " << seed << " step " << step;
                owner[*first + i] = static_cast<int>(slot);
            }
            runs[slot] = {*first, lines};
        }
        // A new writer that claims what is there goes on in the same way.
        text_room next{shape};
        for (const auto& [slot, run] : runs)
            next.claim(slot, run.first, run.second);
        ASSERT_LE(next.groups(), room.groups());
        for (std::uint32_t slot = 0; slot < shape.slot_count; ++slot) {
            if (runs.count(slot) != 0)
                continue;
            const auto first = next.take(slot, 4, many);
            ASSERT_TRUE(first) << "seed " << seed;
            for (std::uint32_t i = 0; i < 4; ++i)
                ASSERT_EQ(std::exchange(owner[*first + i], static_cast<int>(slot)), -1);
        }
        for (auto at = runs.begin(); at != runs.end();)
            at = release(at);
    }
}

using table_with_texts = table_test;

std::string long_key(std::uint64_t n) {
    return std::to_string(n) + std::string(190, 'k');
}

std::uint64_t disk_bytes(const std::string& path) {
    struct stat status = {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

TEST_F(table_with_texts, the_file_takes_disk_for_what_is_in_it) {
    constexpr std::uint64_t capacity = 20'000;
    make_table(capacity);
    const geometry shape = geometry_of(capacity);
    EXPECT_LT(disk_bytes(path()), shape.bytes_with_texts(0) + 64 * 1024);
    auto w = writer();
    for (std::uint64_t n = 0; n < capacity / 2; ++n)
        ASSERT_EQ(w.put(std::to_string(n), {}), put_result::inserted);
    EXPECT_LT(disk_bytes(path()), shape.bytes_with_texts(0) + 64 * 1024);
    for (std::uint64_t n = capacity / 2; n < capacity; ++n)
        ASSERT_EQ(w.put(long_key(n), route_of(long_key(n), 1)), put_result::inserted);
    EXPECT_GE(disk_bytes(path()), shape.bytes_with_texts(capacity / 2));
    EXPECT_LT(disk_bytes(path()), shape.bytes_with_texts(capacity / 2) + text_step_bytes * 3 / 2);
    const auto r = reader();
    for (std::uint64_t n = capacity / 2; n < capacity; ++n)
        ASSERT_EQ(difference(long_key(n), *r.look_up(long_key(n))), "");
}

TEST_F(table_with_texts, a_new_writer_leaves_them_where_they_are) {
    make_table(6'000);
    for (int writers = 0; writers < 3; ++writers) {
        auto w = writer();
        for (std::uint64_t n = 0; n < 2'000; ++n) {
            const std::string key = long_key(n + 2'000U * static_cast<unsigned>(writers));
            ASSERT_EQ(w.put(key, route_of(key, 1)), put_result::inserted);
        }
    }
    const auto r = reader();
    for (std::uint64_t n = 0; n < 6'000; ++n)
        ASSERT_EQ(difference(long_key(n), *r.look_up(long_key(n))), "");
    EXPECT_EQ(r.total(counter::table_slots_bad), 0U);
}

} // namespace
} // namespace postern::cache
