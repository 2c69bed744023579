// `table check` and `table dump`: what they count, what they say of damage, and that they change
// nothing.
#include "cache/inspect.hpp"
#include "cache/segment_map.hpp"
#include "tests/unit/cache/table_fixture.hpp"

#include <gmock/gmock.h>

#include <map>
#include <thread>

namespace postern::cache {
namespace {

class inspected : public table_test {
  protected:
    void SetUp() override {
        make_table(50);
        auto w = writer();
        for (std::uint64_t n = 0; n < 40; ++n)
            w.put(key_number(n), route_of(key_number(n), 1));
        ASSERT_TRUE(w.set_checkpoint("here"));
        w.beat(111);
        w.set_synced_at(222);
        const auto r = reader();
        r.add_activity(r.look_up(key_number(3))->activity, {.last_seen_ms = 9, .requests = 4});
        place_ = r.look_up(key_number(3))->activity.line;
    }
    [[nodiscard]] std::unique_ptr<segment> mapped() const {
        return std::move(segment::map(path(), segment::role::reader).value());
    }
    [[nodiscard]] table_report report() const { return check_table(path()).value(); }

    std::uint64_t place_ = 0; // of key number 3
};

TEST_F(inspected, a_sound_table_is_counted) {
    const std::string before = bytes_of(path());
    const table_report found = report();
    EXPECT_TRUE(found.good());
    EXPECT_EQ(found.capacity, 50U);
    EXPECT_EQ(found.live, 40U);
    EXPECT_EQ(found.slots_bad, 0U);
    EXPECT_EQ(found.leftovers, 0U);
    EXPECT_EQ(found.file_bytes, before.size());
    EXPECT_EQ(found.checkpoint_bytes, 4U);
    EXPECT_EQ(found.sync_heartbeat_ms, 111);
    EXPECT_EQ(found.synced_at_ms, 222);
    EXPECT_GT(found.created_at_ms, 1'500'000'000'000);
    EXPECT_FALSE(found.writer_at_work);
    EXPECT_GE(found.probes_max, 1U);
    std::map<std::string, std::uint64_t> dumped;
    ASSERT_TRUE(dump_table(path(), [&](auto key, const route& value, const activity& counted) {
        EXPECT_EQ(difference(key, value), "");
        EXPECT_TRUE(dumped.emplace(key, counted.requests).second);
    }));
    EXPECT_EQ(dumped.size(), 40U);
    EXPECT_EQ(dumped.at(key_number(3)), 4U);
    EXPECT_EQ(dumped.at(key_number(4)), 0U);
    EXPECT_EQ(bytes_of(path()), before);
}

TEST_F(inspected, each_kind_of_damage_is_named) {
    const auto map = mapped();
    const table_view& table = map->view();
    const auto says = [&](const char* words, auto&& damage) {
        const std::string good = bytes_of(path());
        damage();
        const table_report found = report();
        // Undone through the mapping: the file must stay the same one.
        good.copy(reinterpret_cast<char*>(table.header), good.size());
        ASSERT_FALSE(found.good()) << words;
        EXPECT_THAT(found.problems, ::testing::Contains(::testing::HasSubstr(words)));
    };
    std::uint64_t& entry = table.entry_at(place_);
    slot& used = table.slots[slot_of(entry)];
    std::uint64_t free_place = 0;
    while (table.entry_at(free_place) != 0)
        ++free_place;
    says("points to slot", [&] { entry |= 0xffffff00; });
    says("is damaged", [&] { used.version ^= 4; });
    says("holds another key", [&] { entry ^= std::uint64_t{1} << 32; });
    says("twice", [&] { table.entry_at(free_place) = entry; });
    says("another session's", [&] { table.lines[place_].epoch ^= 1; });
    says("checkpoint", [&] {
        for (checkpoint_copy& copy : table.header->checkpoints) {
            copy.generation = 7;
            copy.text[0] ^= 1;
        }
    });
    says("header is damaged", [&] { table.header->created_at_ms ^= 1; });
    says("another version", [&] { table.header->format ^= 1; });
    says("not a session table", [&] { table.header->magic ^= 1; });
    EXPECT_TRUE(report().good());
}

TEST_F(inspected, traces_of_a_dead_writer_are_no_problem) {
    {
        const auto map = mapped();
        map->view().buckets[1].overflow += 1;
        map->view().header->live += 1;
    }
    EXPECT_TRUE(report().good());
    EXPECT_EQ(report().leftovers, 2U);
    { const auto next = writer(); }
    EXPECT_EQ(report().leftovers, 0U);
}

TEST_F(inspected, a_count_that_hides_keys_is_a_problem_until_the_next_writer) {
    // Of several full tables, each under a hash key of its own, some have a bucket that sent keys
    // on.
    std::uint64_t hidden = 0;
    for (int file = 0; hidden == 0 && file < 100; ++file) {
        std::filesystem::remove(path());
        make_table(50);
        auto w = writer();
        for (std::uint64_t n = 0; n < 50; ++n)
            w.put(key_number(n), route_of(key_number(n), 1));
        const auto map = mapped();
        for (std::uint64_t b = 0; b < map->view().shape.bucket_count; ++b)
            hidden += std::exchange(map->view().buckets[b].overflow, 0);
    }
    ASSERT_GT(hidden, 0U);
    EXPECT_FALSE(report().good());
    { const auto next = writer(); }
    EXPECT_TRUE(report().good());
    const auto r = reader();
    for (std::uint64_t n = 0; n < 50; ++n)
        EXPECT_TRUE(r.look_up(key_number(n))) << n;
}

TEST_F(inspected, files_that_are_no_tables) {
    EXPECT_FALSE(check_table(path("missing")));
    EXPECT_FALSE(dump_table(path("missing"), [](auto, auto&, auto&) {}));
    set_bytes(path("foreign"), std::string(100'000, 'x'));
    const auto foreign = check_table(path("foreign"));
    ASSERT_TRUE(foreign);
    EXPECT_FALSE(foreign->good());
    EXPECT_FALSE(foreign->is_table);
    EXPECT_TRUE(report().is_table);
    EXPECT_EQ(foreign->capacity, 0U);
    EXPECT_FALSE(dump_table(path("foreign"), [](auto, auto&, auto&) {}));
    std::filesystem::create_directory(path("directory"));
    EXPECT_EQ(check_table(path("directory")).error().code, error::not_a_file);
}

TEST_F(inspected, a_table_at_work_shows_no_false_problems) {
    std::atomic<bool> stop = false;
    std::thread busy{[&] {
        auto w = writer();
        for (std::uint64_t version = 2; !stop; ++version) {
            const std::string key = key_number(version % 50);
            if (version % 3 == 0)
                w.remove(key, version);
            else
                w.put(key, route_of(key, version));
        }
    }};
    while (!report().writer_at_work)
        std::this_thread::yield();
    for (int look = 0; look < 100; ++look) {
        const table_report found = report();
        ASSERT_TRUE(found.good()) << found.problems.front();
        ASSERT_TRUE(found.writer_at_work);
        ASSERT_TRUE(dump_table(path(), [](auto key, const route& value, const activity&) {
            EXPECT_EQ(difference(key, value), "");
        }));
    }
    stop = true;
    busy.join();
    EXPECT_TRUE(report().good());
    EXPECT_EQ(report().leftovers, 0U);
}

} // namespace
} // namespace postern::cache
