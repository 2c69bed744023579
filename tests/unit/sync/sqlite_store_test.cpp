// The records of the sqlite store: conditional writes, lists, rows of other programs.
#include "tests/unit/sync/temporary_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>
#include <sys/mount.h>

namespace postern::sync {
namespace {

class sqlite_store : public testing::Test {
  protected:
    void SetUp() override {
        auto opened = open_sqlite_store({path});
        ASSERT_TRUE(opened) << opened.error().text();
        db = std::move(*opened);
    }

    temporary_directory directory;
    std::string path = directory.file("sessions.db");
    std::unique_ptr<store> db;
};

std::vector<std::string> ids_of(const base::result<std::vector<session>>& found) {
    std::vector<std::string> ids;
    if (!found)
        return {found.error().text()};
    for (const session& one : *found)
        ids.push_back(one.session_id);
    return ids;
}
using ids = std::vector<std::string>;

TEST_F(sqlite_store, keeps_every_field) {
    session one = session_named("s1");
    one.task = "process:17:99";
    one.target = *base::ip_endpoint::parse("[fd00::7]:8080");
    one.instruction = "make it blue; it's \"urgent\"";
    one.reason = "Zeile \xc3\xbc";
    one.branch = "thread-1";
    one.last_commit = "abc";
    one.is_dirty = true;
    one.created_at_ms = 1;
    one.started_at_ms = 2;
    one.last_activity_at_ms = 3;
    one.ttl_ms = 4;
    one.request_count = 5;
    one.bytes_transferred = 6;
    one.access_generation = 0xffff'ffff;
    const auto made = db->insert(one);
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_GT(made->version, 0U);
    one.version = made->version;
    const auto read = db->get("s1");
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(*made, one);
    EXPECT_EQ(*read, one);
}

TEST_F(sqlite_store, access_generations_begin_at_the_clock_and_revoke) {
    const auto made = db->insert(session_named("s1"));
    ASSERT_TRUE(made);
    EXPECT_GT(made->access_generation, 1'700'000'000U);
    session one = *made;
    ++one.access_generation;
    const auto revoked = db->replace(one);
    ASSERT_TRUE(revoked);
    EXPECT_EQ(revoked->access_generation, made->access_generation + 1);
    EXPECT_GT(revoked->version, made->version);
    // By another program, too: it is a change that is routed.
    foreign_program shell{path};
    shell.run("INSERT INTO sessions (session_id, thread_id) VALUES ('s2', 't')");
    EXPECT_GT(db->get("s2")->access_generation, 1'700'000'000U);
    shell.run("UPDATE sessions SET access_generation = access_generation + 1 WHERE session_id = "
              "'s1'");
    EXPECT_EQ(db->get("s1")->access_generation, made->access_generation + 2);
    EXPECT_GT(db->get("s1")->version, revoked->version);
    shell.run("UPDATE sessions SET access_generation = -1 WHERE session_id = 's1'");
    EXPECT_EQ(db->get("s1")->access_generation, 0U);
}

TEST_F(sqlite_store, answers_by_what_is_wrong) {
    ASSERT_TRUE(db->insert(session_named("s1")));
    EXPECT_EQ(db->insert(session_named("s1")).error().code, store_error::exists);
    EXPECT_EQ(db->get("s2").error().code, store_error::not_found);
    EXPECT_EQ(db->find_by_route_key("x").error().code, store_error::not_found);
    EXPECT_EQ(db->remove("s2", 0).error().code, store_error::not_found);
    session other = session_named("s2");
    other.version = 1;
    EXPECT_EQ(db->replace(other).error().code, store_error::not_found);
    EXPECT_EQ(db->insert(session_named("")).error().code, store_error::invalid);
    EXPECT_EQ(db->insert(session_named(std::string(256, 'x'))).error().code, store_error::invalid);
    EXPECT_EQ(db->insert(session_named("a\r\nb")).error().code, store_error::invalid);
    EXPECT_EQ(db->insert(session_named("\xff")).error().code, store_error::invalid);
}

TEST_F(sqlite_store, replaces_only_the_version_that_was_read) {
    session one = *db->insert(session_named("s1"));
    const session before = one;
    one.status = session_status::draining;
    const auto second = db->replace(one);
    ASSERT_TRUE(second) << second.error().text();
    EXPECT_GT(second->version, before.version);
    EXPECT_EQ(second->status, session_status::draining);
    EXPECT_EQ(db->replace(before).error().code, store_error::conflict);
    // Even when nothing differs, a second writer with the same version loses.
    ASSERT_TRUE(db->replace(*second));
    EXPECT_EQ(db->replace(*second).error().code, store_error::conflict);
    EXPECT_EQ(db->remove("s1", second->version).error().code, store_error::conflict);
    EXPECT_TRUE(db->remove("s1", db->get("s1")->version));
}

TEST_F(sqlite_store, replace_never_sets_activity_back) {
    session one = *db->insert(session_named("s1"));
    ASSERT_TRUE(db->add_activity({{"s1", 100, 4'000'000'000'000, 3, 4}}));
    EXPECT_EQ(db->get("s1")->version, one.version) << "activity is no change of the record";
    const auto replaced = db->replace(one);
    ASSERT_TRUE(replaced);
    EXPECT_EQ(replaced->last_activity_at_ms, 100);
    EXPECT_EQ(replaced->ttl_ms, 4'000'000'000'000);
    EXPECT_EQ(replaced->request_count, 3U);
    EXPECT_EQ(replaced->bytes_transferred, 4U);
}

TEST_F(sqlite_store, activity_moves_a_ttl_that_had_not_passed_when_it_was_first_tried) {
    const auto ttl_after = [&](const char* id, std::int64_t ttl_ms) {
        session one = session_named(id);
        one.ttl_ms = ttl_ms;
        EXPECT_TRUE(db->insert(one));
        EXPECT_TRUE(db->add_activity({{id, 100, 9'000, 1, 1, 500}}));
        return db->get(id)->ttl_ms;
    };
    EXPECT_EQ(ttl_after("none", 0), 9'000);
    EXPECT_EQ(ttl_after("to come", 500), 9'000);
    EXPECT_EQ(ttl_after("passed", 499), 499) << "somebody ended it";
    EXPECT_EQ(ttl_after("later", 9'001), 9'001);
    EXPECT_EQ(db->get("passed")->request_count, 1U);
}

TEST_F(sqlite_store, merges_activity_and_makes_no_ghosts) {
    ASSERT_TRUE(db->insert(session_named("s1")));
    ASSERT_TRUE(db->add_activity({{"s1", 100, 900, 1, 10}, {"ghost", 1, 1, 1, 1}}));
    ASSERT_TRUE(db->add_activity({{"s1", 50, 200, 2, 20}}));
    const session read = *db->get("s1");
    EXPECT_EQ(read.last_activity_at_ms, 100);
    EXPECT_EQ(read.ttl_ms, 900);
    EXPECT_EQ(read.request_count, 3U);
    EXPECT_EQ(read.bytes_transferred, 30U);
    EXPECT_EQ(db->get("ghost").error().code, store_error::not_found);
}

TEST_F(sqlite_store, replace_keeps_the_key_it_was_given_with_new_ids) {
    session one = *db->insert(session_named("s1"));
    one.user_id = "u2";
    const auto replaced = db->replace(one);
    ASSERT_TRUE(replaced) << replaced.error().text();
    EXPECT_EQ(replaced->route_key, "acme-s1");
    EXPECT_EQ(replaced->version, db->get("s1")->version);
}

TEST_F(sqlite_store, lists_by_state_page_and_client) {
    for (const char* id : {"a", "b", "c", "d"})
        ASSERT_TRUE(db->insert(session_named(id)));
    foreign_program shell{path};
    shell.run(
        "UPDATE sessions SET status = 'expired' WHERE session_id = 'b';"
        "UPDATE sessions SET status = 'draining', client_id = 'other' WHERE session_id = 'c'");
    EXPECT_EQ(ids_of(db->list({}, 10, "")), (ids{"a", "b", "c", "d"}));
    EXPECT_EQ(ids_of(db->list({}, 2, "")), (ids{"a", "b"}));
    EXPECT_EQ(ids_of(db->list({}, 2, "b")), (ids{"c", "d"}));
    EXPECT_EQ(ids_of(db->list({session_status::active}, 10, "")), (ids{"a", "d"}));
    EXPECT_EQ(ids_of(db->list({session_status::inactive, session_status::draining}, 10, "")),
              (ids{"b", "c"}));
    EXPECT_EQ(ids_of(db->list_by_client("acme")), (ids{"a", "b", "d"}));
    EXPECT_EQ(ids_of(db->list_by_client("nobody")), ids{});
}

TEST_F(sqlite_store, stamps_are_those_of_the_list_and_of_the_feed) {
    for (const char* id : {"a", "b", "c", "d"})
        ASSERT_TRUE(db->insert(session_named(id)));
    foreign_program shell{path};
    shell.run("UPDATE sessions SET status = 'inactive' WHERE session_id = 'b';"
              "UPDATE sessions SET target = 'nonsense', client_id = 'x' WHERE session_id = 'c';"
              "UPDATE sessions SET last_activity_at_ms = 5, ttl_ms = 7 WHERE session_id = 'd';"
              "INSERT INTO sessions (session_id, status) VALUES (x'ff', 'active')");
    std::map<std::string, std::uint64_t> fed;
    const auto batch = db->changes_after("0@0", 100);
    ASSERT_TRUE(batch) << batch.error().text();
    for (const change& one : batch->changes)
        fed[one.session_id] = one.version;
    const auto stamps = db->list_stamps({session_status::active, session_status::draining}, 10, "");
    ASSERT_TRUE(stamps) << stamps.error().text();
    ids listed;
    for (const session_stamp& one : *stamps) {
        listed.push_back(one.session_id);
        EXPECT_EQ(one.version, fed[one.session_id]) << one.session_id;
    }
    EXPECT_EQ(listed, (ids{"a", "c", "d"}));
    EXPECT_EQ(stamps->back().last_activity_at_ms, 5);
    EXPECT_EQ(stamps->back().ttl_ms, 7);
    const auto next = db->list_stamps({session_status::active}, 1, "a");
    ASSERT_TRUE(next && next->size() == 1);
    EXPECT_EQ(next->front().session_id, "c");
}

TEST_F(sqlite_store, a_page_of_a_list_needs_no_more_than_its_own_rows) {
    foreign_program shell{path};
    shell.run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
              "INSERT INTO sessions (session_id, status) SELECT printf('s%05d', i), "
              "CASE i % 2 WHEN 0 THEN 'active' ELSE 'draining' END FROM n");
    const auto page = [&] { // as many rows as are wanted, of the first of the 20,000
        const std::int64_t before = ::sqlite3_memory_used();
        ::sqlite3_memory_highwater(1);
        const auto rows = db->list({session_status::active, session_status::draining}, 100, "");
        EXPECT_TRUE(rows && rows->size() == 100 && rows->front().session_id == "s00001");
        return ::sqlite3_memory_highwater(0) - before;
    };
    ASSERT_TRUE(db->list({session_status::inactive}, 100, "")); // opens what it keeps open
    EXPECT_LT(page(), 512 * 1024) << "all that follow were read and sorted for it";
}

TEST_F(sqlite_store, lists_get_past_rows_with_a_defect) {
    foreign_program shell{path};
    shell.run("INSERT INTO sessions (session_id, status) VALUES ('a', 'activ'), ('b', 'active');"
              "INSERT INTO sessions (session_id, target) VALUES ('c', 'localhost:1'), ('d', '');");
    EXPECT_EQ(ids_of(db->list({}, 2, "")), (ids{"b", "d"}));
    const auto bad = db->get("a");
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().code, store_error::invalid);
    EXPECT_NE(bad.error().what.find("its status is \"activ\""), std::string::npos)
        << bad.error().text();
}

TEST_F(sqlite_store, of_several_sessions_with_one_key_the_live_and_newest_leads) {
    session old = session_named("old"), young = session_named("young"),
            dead = session_named("dead");
    for (session* one : {&old, &young, &dead})
        one->route_key = "k";
    old.created_at_ms = 1;
    young.created_at_ms = 2;
    dead.created_at_ms = 3;
    dead.status = session_status::inactive;
    for (const session* one : {&young, &dead, &old})
        ASSERT_TRUE(db->insert(*one));
    EXPECT_EQ(db->find_by_route_key("k")->session_id, "young");
    ASSERT_TRUE(db->remove("young", 0));
    EXPECT_EQ(db->find_by_route_key("k")->session_id, "old");
    ASSERT_TRUE(db->remove("old", 0));
    EXPECT_EQ(db->find_by_route_key("k")->session_id, "dead");
}

TEST_F(sqlite_store, notes_the_template_that_keys_were_made_by) {
    EXPECT_EQ(*db->route_key_template(), "");
    ASSERT_TRUE(db->note_route_key_template("{threadId}"));
    ASSERT_TRUE(db->note_route_key_template("{clientId}"));
    EXPECT_EQ(*db->route_key_template(), "{clientId}");
}

TEST_F(sqlite_store, sets_a_route_key_only_on_the_version_that_was_read) {
    session one = session_named("s1");
    one.route_key.clear();
    one = *db->insert(one);
    ASSERT_TRUE(db->set_route_key("s1", "k1", one.version));
    EXPECT_EQ(db->set_route_key("s1", "k2", one.version).error().code, store_error::conflict);
    EXPECT_EQ(db->set_route_key("s2", "k2", 1).error().code, store_error::not_found);
    EXPECT_EQ(db->find_by_route_key("k1")->session_id, "s1");
}

TEST_F(sqlite_store, lists_what_has_expired_page_by_page) {
    for (const auto& [id, ttl] : std::vector<std::pair<std::string, std::int64_t>>{
             {"a", 10}, {"b", 10}, {"c", 20}, {"d", 30}, {"never", 0}}) {
        session one = session_named(id);
        one.ttl_ms = ttl;
        ASSERT_TRUE(db->insert(one));
    }
    const auto expired = [&](std::int64_t after, std::string_view id, std::size_t count) {
        ids found;
        for (const stored_session& one : *db->list_expired(after, id, 20, count))
            found.push_back(one.record.session_id);
        return found;
    };
    EXPECT_EQ(expired(0, "", 10), (ids{"a", "b", "c"}));
    EXPECT_EQ(expired(0, "", 1), (ids{"a"}));
    EXPECT_EQ(expired(10, "a", 10), (ids{"b", "c"}));
    EXPECT_EQ(expired(20, "c", 10), ids{});
}

TEST_F(sqlite_store, a_try_to_write_leaves_nothing_behind) {
    ASSERT_TRUE(db->insert(session_named("s1")));
    foreign_program shell{path};
    const std::string meta = shell.run("SELECT group_concat(name || value) FROM meta");
    const auto position = db->feed_position().value();
    ASSERT_TRUE(db->try_write());
    EXPECT_EQ(shell.run("SELECT group_concat(name || value) FROM meta"), meta);
    EXPECT_EQ(db->feed_position().value(), position);

    db->set_patience(std::chrono::milliseconds{10});
    shell.run("BEGIN IMMEDIATE");
    const auto refused = db->try_write();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, store_error::unavailable);
    EXPECT_THAT(refused.error().what, testing::HasSubstr("locked"));
    EXPECT_TRUE(db->get("s1")) << "reading shows nothing of it";
    shell.run("ROLLBACK");
    EXPECT_TRUE(db->try_write());
}

/// The log may still have room for a page or two: what must fail is what a session takes.
TEST_F(sqlite_store, a_try_to_write_fails_on_a_full_disk) {
    const std::string disk = directory.file("disk");
    std::filesystem::create_directory(disk);
    if (::mount("none", disk.c_str(), "tmpfs", 0, "size=1m") != 0)
        GTEST_SKIP() << "no permission to mount a small file system";
    {
        db = open_sqlite_store({disk + "/sessions.db"}).value();
        ASSERT_TRUE(db->insert(session_named("s1")));
        ASSERT_TRUE(db->try_write());
        std::ofstream{disk + "/ballast"} << std::string(1 << 20, 'x');
        while (db->insert(
            session_named("s" + std::to_string(db->version_at(db->feed_position().value())))))
            continue;
        for (int i = 0; i < 20; ++i) {
            const auto refused = db->try_write();
            ASSERT_FALSE(refused) << i;
            EXPECT_EQ(refused.error().code, store_error::unavailable);
        }
        EXPECT_TRUE(db->get("s1"));
        std::filesystem::remove(disk + "/ballast");
        EXPECT_TRUE(db->try_write());
        db.reset();
    }
    ::umount2(disk.c_str(), MNT_DETACH);
}

} // namespace
} // namespace postern::sync
