// A table that is damaged while it is in use: what the writer's round puts right by itself, what it
// takes out, how soon, and that it leaves a sound one alone.
#include "cache/index_repair.hpp"
#include "cache/inspect.hpp"
#include "cache/segment_map.hpp"
#include "tests/unit/cache/table_fixture.hpp"

#include <chrono>
#include <csignal>
#include <functional>
#include <random>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace postern::cache {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr std::uint64_t keys = 40;

class patrolled : public table_test {
  protected:
    void SetUp() override { fill(50); }

    void fill(std::uint64_t capacity) {
        make_table(capacity);
        writer_.emplace(writer());
        for (std::uint64_t n = 0; n < keys; ++n)
            ASSERT_EQ(writer_->put(key_number(n), route_of(key_number(n), 1)),
                      put_result::inserted);
        ASSERT_TRUE(writer_->set_checkpoint("here"));
        writer_->set_synced_at(7);
        reader_.emplace(reader());
        mapped_ = std::move(segment::map(path(), segment::role::reader).value());
        EXPECT_FALSE(step(0ms).any());
    }
    mended step(std::chrono::milliseconds passed) {
        now_ += passed;
        const auto found = writer_->patrol(now_);
        EXPECT_TRUE(found) << found.error().text();
        return found ? *found : mended{};
    }
    [[nodiscard]] const table_view& table() const { return mapped_->view(); }
    [[nodiscard]] std::uint64_t present() const {
        std::uint64_t found = 0;
        for (std::uint64_t n = 0; n < keys; ++n)
            if (const auto value = reader_->look_up(key_number(n))) {
                EXPECT_EQ(difference(key_number(n), *value), "");
                ++found;
            }
        return found;
    }
    void scribble(std::uint64_t from, std::uint64_t bytes) {
        auto* const words = reinterpret_cast<std::uint64_t*>(table().header) + from / 8;
        for (std::uint64_t i = 0; i < bytes / 8; ++i)
            words[i] = random_();
    }
    void put_all(std::uint64_t version) {
        for (std::uint64_t n = 0; n < keys; ++n)
            writer_->put(key_number(n), route_of(key_number(n), version));
    }
    void expect_sound() {
        { const auto gone = std::move(*writer_); }
        writer_.reset();
        const auto report = check_table(path());
        ASSERT_TRUE(report) << report.error().text();
        EXPECT_TRUE(report->good()) << report->problems.front();
        EXPECT_EQ(report->leftovers, 0U);
        EXPECT_EQ(report->live, keys);
    }

    std::optional<session_writer> writer_;
    std::optional<session_reader> reader_;
    std::unique_ptr<segment> mapped_;
    std::mt19937_64 random_{1};
    base::steady_time now_{1h};
};

TEST_F(patrolled, a_sound_table_is_left_alone) {
    const auto r = *reader_->look_up(key_number(3));
    for (int i = 0; i < 100; ++i) {
        reader_->add_activity(r.activity, {.last_seen_ms = i, .requests = 1});
        reader_->set_waiting(i % 2 == 0);
        writer_->put(key_number(i % keys), route_of(key_number(i % keys), 2 + i));
        writer_->beat(i);
        writer_->set_synced_at(i);
        writer_->remove(key_number(5), 1000);
        ASSERT_TRUE(writer_->set_checkpoint(std::to_string(i)));
        const mended found = step(250ms);
        ASSERT_EQ(found.words + found.routes, 0U) << i;
    }
    put_all(200);
    EXPECT_EQ(reader_->total(counter::table_damages), 0U);
    expect_sound();
}

TEST_F(patrolled, a_table_of_another_writer_is_taken_over_as_it_is) {
    { const auto gone = std::move(*writer_); }
    writer_.emplace(writer());
    step(0ms);
    EXPECT_FALSE(step(1s).any());
    EXPECT_EQ(writer_->checkpoint(), "here");
    EXPECT_EQ(reader_->status().synced_at_ms, 7);
}

struct part {
    const char* name;
    std::function<std::uint64_t(const geometry&)> from, to;
};
class put_right : public patrolled, public ::testing::WithParamInterface<part> {};

TEST_P(put_right, without_the_store_and_at_once) {
    const auto before = reader_->status();
    const std::uint64_t text_groups = table().header->text_groups;
    EXPECT_GT(text_groups, 0U);
    const route r = *reader_->look_up(key_number(3));
    const std::uint64_t from = GetParam().from(table().shape);
    scribble(from, GetParam().to(table().shape) - from);
    const mended found = step(100ms);
    EXPECT_GT(found.words, 0U);
    EXPECT_EQ(found.routes, 0U);
    EXPECT_EQ(present(), keys);
    EXPECT_EQ(writer_->checkpoint(), "here") << "nothing is missing";
    EXPECT_EQ(reader_->status().synced_at_ms, 7);
    EXPECT_EQ(reader_->status().live, before.live);
    EXPECT_EQ(reader_->status().sync_pid, before.sync_pid);
    EXPECT_EQ(table().header->text_groups, text_groups);
    EXPECT_EQ(reader_->total(counter::table_damages), 1U);
    reader_->add_activity(r.activity, {.requests = 2});
    const auto counted = reader_->activity_of(r.activity);
    ASSERT_TRUE(counted) << "references from before stay good";
    EXPECT_EQ(counted->requests, 2U);
    EXPECT_TRUE(session_reader::open(path(), 1));
    EXPECT_FALSE(step(1s).any());
    expect_sound();
}

