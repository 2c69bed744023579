// The feed of the sqlite store: what makes a change record, who sees it, and when it has a gap.
#include "tests/unit/sync/temporary_store.hpp"

#include <gtest/gtest.h>

namespace postern::sync {
namespace {

class sqlite_feed : public testing::Test {
  protected:
    void SetUp() override {
        reopen();
        position = *db->feed_position();
    }
    void reopen() {
        auto opened = open_sqlite_store({path});
        ASSERT_TRUE(opened) << opened.error().text();
        db = std::move(*opened);
    }
    /// What is new: "ID" or "ID-" (removed), with "<KEY" where it had another key before.
    std::vector<std::string> news() {
        std::vector<std::string> seen;
        const auto batch = db->changes_after(position, 1000);
        if (!batch)
            return {batch.error().text()};
        for (const change& one : batch->changes) {
            EXPECT_GT(one.version, last_version);
            last_version = one.version;
            seen.push_back(one.session_id + (one.current ? "" : "-") +
                           (one.route_key.empty() ? "" : "<" + one.route_key));
        }
        position = batch->checkpoint;
        return seen;
    }

    using list = std::vector<std::string>;
    temporary_directory directory;
    std::string path = directory.file("sessions.db");
    std::unique_ptr<store> db;
    std::string position;
    std::uint64_t last_version = 0;
};

TEST_F(sqlite_feed, has_what_plain_sql_changes) {
    foreign_program shell{path};
    const struct {
        const char* sql;
        list expected;
    } table[] = {
        {"INSERT INTO sessions (session_id, route_key) VALUES ('a', 'k')", {"a"}},
        {"UPDATE sessions SET status = 'active'", {"a"}},
        {"UPDATE sessions SET status = 'active'", {}},
        {"UPDATE sessions SET target = '10.0.0.1:80', reason = 'x'", {"a"}},
        {"UPDATE sessions SET last_activity_at_ms = 5, request_count = 6, bytes_transferred = 7",
         {}},
        {"UPDATE sessions SET ttl_ms = 4000000000000", {}},
        {"UPDATE sessions SET ttl_ms = ttl_ms + 1", {}},
        {"UPDATE sessions SET ttl_ms = 1000", {"a"}},       // cut short
        {"UPDATE sessions SET ttl_ms = ttl_ms + 1", {"a"}}, // back from the dead
        {"UPDATE sessions SET ttl_ms = 0", {"a"}},          // for ever
        {"UPDATE sessions SET ttl_ms = 1000", {"a"}},       // cut short from there
        {"UPDATE sessions SET route_key = 'k2'", {"a<k"}},
        {"UPDATE sessions SET thread_id = 't'", {"a<k2", "a"}}, // the key is for sync to make anew
        {"UPDATE sessions SET thread_id = 't2'", {"a"}},
        {"UPDATE sessions SET route_key = 'k3'", {"a"}},
        {"UPDATE sessions SET session_id = 'b'", {"a-<k3", "b"}},
        {"INSERT OR REPLACE INTO sessions (session_id, route_key) VALUES ('b', 'k4')",
         {"b<k3", "b"}},
        {"REPLACE INTO sessions (session_id, route_key) VALUES ('b', 'k4')", {"b"}},
        {"INSERT INTO sessions (session_id) VALUES ('b') ON CONFLICT DO UPDATE SET branch = 'y'",
         {"b<k4", "b"}}, // more than needed does no harm: the key is looked up
        {"DELETE FROM sessions", {"b-<k4"}},
    };
    for (const auto& [sql, expected] : table) {
        shell.run(sql);
        EXPECT_EQ(news(), expected) << sql;
    }
}

TEST_F(sqlite_feed, has_what_a_program_with_recursive_triggers_changes) {
    foreign_program shell{path};
    shell.run("PRAGMA recursive_triggers = ON");
    shell.run("INSERT INTO sessions (session_id, route_key) VALUES ('a', 'k')");
    EXPECT_EQ(news(), (list{"a"}));
    shell.run("UPDATE sessions SET status = 'active', version = 4711");
    EXPECT_EQ(news(), (list{"a"}));
    EXPECT_EQ(db->get("a")->version, last_version) << "the version is the last change's";
    shell.run("REPLACE INTO sessions (session_id, route_key) VALUES ('a', 'k')");
    EXPECT_EQ(db->get("a")->version, std::stoull(shell.run("SELECT max(seq) FROM changes")));
}

TEST_F(sqlite_feed, gives_versions_that_only_grow) {
    foreign_program shell{path};
    session one = *db->insert(session_named("s1"));
    EXPECT_EQ(news(), list{"s1"});
    EXPECT_EQ(one.version, last_version);
    shell.run("UPDATE sessions SET version = 4711");
    EXPECT_EQ(db->get("s1")->version, one.version + 1);
    ASSERT_TRUE(db->remove("s1", 0));
    const session again = *db->insert(session_named("s1"));
    EXPECT_GT(again.version, one.version + 1) << "a session made anew is newer than its removal";
    EXPECT_EQ(db->version_at(*db->feed_position()), again.version);
}

TEST_F(sqlite_feed, comes_in_batches) {
    for (int i = 0; i < 5; ++i)
        ASSERT_TRUE(db->insert(session_named("s" + std::to_string(i))));
    const auto first = db->changes_after(position, 3);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->changes.size(), 3U);
    EXPECT_FALSE(first->at_end);
    const auto second = db->changes_after(first->checkpoint, 3);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->changes.size(), 2U);
    EXPECT_TRUE(second->at_end);
    EXPECT_EQ(second->changes.back().session_id, "s4");
    EXPECT_EQ(second->checkpoint, *db->feed_position());
}

