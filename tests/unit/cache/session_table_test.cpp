// The table as its users see it: what a writer puts, a reader gets.
#include "tests/unit/cache/table_fixture.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

namespace postern::cache {
namespace {

using session_table = table_test;

TEST_F(session_table, a_route_comes_back_as_it_was_put) {
    make_table(100);
    auto w = writer();
    const auto r = reader();
    EXPECT_FALSE(r.look_up("acme-t1"));
    for (std::uint64_t n = 0; n < 100; ++n) {
        const std::string key = key_number(n);
        ASSERT_EQ(w.put(key, route_of(key, 1)), put_result::inserted) << key;
    }
    for (std::uint64_t n = 0; n < 100; ++n) {
        const std::string key = key_number(n);
        const auto found = r.look_up(key);
        ASSERT_TRUE(found) << key;
        EXPECT_EQ(difference(key, *found), "") << key;
        EXPECT_EQ(found->version, 1U);
        EXPECT_NE(found->activity.epoch, 0U);
    }
    EXPECT_FALSE(r.look_up("client-100"));
    EXPECT_EQ(w.live(), 100U);
    EXPECT_EQ(r.status().live, 100U);
    EXPECT_EQ(r.status().capacity, 100U);
}

TEST_F(session_table, keys_with_one_fingerprint_are_told_apart) {
    make_table(10);
    auto w = writer();
    const auto r = reader();
    std::map<std::uint32_t, std::string> seen; // of 32 bits: two meet among some 80 000
    std::string first, second;
    for (std::uint64_t n = 0; second.empty(); ++n) {
        const std::string key = "k" + std::to_string(n);
        const auto [at, fresh] =
            seen.emplace(static_cast<std::uint32_t>(r.hash_of(key) >> 32U), key);
        if (!fresh) {
            first = at->second;
            second = key;
        }
    }
    ASSERT_EQ(w.put(first, route_of(first, 1)), put_result::inserted);
    EXPECT_FALSE(r.look_up(second));
    ASSERT_EQ(w.put(second, route_of(second, 2)), put_result::inserted);
    for (const std::string& key : {first, second}) {
        const auto found = r.look_up(key);
        ASSERT_TRUE(found) << key;
        EXPECT_EQ(difference(key, *found), "") << key;
    }
    EXPECT_NE(r.look_up(first)->activity.line, r.look_up(second)->activity.line);
}

TEST_F(session_table, only_newer_versions_replace) {
    make_table(10);
    auto w = writer();
    const auto r = reader();
    EXPECT_EQ(w.put("k", route_of("k", 5)), put_result::inserted);
    const std::uint64_t changes = r.changes();
    EXPECT_EQ(w.put("k", route_of("k", 5)), put_result::unchanged);
    EXPECT_EQ(w.put("k", route_of("k", 4)), put_result::unchanged);
    EXPECT_EQ(r.changes(), changes) << "what changes nothing must wake nobody";
    EXPECT_EQ(r.look_up("k")->version, 5U);
    EXPECT_EQ(w.put("k", route_of("k", 6)), put_result::updated);
    EXPECT_EQ(r.look_up("k")->version, 6U);
    EXPECT_EQ(difference("k", *r.look_up("k")), "");
    EXPECT_GT(r.changes(), changes);
    EXPECT_EQ(w.live(), 1U);
}

TEST_F(session_table, what_is_older_than_a_removal_was_a_former_sessions) {
    make_table(10);
    auto w = writer();
    const auto r = reader();
    w.put("k", route_of("k", 5));
    const activity_ref first = r.look_up("k")->activity;
    r.add_activity(first, {.requests = 1});
    EXPECT_EQ(w.put("k", route_of("k", 6), 5), put_result::updated);
    EXPECT_EQ(r.look_up("k")->activity, first) << "removed before that was put";
    EXPECT_EQ(w.put("k", route_of("k", 6), 7), put_result::unchanged);
    EXPECT_EQ(r.look_up("k")->activity, first) << "an old change has nothing to say";
    EXPECT_EQ(w.put("k", route_of("k", 8), 7), put_result::updated);
    EXPECT_NE(r.look_up("k")->activity, first);
    EXPECT_EQ(difference("k", *r.look_up("k")), "");
    EXPECT_FALSE(r.activity_of(first));
    EXPECT_EQ(r.activity_of(r.look_up("k")->activity)->requests, 0U);
    EXPECT_EQ(w.live(), 1U);
}

TEST_F(session_table, remove_respects_versions) {
    make_table(10);
    auto w = writer();
    const auto r = reader();
    w.put("k", route_of("k", 5));
    EXPECT_FALSE(w.remove("k", 4)) << "an old removal must not take a newer route";
    EXPECT_TRUE(r.look_up("k"));
    EXPECT_TRUE(w.remove("k", 5));
    EXPECT_FALSE(r.look_up("k"));
    EXPECT_FALSE(w.remove("k", 5));
    EXPECT_EQ(w.live(), 0U);
    EXPECT_EQ(w.put("k", route_of("k", 1)), put_result::inserted);
}

TEST_F(session_table, keys_and_texts_at_their_bounds) {
    make_table(10);
    auto w = writer();
    const auto r = reader();
    const auto with_id = [](std::size_t bytes, std::string_view reason = {}) {
        route value;
        value.set_text(std::string(bytes, 'i'), reason);
        return value;
    };
    route value;
    EXPECT_EQ(w.put("", value), put_result::bad_key);
    EXPECT_EQ(w.put(std::string(256, 'k'), value), put_result::bad_key);
    EXPECT_EQ(w.put(std::string(255, 'k'), value), put_result::inserted);
    EXPECT_TRUE(r.look_up(std::string(255, 'k')));
    EXPECT_FALSE(r.look_up(""));
    EXPECT_FALSE(r.look_up(std::string(256, 'k')));
    EXPECT_FALSE(r.look_up(std::string(100'000, 'k')));
    EXPECT_EQ(r.total(counter::route_keys_refused), 2U);

    const std::string key(200, 'x');
    EXPECT_EQ(w.put(key, with_id(113)), put_result::bad_text);
    EXPECT_FALSE(r.look_up(key));
    EXPECT_EQ(r.total(counter::table_texts_refused), 1U);
    EXPECT_EQ(w.put(key, with_id(112, "no room for this")), put_result::inserted);
    EXPECT_EQ(r.look_up(key)->session_id(), std::string(112, 'i'));
    EXPECT_EQ(r.look_up(key)->reason(), "");
    // An id that is the key takes no room of its own.
    const std::string long_key(255, 'y');
    route same;
    same.set_text(long_key, std::string(65, 'r'));
    EXPECT_EQ(w.put(long_key, same), put_result::inserted);
    EXPECT_EQ(r.look_up(long_key)->session_id(), long_key);
    EXPECT_EQ(r.look_up(long_key)->reason(), std::string(57, 'r'));
    const std::string zeros("a\0b\0", 4);
    EXPECT_EQ(w.put(zeros, with_id(1)), put_result::inserted);
    EXPECT_TRUE(r.look_up(zeros));
    EXPECT_FALSE(r.look_up("a"));
}

TEST_F(session_table, a_long_reason_is_cut_between_characters) {
    make_table(10);
    auto w = writer();
    const std::string key(250, 'k');
    std::string euros;
    while (euros.size() < 320)
        euros += "\u20ac";
    route value;
    value.version = 1;
    value.set_text("id", euros);
    EXPECT_EQ(value.reason().size(), 318U);
    w.put(key, value);
    const auto found = reader().look_up(key);
    EXPECT_EQ(found->session_id(), "id");
    EXPECT_EQ(found->reason(), euros.substr(0, 60)) << "60 bytes are left: 20 characters of three";
}

TEST(route_text, may_be_set_from_its_own) {
    route r;
    r.set_text("short", "why it failed");
    r.set_text(r.session_id(), "another reason");
    EXPECT_EQ(r.session_id(), "short");
    EXPECT_EQ(r.reason(), "another reason");
    r.set_text("a much longer identity", r.reason());
    EXPECT_EQ(r.session_id(), "a much longer identity");
    EXPECT_EQ(r.reason(), "another reason");
    r.set_text("x", r.reason());
    EXPECT_EQ(r.reason(), "another reason");
}

TEST_F(session_table, full_refuses_the_new_and_leaves_the_rest) {
    constexpr std::uint64_t capacity = 50;
    make_table(capacity);
    auto w = writer();
    const auto r = reader();
    for (std::uint64_t n = 0; n < capacity; ++n)
        ASSERT_EQ(w.put(key_number(n), route_of(key_number(n), 1)), put_result::inserted);
    const std::uint64_t changes = r.changes();
    EXPECT_EQ(w.put("one more", route_of("one more", 1)), put_result::full);
    EXPECT_EQ(w.put("one more", route_of("one more", 1)), put_result::full);
    EXPECT_EQ(r.total(counter::table_full), 2U);
    EXPECT_EQ(r.changes(), changes);
    EXPECT_FALSE(r.look_up("one more"));
    for (std::uint64_t n = 0; n < capacity; ++n)
        ASSERT_EQ(w.put(key_number(n), route_of(key_number(n), 2)), put_result::updated)
            << "a full table still takes updates";
    EXPECT_TRUE(w.remove(key_number(7), 2));
    EXPECT_EQ(w.put("one more", route_of("one more", 1)), put_result::inserted);
    EXPECT_EQ(w.live(), capacity);
}

TEST_F(session_table, sweep_removes_what_was_not_marked) {
    make_table(100);
    auto w = writer();
    const auto r = reader();
    for (std::uint64_t n = 0; n < 90; ++n)
        w.put(key_number(n), route_of(key_number(n), 1));
    EXPECT_EQ(w.sweep(), 0U) << "a sweep that nothing began must not empty the table";
    w.begin_mark();
    for (std::uint64_t n = 0; n < 30; ++n)
        w.mark(key_number(n));
    for (std::uint64_t n = 30; n < 60; ++n) // unchanged and updated ones alike
        w.put(key_number(n), route_of(key_number(n), n % 2 + 1));
    w.put("new", route_of("new", 1));
    w.remove(key_number(0), 9);
    w.put(key_number(0), route_of(key_number(0), 9));
    EXPECT_EQ(w.sweep(), 30U);
    EXPECT_EQ(w.live(), 61U);
    for (std::uint64_t n = 0; n < 90; ++n)
        EXPECT_EQ(r.look_up(key_number(n)).has_value(), n < 60) << n;
    EXPECT_TRUE(r.look_up("new"));
    EXPECT_EQ(w.sweep(), 0U);
}

TEST_F(session_table, for_each_visits_every_route_once) {
    make_table(100);
    auto w = writer();
    std::set<std::string> expected;
    for (std::uint64_t n = 0; n < 80; ++n)
        expected.insert(key_number(n));
    for (const auto& key : expected)
        w.put(key, route_of(key, 3));
    std::set<std::string> seen;
    w.for_each([&](std::string_view key, const route& value) {
        EXPECT_EQ(difference(key, value), "");
        EXPECT_TRUE(seen.emplace(key).second) << key;
    });
    EXPECT_EQ(seen, expected);
}

TEST_F(session_table, a_new_writer_finds_everything) {
    make_table(200);
    {
        auto w = writer();
        for (std::uint64_t n = 0; n < 200; ++n)
            w.put(key_number(n), route_of(key_number(n), 1));
        for (std::uint64_t n = 0; n < 50; ++n)
            w.remove(key_number(n), 1);
        ASSERT_TRUE(w.set_checkpoint("shard-1:42"));
        w.beat(1234);
        w.set_synced_at(5678);
    }
    const auto r = reader();
    const std::uint64_t changes = r.changes();
    auto w = writer();
    EXPECT_GT(r.changes(), changes) << "the last writer may have died before it announced a change";
    EXPECT_EQ(w.live(), 150U);
    EXPECT_EQ(w.capacity(), 200U);
    EXPECT_EQ(w.checkpoint(), "shard-1:42");
    EXPECT_EQ(r.status().sync_heartbeat_ms, 1234);
    EXPECT_EQ(r.status().synced_at_ms, 5678);
    EXPECT_EQ(r.status().sync_pid, static_cast<std::uint32_t>(::getpid()));
    for (std::uint64_t n = 0; n < 200; ++n)
        EXPECT_EQ(r.look_up(key_number(n)).has_value(), n >= 50) << n;
    for (std::uint64_t n = 0; n < 50; ++n)
        EXPECT_EQ(w.put(key_number(n), route_of(key_number(n), 1)), put_result::inserted);
    EXPECT_EQ(w.put("one more", route_of("one more", 1)), put_result::full);
}

TEST_F(session_table, a_second_writer_is_refused) {
    make_table(10);
    auto first = std::make_unique<session_writer>(writer());
    const auto second = session_writer::open(path());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, error::writer_busy);
    first.reset();
    EXPECT_TRUE(session_writer::open(path()));
}

TEST_F(session_table, checkpoints_keep_the_last_text) {
    make_table(10);
    auto w = writer();
    EXPECT_EQ(w.checkpoint(), "");
    for (const std::size_t bytes : {0U, 1U, 7U, 8U, 9U, 1023U, 1024U, 3U}) {
        const std::string text(bytes, static_cast<char>('a' + bytes % 26));
        ASSERT_TRUE(w.set_checkpoint(text));
        EXPECT_EQ(w.checkpoint(), text);
    }
    const auto refused = w.set_checkpoint(std::string(1025, 'x'));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, boost::system::errc::no_buffer_space);
    EXPECT_EQ(w.checkpoint(), "ddd");
}

TEST_F(session_table, waiting_workers_are_seen_until_they_stop_waiting) {
    make_table(10);
    const auto w = writer();
    const std::vector<std::uint32_t> slots{0, 1, 63, 64, 100, 127};
    std::vector<session_reader> readers;
    for (const std::uint32_t slot : slots)
        readers.push_back(reader(slot));
    EXPECT_TRUE(w.waiting_workers().none());
    for (std::size_t i = 0; i < slots.size(); ++i) {
        readers[i].set_waiting(true);
        EXPECT_TRUE(w.waiting_workers().test(slots[i]));
        EXPECT_EQ(w.waiting_workers().count(), i + 1);
    }
    for (const auto& r : readers)
        r.set_waiting(false);
    EXPECT_TRUE(w.waiting_workers().none());
    reader(control_process_slot).set_waiting(true);
    EXPECT_TRUE(w.waiting_workers().none()) << "only workers are rung";
    EXPECT_FALSE(session_reader::open(path(), process_slots));
}

TEST_F(session_table, counters_add_up_over_processes) {
    make_table(10);
    auto w = writer();
    const auto a = reader(0);
    const auto b = reader(127);
    const auto c = reader(master_process_slot);
    a.count(counter::requests, 3);
    b.count(counter::requests);
    c.count(counter::requests, 10);
    w.count(counter::requests, 100);
    a.count(counter::bytes_in, 5);
    EXPECT_EQ(c.total(counter::requests), 114U);
    EXPECT_EQ(c.total(counter::bytes_in), 5U);
    EXPECT_EQ(c.total(counter::bytes_out), 0U);
}

} // namespace
} // namespace postern::cache