INSTANTIATE_TEST_SUITE_P(
    parts, put_right,
    ::testing::Values(part{"fixed_header", [](const geometry&) { return 0; },
                           [](const geometry&) { return offsetof(file_header, changes); }},
                      part{"rest_of_the_header",
                           [](const geometry&) { return offsetof(file_header, live); },
                           [](const geometry&) { return page_bytes; }},
                      part{"index", [](const geometry& g) { return g.index_offset; },
                           [](const geometry& g) { return g.slots_offset; }},
                      part{"activity", [](const geometry& g) { return g.activity_offset; },
                           [](const geometry& g) { return g.texts_offset; }}),
    [](const auto& kind) { return kind.param.name; });

TEST_F(patrolled, routes_of_damaged_slots_are_taken_out_and_the_table_is_no_longer_complete) {
    scribble(table().shape.slots_offset, 10 * sizeof(slot));
    const mended found = step(100ms);
    EXPECT_EQ(found.routes, 10U);
    EXPECT_EQ(present(), keys - 10);
    EXPECT_EQ(writer_->live(), keys - 10);
    EXPECT_EQ(writer_->checkpoint(), "");
    EXPECT_EQ(reader_->status().synced_at_ms, 0);
    EXPECT_FALSE(step(1s).any()) << "found once";
    put_all(2);
    EXPECT_EQ(present(), keys);
    expect_sound();
}

TEST_F(patrolled, a_whole_slot_of_another_key_is_noticed) {
    const auto slot_now = [&](const std::string& key) {
        return slot_of(table().entry_at(reader_->look_up(key)->activity.line));
    };
    const std::uint32_t number = slot_now(key_number(5));
    const slot other = table().slots[number];
    ASSERT_TRUE(writer_->remove(key_number(5), 1));
    std::uint64_t version = 0;
    do // until the slots have gone round
        writer_->put("new", route_of("new", ++version));
    while (slot_now("new") != number && version < 3000);
    ASSERT_EQ(slot_now("new"), number);
    EXPECT_FALSE(step(100ms).any());
    table().slots[number] = other; // an older page has come back
    EXPECT_EQ(step(100ms).routes, 1U);
}

TEST_F(patrolled, all_of_it_at_random) {
    for (int round = 0; round < 200; ++round) {
        SCOPED_TRACE(round);
        const std::uint64_t page = random_() % (table().shape.file_bytes / page_bytes);
        scribble(page * page_bytes, page_bytes);
        // Used between damage and the next step, too.
        static_cast<void>(present());
        writer_->put(key_number(round % keys), route_of(key_number(round % keys), 1000 + round));
        writer_->remove(key_number((round + 1) % keys), 5000);
        writer_->begin_mark();
        writer_->sweep();
        step(100ms);
        put_all(2000 + round);
        ASSERT_EQ(present(), keys);
        ASSERT_FALSE(step(1s).any());
    }
    expect_sound();
}