TEST_F(sqlite_feed, shows_the_record_as_it_is_now) {
    session one = *db->insert(session_named("s1"));
    one.status = session_status::failed;
    ASSERT_TRUE(db->replace(one));
    const auto batch = db->changes_after(position, 10);
    ASSERT_EQ(batch->changes.size(), 2U);
    EXPECT_EQ(batch->changes[0].current->record.status, session_status::failed);
}

TEST_F(sqlite_feed, says_when_something_may_have_changed) {
    (void)db->may_have_changed();
    EXPECT_FALSE(db->may_have_changed());
    foreign_program shell{path};
    shell.run("INSERT INTO sessions (session_id) VALUES ('a')");
    EXPECT_TRUE(db->may_have_changed()) << "another connection's commit";
    EXPECT_FALSE(db->may_have_changed());
    ASSERT_TRUE(db->insert(session_named("b")));
    EXPECT_TRUE(db->may_have_changed()) << "its own";
    EXPECT_FALSE(db->may_have_changed());
}

TEST_F(sqlite_feed, has_a_gap_where_its_log_was_trimmed) {
    foreign_program shell{path};
    const std::string start = position;
    shell.run("UPDATE meta SET value = '10' WHERE name = 'changes_kept';"
              "INSERT INTO sessions (session_id) VALUES ('a'); BEGIN");
    for (int i = 0; i < 600; ++i)
        shell.run("UPDATE sessions SET branch = '" + std::to_string(i) + "'");
    shell.run("COMMIT");
    EXPECT_LT(std::stoi(shell.run("SELECT count(*) FROM changes")), 300);
    EXPECT_EQ(db->changes_after(start, 10).error().code, store_error::gap);
    const std::string now = *db->feed_position();
    EXPECT_TRUE(db->changes_after(now, 10));
    shell.run("DELETE FROM changes");
    EXPECT_EQ(db->changes_after(now, 10).error().code, store_error::gap);
    // Behind a log that was emptied a new position holds.
    position = *db->feed_position();
    EXPECT_EQ(news(), list{});
    shell.run("UPDATE sessions SET branch = 'x'");
    EXPECT_EQ(news(), list{"a"});
    EXPECT_EQ(news(), list{});
}

TEST_F(sqlite_feed, has_a_gap_where_an_older_copy_was_put_back) {
    foreign_program shell{path};
    shell.run("INSERT INTO sessions (session_id) VALUES ('a')");
    shell.run("VACUUM INTO '" + directory.file("copy.db") + "'");
    shell.run("UPDATE sessions SET status = 'active'; UPDATE sessions SET branch = 'x'");
    EXPECT_EQ(news(), (list{"a", "a", "a"}));
    const std::string identity = *db->identity();
    db.reset();
    std::filesystem::remove(path + "-wal");
    std::filesystem::rename(directory.file("copy.db"), path);
    reopen();
    EXPECT_EQ(*db->identity(), identity);
    EXPECT_EQ(db->changes_after(position, 10).error().code, store_error::gap);
    // The copy was written on until it had as many changes: they are others.
    foreign_program other{path};
    other.run("UPDATE sessions SET branch = '1'; UPDATE sessions SET branch = '2';"
              "UPDATE changes SET made_at_ms = made_at_ms + 1;"
              "UPDATE sessions SET branch = '3'");
    EXPECT_EQ(db->changes_after(position, 10).error().code, store_error::gap);
}

TEST_F(sqlite_feed, refuses_a_position_that_is_none) {
    for (const char* text : {"", "x", "1", "1@", "@1", "1@2@3", "-1@0", "99@0", "1@0 "})
        EXPECT_EQ(db->changes_after(text, 10).error().code, store_error::gap) << text;
}

TEST_F(sqlite_feed, snapshots_every_record_once_also_those_with_a_defect) {
    foreign_program shell{path};
    shell.run("INSERT INTO sessions (session_id, status) VALUES ('', 'active'), ('a', 'activ'), "
              "('b', 'active'), (x'6162', 'active'), (x'00ff', 'active'), ('c', 'active');"
              "INSERT INTO sessions (session_id, target) VALUES ('d', '10.0.0.1');"
              "INSERT INTO sessions (session_id, ttl_ms) VALUES ('e', 9223372036854775807)");
    list usable, bad;
    std::string from;
    do {
        const auto page = db->read_snapshot(from, 2);
        ASSERT_TRUE(page);
        for (const stored_session& one : page->records)
            (one.defect.empty() ? usable : bad).push_back(one.record.session_id + one.defect);
        from = page->next;
    } while (!from.empty());
    EXPECT_EQ(usable, (list{"b", "c", "e"}));
    EXPECT_EQ(bad.size(), 5U);
    EXPECT_LT(db->get("e")->ttl_ms, 253402300800000);
}

} // namespace
} // namespace postern::sync
