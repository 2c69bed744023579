#include "tests/unit/sync/replica_rig.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

namespace postern::sync {
namespace {

TEST_F(replica_test, is_a_store_once_all_rows_were_read) {
    prepare();
    auto into = rows();
    const row_change one = is_now(session_of("s1"));
    ASSERT_TRUE(into->put({&one, 1}, ""));
    EXPECT_EQ(open_store().error().code, store_error::loading);
    ASSERT_TRUE(into->sweep([](std::string_view) { return true; }, "p1"));
    auto opened = open_store();
    ASSERT_TRUE(opened) << opened.error().text();
    const auto found = (*opened)->find_by_route_key("acme-s1");
    ASSERT_TRUE(found) << found.error().text();
    session expected = session_of("s1");
    expected.route_key = "acme-s1";
    expected.version = found->version;
    EXPECT_EQ(*found, expected);
    EXPECT_EQ(*into->position(), "p1");
    EXPECT_EQ(*into->count(), 1U);
}

TEST_F(replica_test, says_what_keeps_it_from_being_loaded) {
    options.name = "table t";
    const auto said = [&] { return open_store().error().what; };
    EXPECT_FALSE(note_trouble(options, 0, "redis is away"));
    EXPECT_EQ(open_store().error().code, store_error::loading);
    EXPECT_EQ(said(), "the replica of table t is yet to be made");
    prepare();
    EXPECT_EQ(said(), "the first snapshot of table t is being read");
    ASSERT_TRUE(note_trouble(options, 0, "redis is away"));
    EXPECT_EQ(said(), "the first snapshot of table t is still to be read: redis is away");
    ASSERT_TRUE(note_trouble(options, 1, "the stream is off"));
    ASSERT_TRUE(note_trouble(options, 2, "this host cannot feed it: redis is away"));
    EXPECT_EQ(said(), "the first snapshot of table t is still to be read: redis is away; the "
                      "stream is off");
    ASSERT_TRUE(note_trouble(options, 0, ""));
    EXPECT_EQ(said(), "the first snapshot of table t is still to be read: the stream is off; this "
                      "host cannot feed it: redis is away");
    prepare(); // the next process
    EXPECT_EQ(said(), "the first snapshot of table t is being read");
    ASSERT_TRUE(note_trouble(options, 0, "redis is away"));
    load({is_now(session_of("s1"))});
    EXPECT_TRUE(open_store());
}

TEST_F(replica_test, is_made_also_while_somebody_has_it_locked_for_a_moment) {
    options.name = "table t";
    prepare();
    // As whoever closes it as the last one, which makes an end of its log.
    auto last = std::make_unique<foreign_program>(options.path);
    last->run("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT");
    std::jthread ends{[&] {
        std::this_thread::sleep_for(20ms);
        last.reset();
    }};
    EXPECT_EQ(open_store().error().what, "the first snapshot of table t is being read");
}

TEST_F(replica_test, is_found_whole_or_not_at_all) {
    for (int i = 0; i < 50; ++i) {
        options.path = directory.file(std::to_string(i));
        std::atomic<bool> is_over{false};
        std::vector<std::string> told;
        std::jthread control{[&] {
            while (!is_over)
                if (const auto opened = open_store();
                    !opened && opened.error().code != store_error::loading)
                    told.push_back(opened.error().text());
        }};
        std::jthread other{[this] { EXPECT_TRUE(prepare_replica(options, [](const auto&) {})); }};
        prepare();
        other.join();
        is_over = true;
        control.join();
        ASSERT_THAT(told, testing::IsEmpty());
    }
}

TEST_F(replica_test, needs_containers_before_it_is_a_store) {
    options.has_containers = true;
    load({is_now(session_of("s1"), 0, "c1")});
    EXPECT_FALSE(open_store());
    ASSERT_TRUE(containers()->sweep([](std::string_view) { return true; }, "c"));
    EXPECT_TRUE(open_store());
}

TEST_F(replica_test, changes_of_rows_are_changes_of_the_store) {
    load({is_now(session_of("s1")), is_now(session_of("s2"))});
    auto opened = open_store();
    ASSERT_TRUE(opened);
    const std::string from = *(*opened)->feed_position();
    auto into = rows();

    session changed = session_of("s1");
    changed.status = session_status::draining;
    const std::vector<row_change> changes{is_now(changed), is_now(session_of("s2")), is_gone("s9")};
    ASSERT_TRUE(into->put(changes, "p2"));
    const auto batch = (*opened)->changes_after(from, 100);
    ASSERT_TRUE(batch);
    ASSERT_EQ(batch->changes.size(), 1U) << "what stands already is no change";
    EXPECT_EQ(batch->changes[0].session_id, "s1");
    EXPECT_EQ(batch->changes[0].current->record.status, session_status::draining);

    const row_change gone = is_gone("s1");
    ASSERT_TRUE(into->put({&gone, 1}, "p3"));
    const auto next = (*opened)->changes_after(batch->checkpoint, 100);
    ASSERT_TRUE(next);
    ASSERT_EQ(next->changes.size(), 1U);
    EXPECT_FALSE(next->changes[0].current);
    EXPECT_EQ(next->changes[0].route_key, "acme-s1");
    EXPECT_EQ(*into->position(), "p3");
}

TEST_F(replica_test, one_that_was_made_anew_between_two_readings_was_removed) {
    load({is_now(session_of("s1")), is_now(session_of("s2"))});
    auto opened = open_store();
    const std::string from = *(*opened)->feed_position();
    std::vector<row_change> changes{is_now(session_of("s1")), is_now(session_of("s2"))};
    std::get<session_row>(*changes[0].now).read.record.created_at_ms += 1000;
    std::get<session_row>(*changes[1].now).read.record.created_at_ms += 999;
    ASSERT_TRUE(rows()->put(changes, "p2"));
    const auto batch = (*opened)->changes_after(from, 100);
    ASSERT_TRUE(batch);
    std::multiset<std::string> removed;
    for (const change& one : batch->changes) {
        ASSERT_TRUE(one.current);
        if (!one.route_key.empty())
            removed.insert(one.session_id + " of " + one.route_key);
    }
    EXPECT_EQ(removed, std::multiset<std::string>{"s1 of acme-s1"});
    EXPECT_EQ((*opened)->get("s1")->created_at_ms, session_of("s1").created_at_ms + 1000);
}

TEST_F(replica_test, activity_of_others_is_no_change_and_nothing_is_written_here) {
    load({is_now(session_of("s1"))});
    auto opened = open_store();
    const std::string from = *(*opened)->feed_position();
    session used = session_of("s1");
    used.last_activity_at_ms += 60'000;
    used.request_count = 7;
    const row_change one = is_now(used);
    ASSERT_TRUE(rows()->put({&one, 1}, "p2"));
    EXPECT_TRUE((*opened)->changes_after(from, 10)->changes.empty());
    EXPECT_EQ((*opened)->get("s1")->request_count, 7U);
    EXPECT_EQ((*opened)->add_activity({{"s1", 1, 1, 1, 1}}).error().code, store_error::invalid);
    EXPECT_EQ((*opened)->insert(session_of("s3")).error().code, store_error::invalid);
}

TEST_F(replica_test, a_sweep_removes_what_was_not_seen) {
    load({is_now(session_of("s1")), is_now(session_of("s2")), is_now(session_of("s3"))});
    const auto removed = rows()->sweep([](std::string_view key) { return key == "s2"; }, "p2");
    ASSERT_TRUE(removed);
    EXPECT_EQ(*removed, 2U);
    EXPECT_EQ(status_of("s1"), "none");
    EXPECT_EQ(status_of("s2"), "active");
}

TEST_F(replica_test, what_cannot_be_used_is_said_and_not_kept) {
    load({is_now(session_of("s1"))});
    row_change broken = is_now(session_of("s1"));
    std::get<session_row>(*broken.now).read.defect = "its status is \"?\"";
    ASSERT_TRUE(rows()->put({&broken, 1}, "p2"));
    EXPECT_EQ(status_of("s1"), "none");
    ASSERT_EQ(defects.size(), 1U);
    EXPECT_EQ(defects[0], "s1: its status is \"?\"");
}

TEST_F(replica_test, two_items_with_one_session_id_are_told_apart) {
    prepare();
    row_change first = is_now(session_of("s1")), second = is_now(session_of("s1"));
    first.key = "SESSION#s1 USER#a";
    second.key = "SESSION#s1 USER#b";
    auto into = rows();
    ASSERT_TRUE(into->put(std::vector{first, second}, "p1"));
    ASSERT_EQ(defects.size(), 1U);
    EXPECT_EQ(defects[0],
              "SESSION#s1 USER#b: its session id is that of the item SESSION#s1 USER#a as well");
    const row_change gone = is_gone("SESSION#s1 USER#b");
    ASSERT_TRUE(into->put({&gone, 1}, "p2"));
    EXPECT_EQ(status_of("s1"), "active");
}

TEST_F(replica_test, an_item_that_becomes_another_session_leaves_none_behind) {
    prepare();
    row_change one = is_now(session_of("s1"));
    one.key = "k";
    auto into = rows();
    ASSERT_TRUE(into->put({&one, 1}, ""));
    one = is_now(session_of("s2"));
    one.key = "k";
    ASSERT_TRUE(into->put({&one, 1}, ""));
    EXPECT_EQ(status_of("s1"), "none");
    EXPECT_EQ(status_of("s2"), "active");
}

TEST_F(replica_test, sessions_have_their_containers_target_whichever_comes_first) {
    options.has_containers = true;
    prepare();
    auto sessions = rows(), boxes = containers();
    const auto box = [](const char* address) {
        return row_change{"c1", container_row{"c1", *base::ip_endpoint::parse(address), {}}, 0};
    };
    const auto target = [&](const std::string& id) {
        auto opened = open_sqlite_store({options.path});
        const auto found = (*opened)->get(id);
        return found->target.address.is_none() ? "none" : found->target.text();
    };
    const row_change s1 = is_now(session_of("s1"), 0, "c1"), s2 = is_now(session_of("s2"), 0, "c1");
    ASSERT_TRUE(sessions->put({&s1, 1}, "s"));
    EXPECT_EQ(target("s1"), "none");
    row_change c1 = box("10.0.0.7:4321");
    ASSERT_TRUE(boxes->put({&c1, 1}, "c"));
    EXPECT_EQ(target("s1"), "10.0.0.7:4321");
    ASSERT_TRUE(sessions->put({&s2, 1}, "s"));
    EXPECT_EQ(target("s2"), "10.0.0.7:4321");
    c1 = box("10.0.0.8:4321");
    ASSERT_TRUE(boxes->put({&c1, 1}, "c"));
    EXPECT_EQ(target("s1"), "10.0.0.8:4321");
    const row_change gone = is_gone("c1");
    ASSERT_TRUE(boxes->put({&gone, 1}, "c"));
    EXPECT_EQ(target("s2"), "none");
}

TEST_F(replica_test, an_older_image_does_not_undo_what_this_host_wrote) {
    load({is_now(session_of("s1"), 5)});
    session written = session_of("s1");
    written.status = session_status::draining;
    ASSERT_TRUE(wrote("s1", {{written, {}}, {}}, 7));
    EXPECT_EQ(*writer()->version_of("s1"), 7U);
    auto into = rows();
    const row_change older = is_now(session_of("s1"), 6);
    ASSERT_TRUE(into->put({&older, 1}, "p2"));
    EXPECT_EQ(status_of("s1"), "draining");
    session newer = session_of("s1");
    newer.status = session_status::inactive;
    const row_change caught_up = is_now(newer, 8);
    ASSERT_TRUE(into->put({&caught_up, 1}, "p3"));
    EXPECT_EQ(status_of("s1"), "inactive");
    ASSERT_TRUE(into->put({&older, 1}, "p4")) << "a replay is a replay";
    EXPECT_EQ(status_of("s1"), "active");
}

TEST_F(replica_test, an_older_image_does_not_bring_back_what_this_host_removed) {
    load({is_now(session_of("s1"), 5)});
    ASSERT_TRUE(removed("s1", 5));
    auto into = rows();
    const std::vector<row_change> replay{is_now(session_of("s1"), 5), is_gone("s1", 5)};
    ASSERT_TRUE(into->put({replay.data(), 1}, "p2"));
    EXPECT_EQ(status_of("s1"), "none");
    ASSERT_TRUE(into->put({replay.data() + 1, 1}, "p3"));
    const row_change anew = is_now(session_of("s1"), 9);
    ASSERT_TRUE(into->put({&anew, 1}, "p4"));
    EXPECT_EQ(status_of("s1"), "active");
}

TEST_F(replica_test, a_removal_of_long_ago_does_not_take_what_this_host_made_anew) {
    load({});
    ASSERT_TRUE(wrote("s1", {{session_of("s1"), {}}, {}}, 20));
    const row_change former = is_gone("s1", 10);
    ASSERT_TRUE(rows()->put({&former, 1}, "p2"));
    EXPECT_EQ(status_of("s1"), "active");
    const auto swept = rows()->sweep([](std::string_view) { return false; }, "p3");
    ASSERT_TRUE(swept);
    EXPECT_EQ(*swept, 0U) << "it is too new to be in every page";
    clock.advance(11min);
    EXPECT_EQ(*rows()->sweep([](std::string_view) { return false; }, "p4"), 1U);
}

TEST_F(replica_test, a_sweep_knows_when_its_pages_were_read) {
    load({});
    ASSERT_TRUE(wrote("s1", {{session_of("s1"), {}}, {}}, 20));
    const auto swept_as_of = [&](std::int64_t as_of_ms) {
        const auto into = rows();
        into->scan_begins(as_of_ms);
        return *into->sweep([](std::string_view) { return false; }, "p2");
    };
    const std::int64_t written_ms = base::to_epoch_ms(clock.wall());
    EXPECT_EQ(swept_as_of(written_ms), 0U);
    EXPECT_EQ(swept_as_of(written_ms + 1), 1U) << "someone else has removed it since";
}

TEST_F(replica_test, what_others_did_after_a_write_whose_answer_comes_late_stands) {
    session mine = session_of("s1"), theirs = session_of("s1");
    mine.status = session_status::draining;
    theirs.status = session_status::failed;
    struct late_case {
        const char* what;
        std::vector<row_change> meanwhile; // by the feed
        std::uint64_t version;             // of the write; 0: a removal of 7
        const char* expected;
    };
    const late_case cases[] = {
        {"nothing", {}, 7, "draining"},
        {"the write itself", {is_now(mine, 7)}, 7, "draining"},
        {"an older image", {is_now(session_of("s1", "old"), 6)}, 7, "draining"},
        {"the write, and it was removed", {is_now(mine, 7), is_gone("s1", 7)}, 7, "none"},
        {"a newer one without a version", {is_now(mine, 7), is_now(theirs)}, 7, "failed"},
        {"a newer one that kept the version", {is_now(mine, 7), is_now(theirs, 7)}, 7, "failed"},
        {"a newer one", {is_now(theirs, 8)}, 7, "failed"},
        {"the removal", {is_gone("s1", 7)}, 0, "none"},
        {"the removal, and it was made anew", {is_gone("s1", 7), is_now(theirs)}, 0, "failed"},
        {"an image of before the removal", {is_now(theirs, 7)}, 0, "none"},
    };
    for (const late_case& one : cases) {
        const auto before = is_now(session_of("s1"), 5);
        load({before});
        auto into = rows();
        ASSERT_TRUE(into->put({&before, 1}, "p2"));
        auto by = writer();
        const std::uint64_t since = by->mark().value();
        ASSERT_TRUE(into->put(one.meanwhile, "p3"));
        ASSERT_TRUE(one.version == 0 ? by->removed("s1", 7, since)
                                     : by->wrote("s1", {{mine, {}}, {}}, one.version, since));
        EXPECT_EQ(status_of("s1"), one.expected) << one.what;
        for (const char* suffix : {"", "-wal", "-shm"})
            std::filesystem::remove(options.path + suffix);
    }
}

TEST_F(replica_test, what_a_feed_brought_already_is_not_set_back_by_the_writer) {
    load({is_now(session_of("s1"), 9)});
    session older = session_of("s1");
    older.status = session_status::draining;
    ASSERT_TRUE(wrote("s1", {{older, {}}, {}}, 8));
    ASSERT_TRUE(removed("s1", 8));
    EXPECT_EQ(status_of("s1"), "active");
}

row_change read_at(row_change change, const base::clock& clock) {
    change.read_from_ms = base::to_epoch_ms(clock.wall());
    return change;
}

TEST_F(replica_test, what_was_found_stands_once_there_is_a_store) {
    prepare();
    const auto early = found("s1", {{session_of("s1"), {}}, {}}, 5);
    ASSERT_FALSE(early);
    EXPECT_EQ(early.error().code, store_error::unavailable) << "its first snapshot is to come";
    load({});
    auto opened = open_store();
    const std::string from = *(*opened)->feed_position();
    ASSERT_TRUE(found("s1", {{session_of("s1"), {}}, {}}, 5));
    EXPECT_EQ(status_of("s1"), "active");
    EXPECT_EQ((*opened)->changes_after(from, 10)->changes.size(), 1U);
    ASSERT_TRUE(found("s1", {{session_of("s1"), {}}, {}}, 5));
    EXPECT_EQ((*opened)->changes_after(from, 10)->changes.size(), 1U) << "nothing new";
}

TEST_F(replica_test, an_older_image_does_not_undo_what_was_found) {
    session starting = session_of("s1");
    starting.status = session_status::initializing;
    for (const std::uint64_t version : {std::uint64_t{0}, std::uint64_t{7}}) {
        SCOPED_TRACE(version);
        options.path = directory.file("replica" + std::to_string(version));
        load({});
        const row_change page = read_at(is_now(starting, version == 0 ? 0 : 6), clock);
        ASSERT_TRUE(found("s1", {{session_of("s1"), {}}, {}}, version));
        auto into = rows();
        ASSERT_TRUE(into->put({&page, 1}, ""));
        EXPECT_EQ(status_of("s1"), "active") << "the page was read before";
        clock.advance(1ms);
        const row_change later = read_at(is_now(starting, version == 0 ? 0 : 8), clock);
        ASSERT_TRUE(into->put({&later, 1}, ""));
        EXPECT_EQ(status_of("s1"), "initializing") << "a page that was read afterwards counts";
    }
    options.path = directory.file("replica of a stream");
    load({});
    ASSERT_TRUE(found("s1", {{session_of("s1"), {}}, {}}, 0));
    const row_change record = is_now(starting);
    ASSERT_TRUE(rows()->put({&record, 1}, "p2"));
    EXPECT_EQ(status_of("s1"), "initializing") << "records of a stream come in their order";
}

TEST_F(replica_test, what_this_host_wrote_meanwhile_is_not_undone_by_what_was_found) {
    load({is_now(session_of("s1"), 3)});
    session older = session_of("s1");
    older.status = session_status::draining;
    ASSERT_TRUE(wrote("s1", {{session_of("s1"), {}}, {}}, 9));
    ASSERT_TRUE(found("s1", {{older, {}}, {}}, 8));
    EXPECT_EQ(status_of("s1"), "active");
    ASSERT_TRUE(removed("s1", 9));
    ASSERT_TRUE(found("s1", {{older, {}}, {}}, 9));
    EXPECT_EQ(status_of("s1"), "none");
}

TEST_F(replica_test, a_snapshot_that_began_before_does_not_sweep_what_was_found) {
    load({});
    auto into = rows();
    const auto keeps_none = [](std::string_view) { return false; };
    ASSERT_TRUE(into->sweep(keeps_none, "p2"));
    clock.advance(10s);
    into->scan_begins(base::to_epoch_ms(clock.wall()));
    ASSERT_TRUE(found("s1", {{session_of("s1"), {}}, {}}, 0));
    clock.advance(10s);
    EXPECT_EQ(*into->sweep(keeps_none, "p3"), 0U);
    clock.advance(10s);
    into->scan_begins(base::to_epoch_ms(clock.wall()));
    EXPECT_EQ(*into->sweep(keeps_none, "p4"), 1U) << "this one would have seen it";
    EXPECT_EQ(status_of("s1"), "none");
}

TEST_F(replica_test, a_container_is_found_with_its_session) {
    options.has_containers = true;
    load({});
    auto boxes = containers();
    const auto keeps_none = [](std::string_view) { return false; };
    ASSERT_TRUE(boxes->sweep(keeps_none, "c1"));
    const auto target_of = [&](const std::string& id) {
        const auto found = (*open_store())->get(id);
        return found && !found->target.address.is_none() ? found->target.text() : "none";
    };
    const auto box = [&](const char* target) {
        container_row row{"c1", {}, {}};
        if (const auto at = base::ip_endpoint::parse(target))
            row.target = *at;
        return row_change{"c1", row, 0};
    };
    clock.advance(1s);
    boxes->scan_begins(base::to_epoch_ms(clock.wall()));
    const row_change page = read_at(box("-"), clock);
    ASSERT_TRUE(found("s1", {{session_of("s1"), {}}, "c1"}, 0));
    EXPECT_EQ(target_of("s1"), "10.0.0.1:4321");
    ASSERT_TRUE(boxes->put({&page, 1}, ""));
    EXPECT_EQ(target_of("s1"), "10.0.0.1:4321") << "the page was read before";
    clock.advance(1s);
    EXPECT_EQ(*boxes->sweep(keeps_none, "c2"), 0U);
    EXPECT_EQ(target_of("s1"), "10.0.0.1:4321");
    clock.advance(1s);
    boxes->scan_begins(base::to_epoch_ms(clock.wall()));
    const row_change later = read_at(box("10.0.0.2:80"), clock);
    ASSERT_TRUE(boxes->put({&later, 1}, ""));
    EXPECT_EQ(target_of("s1"), "10.0.0.2:80");
    EXPECT_EQ(*boxes->sweep(keeps_none, "c3"), 1U);
    EXPECT_EQ(target_of("s1"), "none");
}

TEST_F(replica_test, of_another_table_or_damaged_it_is_begun_anew_and_set_aside) {
    load({is_now(session_of("s1"))});
    options.of = "dynamodb/test/others";
    prepare();
    EXPECT_NE(noted.find("it is a replica of"), std::string::npos) << noted;
    EXPECT_EQ(*rows()->count(), 0U);
    EXPECT_TRUE(std::filesystem::exists(options.path + ".bad"));

    for (const char* content : {"no database, and longer than its header.....", ""}) {
        std::ofstream{options.path, std::ios::trunc} << content;
        noted.clear();
        prepare();
        EXPECT_FALSE(noted.empty());
        EXPECT_EQ(*rows()->count(), 0U);
    }
    std::vector<std::string> left;
    for (const auto& entry : std::filesystem::directory_iterator{directory.file("")})
        left.push_back(entry.path().filename());
    EXPECT_THAT(left, testing::UnorderedElementsAre("sessions.table.replica",
                                                    "sessions.table.replica.bad"));
}

TEST_F(replica_test, a_store_of_its_own_is_left_alone) {
    {
        auto own = open_sqlite_store({options.path});
        ASSERT_TRUE((*own)->insert(session_of("s1")));
    }
    const auto refused = prepare_replica(options, [](const std::string&) {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, store_error::unavailable);
    EXPECT_EQ(status_of("s1"), "active");
}

TEST_F(replica_test, knows_as_much_as_its_feed) {
    load({is_now(session_of("s1"))});
    auto opened = open_store();
    EXPECT_EQ((*opened)->known_as_of_ms(5'000), 0);
    current_at_ms = 4'000;
    EXPECT_EQ((*opened)->known_as_of_ms(5'000), 4'000);
    EXPECT_EQ((*opened)->known_as_of_ms(3'000), 3'000);
}

} // namespace
} // namespace postern::sync