TEST_F(patrolled, what_readers_meet_brings_a_look_at_everything) {
    ASSERT_TRUE(fs::remove(path()));
    fill(200'000); // many seconds for the round over the routes
    const std::uint64_t place = reader_->look_up(key_number(39))->activity.line;
    const std::uint64_t number = slot_of(table().entry_at(place));
    table().slots[number].version ^= 1;
    EXPECT_EQ(present(), keys - 1);
    EXPECT_EQ(step(100ms).routes, 1U);
    EXPECT_EQ(present(), keys - 1);
}

TEST_F(patrolled, the_round_has_its_pace) {
    struct {
        std::uint64_t capacity;
        bool in_index;
        std::chrono::milliseconds after, within;
    } const cases[] = {
        {15'000, true, 0ms, 200ms},
        {200'000, true, 600ms, 1'100ms},
        {30'000, false, 0ms, 1'000ms},
        {100'000, false, 2'000ms, 3'000ms},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.capacity);
        ASSERT_TRUE(fs::remove(path()));
        fill(c.capacity);
        const geometry& g = table().shape;
        std::uint64_t place = g.places() - 1;
        while (!c.in_index && table().entry_at(place) == 0)
            --place;
        if (c.in_index)
            table().entry_at(place) ^= 1;
        else
            table().slots[slot_of(table().entry_at(place))].version ^= 1;
        std::chrono::milliseconds took{0};
        while (took < 100s) {
            took += 100ms;
            if (step(100ms).any())
                break;
        }
        EXPECT_GE(took, c.after);
        EXPECT_LE(took, c.within);
    }
}

TEST_F(patrolled, the_round_goes_on_at_the_beginning) {
    ASSERT_TRUE(fs::remove(path()));
    fill(200'000);
    EXPECT_FALSE(step(900ms).any()); // not yet all of it
    table().buckets[100].overflow ^= 1;
    EXPECT_TRUE(step(100ms).any()) << "the rest, and of the next round as much as is due";
}

TEST_F(patrolled, steps_close_together_do_nothing) {
    scribble(table().shape.index_offset, 64);
    EXPECT_FALSE(step(99ms).any());
    EXPECT_TRUE(step(1ms).any());
}

TEST_F(patrolled, a_file_cut_short_gets_its_size_back) {
    for (const std::uint64_t left : {table().shape.file_bytes - 1, table().shape.slots_offset,
                                     page_bytes, std::uint64_t{1}, std::uint64_t{0}}) {
        SCOPED_TRACE(left);
        fs::resize_file(path(), left);
        step(100ms);
        EXPECT_EQ(fs::file_size(path()), table().shape.file_bytes);
        put_all(2 + left);
        EXPECT_EQ(present(), keys) << "the same readers, not opened again";
        EXPECT_TRUE(session_reader::open(path(), 1));
    }
    expect_sound();
}

TEST_F(patrolled, a_file_cut_short_has_disk_again_for_the_texts_it_had) {
    constexpr std::uint64_t sessions = 6'000; // their texts take more than the first MiB
    writer_.reset();
    fs::remove(path());
    fill(sessions);
    const auto key = [](std::uint64_t n) { return std::to_string(n) + std::string(190, 'k'); };
    for (std::uint64_t n = keys; n < sessions; ++n)
        ASSERT_EQ(writer_->put(key(n), {}), put_result::inserted);
    const auto disk = [&] {
        struct stat status = {};
        EXPECT_EQ(::stat(path().c_str(), &status), 0);
        return status.st_blocks;
    };
    const auto before = disk();
    fs::resize_file(path(), table().shape.texts_offset);
    EXPECT_LT(disk(), before);
    EXPECT_GE(step(100ms).routes, sessions - keys);
    EXPECT_GE(disk(), before);
}

TEST_F(patrolled, a_file_made_longer_is_cut_to_its_size) {
    fs::resize_file(path(), table().shape.file_bytes + 1);
    step(100ms);
    EXPECT_EQ(fs::file_size(path()), table().shape.file_bytes);
    EXPECT_EQ(present(), keys);
}

TEST_F(patrolled, a_file_that_is_no_longer_at_its_path_is_given_up) {
    ASSERT_TRUE(prepare(path("other"), 50));
    const auto expect_replaced = [&] {
        now_ += 100ms;
        const auto found = writer_->patrol(now_);
        ASSERT_FALSE(found);
        EXPECT_EQ(found.error().code, error::replaced);
    };
    fs::rename(path(), path("away"));
    expect_replaced();
    fs::rename(path("other"), path());
    expect_replaced();
    const pid_t child = ::fork();
    if (child == 0) {
        ::signal(SIGBUS, SIG_DFL);
        while (present() == keys) {
        }
        ::_exit(1);
    }
    EXPECT_TRUE(writer_->give_up());
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status)) << "who had it mapped has found out";
    EXPECT_TRUE(session_reader::open(path(), 1));
}

TEST_F(patrolled, a_lost_table_is_replaced_and_the_old_one_cut_to_nothing) {
    { const auto gone = std::move(*writer_); }
    writer_.reset();
    EXPECT_EQ(*replace_lost(path(), 50), prepared::opened) << "it was not lost";
    EXPECT_EQ(present(), keys);
    scribble(0, page_bytes);
    EXPECT_EQ(*replace_lost(path(), 50), prepared::rebuilt);
    EXPECT_EQ(fs::file_size(path() + ".bad"), 0U);
    EXPECT_EQ(writer().live(), 0U);
    ASSERT_TRUE(fs::remove(path()));
    EXPECT_EQ(*replace_lost(path(), 50), prepared::created);
}

TEST_F(patrolled, entries_lost_while_no_writer_was_there_are_missed_by_the_next) {
    { const auto gone = std::move(*writer_); }
    table().entry_at(reader_->look_up(key_number(5))->activity.line) = 0;
    EXPECT_EQ(writer().checkpoint(), "here") << "a writer may have died in between";
    table().header->live = keys;
    table().entry_at(reader_->look_up(key_number(6))->activity.line) = 0;
    EXPECT_EQ(writer().checkpoint(), "");
    EXPECT_EQ(reader_->status().synced_at_ms, 0);
}

} // namespace
} // namespace postern::cache
