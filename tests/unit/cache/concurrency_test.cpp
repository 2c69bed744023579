// Readers beside a writer in one mapping, so that a thread sanitizer sees both sides; each value
// carries its own proof.
#include "base/doorbell.hpp"
#include "cache/activity_lines.hpp"
#include "cache/look_up.hpp"
#include "cache/segment_map.hpp"
#include "cache/table_writer.hpp"
#include "tests/unit/cache/table_fixture.hpp"

#include <array>
#include <atomic>
#include <poll.h>
#include <thread>
#include <vector>

namespace postern::cache {
namespace {

using concurrency = table_test;

constexpr std::uint64_t lasting_keys = 24; // always there, ever newer
constexpr std::uint64_t fleeting_keys = 24;
constexpr std::uint64_t writes = under_tsan ? 60'000 : 200'000;

struct reader_outcome {
    std::uint64_t looks = 0;
    std::uint64_t found = 0;
    std::string wrong;
};

constexpr std::uint64_t found_min = 100;

/// Looks keys up until told to stop, and has found some by then, however late it came to run; stops
/// by itself at the first thing that cannot be. `begun` counts who looks.
reader_outcome read_until(const table_view& table, const std::atomic<bool>& stop,
                          std::atomic<unsigned>& begun, std::uint64_t seed) {
    reader_outcome outcome;
    ++begun;
    std::array<std::uint64_t, lasting_keys> newest{};
    route value;
    const auto goes_on = [&] {
        return (!stop.load(std::memory_order_relaxed) || outcome.found <= found_min) &&
               outcome.wrong.empty();
    };
    for (std::uint64_t n = seed; goes_on(); n = n * 6364136223846793005 + 1442695040888963407) {
        const std::uint64_t number = (n >> 33) % (lasting_keys + fleeting_keys);
        const std::string key = key_number(number);
        const look_up_result result = look_up(table, key, sip_hash(table.key, key), value);
        ++outcome.looks;
        if (result.bad_slots != 0)
            outcome.wrong = key + " read as damaged";
        if (!result.found) {
            if (number < lasting_keys)
                outcome.wrong = key + " was not found";
            continue;
        }
        ++outcome.found;
        if (const std::string torn = difference(key, value); !torn.empty())
            outcome.wrong = key + " is torn: " + torn;
        if (number >= lasting_keys)
            continue;
        if (value.version < newest[number])
            outcome.wrong = key + " went back in time";
        newest[number] = value.version;
        add_activity(table, value.activity, {.last_seen_ms = 1, .requests = 1});
    }
    return outcome;
}

TEST_F(concurrency, readers_see_whole_routes_that_only_get_newer) {
    make_table(64);
    const auto mapped = segment::map(path(), segment::role::writer);
    ASSERT_TRUE(mapped);
    const table_view& table = (*mapped)->view();
    table_writer w{table, (*mapped)->file()};
    for (std::uint64_t n = 0; n < lasting_keys; ++n)
        w.put(key_number(n), route_of(key_number(n), 1));

    std::atomic<bool> stop = false;
    std::atomic<unsigned> begun = 0;
    std::array<reader_outcome, 3> outcomes;
    std::vector<std::thread> readers;
    for (std::size_t i = 0; i < outcomes.size(); ++i)
        readers.emplace_back([&, i] { outcomes[i] = read_until(table, stop, begun, i + 1); });
    while (begun < outcomes.size())
        std::this_thread::yield();
    std::uint64_t random = 42;
    for (std::uint64_t version = 2; version < writes; ++version) {
        random = random * 6364136223846793005 + 1442695040888963407;
        const std::uint64_t number = (random >> 33) % (lasting_keys + fleeting_keys);
        const std::string key = key_number(number);
        if (number >= lasting_keys && (random >> 20) % 2 == 0)
            w.remove(key, version);
        else
            w.put(key, route_of(key, version));
    }
    stop = true;
    for (auto& reader : readers)
        reader.join();
    for (const auto& outcome : outcomes) {
        EXPECT_EQ(outcome.wrong, "");
        EXPECT_GT(outcome.found, found_min);
    }
}

TEST_F(concurrency, no_wake_up_is_lost) {
    make_table(8);
    const auto r = reader(5);
    auto w = writer();
    const auto bell = base::doorbell::make();
    ASSERT_TRUE(bell);
    constexpr std::uint64_t rounds = under_tsan ? 5'000 : 40'000;
    std::atomic<std::uint64_t> seen = 0;
    std::atomic<bool> timed_out = false;
    std::thread worker{[&] {
        for (std::uint64_t version = 1; version <= rounds && !timed_out; ++version) {
            const auto there = [&] {
                const auto value = r.look_up("k");
                return value && value->version >= version;
            };
            while (!there()) {
                r.set_waiting(true);
                if (there())
                    break;
                pollfd rung{bell->fd(), POLLIN, 0};
                if (::poll(&rung, 1, 20'000) == 0) {
                    timed_out = true;
                    break;
                }
                bell->silence();
            }
            r.set_waiting(false);
            seen = version;
        }
    }};
    for (std::uint64_t version = 1; version <= rounds && !timed_out; ++version) {
        w.put("k", route_of("k", version));
        if (w.waiting_workers().test(5))
            bell->ring();
        while (version % 8 == 0 && seen < version && !timed_out)
            std::this_thread::yield();
    }
    worker.join();
    EXPECT_FALSE(timed_out) << "asleep with its route there, after " << seen;
}

/// A published slot and ways to disturb it by hand.
class slot_reading : public table_test {
  protected:
    void SetUp() override {
        make_table(4);
        auto mapped = segment::map(path(), segment::role::writer);
        ASSERT_TRUE(mapped);
        mapped_ = std::move(*mapped);
        writer_.emplace(mapped_->view(), mapped_->file());
        writer_->put("k", route_of("k", 1));
        route found;
        ASSERT_TRUE(look_up(mapped_->view(), "k", sip_hash(mapped_->view().key, "k"), found).found);
        entry_ = &mapped_->view().entry_at(found.activity.line);
    }
    [[nodiscard]] const table_view& table() const { return mapped_->view(); }

    std::unique_ptr<segment> mapped_;
    std::optional<table_writer> writer_;
    std::uint64_t* entry_ = nullptr;
    slot_image image_;
};

TEST_F(slot_reading, an_entry_from_before_an_update_has_moved) {
    const std::uint64_t before = *entry_;
    EXPECT_EQ(read_slot(table(), *entry_, before, image_), slot_read::good);
    writer_->put("k", route_of("k", 2));
    EXPECT_EQ(read_slot(table(), *entry_, before, image_), slot_read::moved);
    EXPECT_EQ(read_slot(table(), *entry_, *entry_, image_), slot_read::good);
    EXPECT_EQ(image_.version(), 2U);
}

TEST_F(slot_reading, a_filled_slot_that_is_not_published_is_not_read) {
    // Until the old slot is filled again, for the same key, and only then look at the old entry.
    const std::uint64_t before = *entry_;
    std::uint64_t version = 2;
    do
        writer_->put("k", route_of("k", version++));
    while (slot_of(*entry_) != slot_of(before) && version < 2 * spare_slots_min);
    EXPECT_EQ(version, 2 + spare_slots_min + 4) << "first out, last in";
    EXPECT_EQ(*entry_, before) << "the same entry, filled twice";
    EXPECT_EQ(read_slot(table(), *entry_, before, image_), slot_read::good);
    EXPECT_EQ(image_.version(), version - 1) << "what is published now, not what it was then";
}

TEST_F(slot_reading, nothing_of_another_session_stays_behind_the_text) {
    writer_->put("a much longer key than the next one", route_of("a", 1));
    route value;
    value.version = 2;
    value.set_text("k", "four");
    writer_->put("k", value);
    ASSERT_EQ(read_slot(table(), *entry_, *entry_, image_), slot_read::good);
    const std::string_view word{reinterpret_cast<const char*>(image_.words + slot_fixed_words), 8};
    EXPECT_EQ(word, (std::string_view{"kfour\0\0\0", 8}));
}

TEST_F(slot_reading, damage_in_a_published_slot_is_told_from_movement) {
    slot& published = table().slots[slot_of(*entry_)];
    const slot whole = published;
    const auto read_after = [&](auto&& disturb) {
        disturb();
        const slot_read outcome = read_slot(table(), *entry_, *entry_, image_);
        published = whole;
        return outcome;
    };
    EXPECT_EQ(read_after([&] { published.seal |= 1; }), slot_read::bad);
    EXPECT_EQ(read_after([&] { published.seal ^= std::uint64_t{1} << 40; }), slot_read::bad);
    EXPECT_EQ(read_after([&] { published.version ^= 1; }), slot_read::bad);
    EXPECT_EQ(read_after([&] { published.text[0] ^= 1; }), slot_read::bad);
    EXPECT_EQ(read_after([&] { published.shape |= std::uint64_t{0xffff} << 32; }), slot_read::bad);
    EXPECT_EQ(read_after([&] { published.shape = 0; }), slot_read::bad);
    const std::uint64_t entry = *entry_;
    *entry_ = entry | 0xfffffff0;
    EXPECT_EQ(read_slot(table(), *entry_, *entry_, image_), slot_read::bad);
    EXPECT_EQ(read_slot(table(), *entry_, entry, image_), slot_read::moved);
    *entry_ = entry;
    // A whole slot in another slot's place: a page that was written to the wrong block.
    const std::uint64_t other = slot_of(entry) + 1;
    table().slots[other] = whole;
    *entry_ = entry + 1;
    EXPECT_EQ(read_slot(table(), *entry_, *entry_, image_), slot_read::bad);
}

TEST_F(slot_reading, damage_reads_as_absent_is_counted_and_mended_by_the_next_put) {
    table().slots[slot_of(*entry_)].version ^= 1;
    const auto r = reader();
    EXPECT_FALSE(r.look_up("k"));
    EXPECT_EQ(r.total(counter::table_slots_bad), 1U);
    EXPECT_EQ(writer_->put("k", route_of("k", 1)), put_result::inserted);
    EXPECT_EQ(writer_->live(), 1U);
    EXPECT_EQ(difference("k", *r.look_up("k")), "");
    EXPECT_EQ(r.total(counter::table_slots_bad), 2U);
}

} // namespace
} // namespace postern::cache
