// What a new writer makes of a table that was not left in order.
#include "cache/inspect.hpp"
#include "cache/segment_map.hpp"
#include "cache/table_writer.hpp"
#include "tests/unit/cache/table_fixture.hpp"

#include <vector>

namespace postern::cache {
namespace {

class repaired_table : public table_test {
  protected:
    void SetUp() override {
        make_table(50);
        auto w = writer();
        for (std::uint64_t n = 0; n < 40; ++n)
            w.put(key_number(n), route_of(key_number(n), 1));
        ASSERT_TRUE(w.set_checkpoint("here"));
    }
    [[nodiscard]] std::unique_ptr<segment> mapped() const {
        return std::move(segment::map(path(), segment::role::reader).value());
    }
    [[nodiscard]] std::uint64_t place_of(const std::string& key) const {
        return reader().look_up(key)->activity.line;
    }
    [[nodiscard]] repair_report repaired() const {
        const auto map = segment::map(path(), segment::role::writer);
        return table_writer{(*map)->view(), (*map)->file()}.repaired();
    }
};

TEST_F(repaired_table, an_orderly_one_is_left_as_it_is) {
    const repair_report report = repaired();
    EXPECT_EQ(report.live, 40U);
    EXPECT_EQ(report.entries_dropped, 0U);
    EXPECT_EQ(report.overflows_corrected, 0U);
    EXPECT_EQ(writer().checkpoint(), "here");
}

TEST_F(repaired_table, a_checkpoint_from_before_the_host_was_started_is_forgotten) {
    mapped()->view().header->boot_id[1] ^= 1;
    EXPECT_EQ(writer().checkpoint(), "") << "what it stands for may not have reached the disk";
    EXPECT_EQ(writer().live(), 40U) << "routes prove themselves";
    {
        auto w = writer();
        ASSERT_TRUE(w.set_checkpoint("after"));
    }
    EXPECT_EQ(writer().checkpoint(), "after");
}

TEST_F(repaired_table, entries_that_cannot_be_are_dropped_and_the_checkpoint_with_them) {
    const auto map = mapped();
    const std::uint64_t nowhere = place_of(key_number(5));
    map->view().entry_at(nowhere) |= 0xffffff00;
    const repair_report report = repaired();
    EXPECT_EQ(report.live, 39U);
    EXPECT_EQ(report.entries_dropped, 1U);
    EXPECT_EQ(map->view().entry_at(nowhere), 0U);
    EXPECT_EQ(writer().checkpoint(), "") << "a route is missing that it says is there";
    EXPECT_TRUE(check_table(path())->good());
}

TEST_F(repaired_table, a_slot_that_two_entries_claim_is_nobodys) {
    const auto map = mapped();
    const std::uint64_t first = place_of(key_number(5));
    const std::uint64_t second = place_of(key_number(6));
    map->view().entry_at(second) = (map->view().entry_at(second) & 0xffffffff00000000) |
                                   (map->view().entry_at(first) & 0xffffffff);
    const repair_report report = repaired();
    EXPECT_EQ(report.live, 38U);
    EXPECT_EQ(report.entries_dropped, 2U);
    EXPECT_TRUE(check_table(path())->good());
    auto w = writer();
    EXPECT_EQ(w.put(key_number(5), route_of(key_number(5), 1)), put_result::inserted);
    EXPECT_EQ(w.put(key_number(6), route_of(key_number(6), 1)), put_result::inserted);
}

TEST_F(repaired_table, an_entry_far_from_home_is_dropped) {
    constexpr std::uint64_t capacity = 20'000; // many more buckets than a look-up may read
    ASSERT_TRUE(prepare(path("large"), capacity));
    const auto map = segment::map(path("large"), segment::role::writer);
    const table_view& table = (*map)->view();
    {
        table_writer w{table, (*map)->file()};
        w.put("k", route_of("k", 1));
    }
    const std::uint64_t home =
        home_of(fingerprint_of(sip_hash(table.key, "k")), table.shape.bucket_count);
    std::uint64_t& at_home = table.entry_at(home * bucket_entries);
    const std::uint64_t far = (home + probe_buckets_max) % table.shape.bucket_count;
    table.entry_at(far * bucket_entries) = std::exchange(at_home, 0);
    const table_writer next{table, (*map)->file()};
    EXPECT_EQ(next.repaired().entries_dropped, 1U);
    EXPECT_EQ(next.live(), 0U);
}

} // namespace
} // namespace postern::cache
