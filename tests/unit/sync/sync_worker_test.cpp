// sync as a whole: store to table, table to store, and what it does while the store is away.
#include "sync/sync_worker.hpp"
#include "tests/unit/sync/running_sync.hpp"

#include <poll.h>
#include <sys/stat.h>

namespace postern::sync {
namespace {

class sync_worker : public testing::Test, public sync_setup {};

TEST_F(sync_worker, a_session_is_routed_changed_and_removed) {
    auto db = open_store_here();
    session one = *db->insert(session_named("s1"));
    start();
    EXPECT_TRUE(becomes("acme-s1", "active 127.0.0.1:4321 s1"));
    one.status = session_status::draining;
    one = *db->replace(one);
    EXPECT_TRUE(becomes("acme-s1", "draining 127.0.0.1:4321 s1"));
    ASSERT_TRUE(db->remove("s1", 0));
    EXPECT_TRUE(becomes("acme-s1", "none"));
}

TEST_F(sync_worker, a_rung_change_does_not_wait_for_the_poll) {
    opts.poll_interval = std::chrono::minutes{1};
    auto db = open_store_here();
    start();
    ASSERT_TRUE(is_synced());
    ASSERT_TRUE(db->insert(session_named("s1")));
    bell.ring();
    EXPECT_TRUE(becomes("acme-s1", "active 127.0.0.1:4321 s1"));
}

TEST_F(sync_worker, a_row_of_another_program_is_routed_without_a_key) {
    start();
    ASSERT_TRUE(is_synced());
    foreign_program shell{store_path};
    shell.run("INSERT INTO sessions (session_id, client_id, thread_id, status, target) "
              "VALUES ('x', 'acme', 't1', 'active', '127.0.0.1:1')");
    EXPECT_TRUE(becomes("acme-t1", "active 127.0.0.1:1 x"));
    EXPECT_EQ(open_store_here()->find_by_route_key("acme-t1")->session_id, "x");
    shell.run("UPDATE sessions SET status = 'inactive' WHERE session_id = 'x'");
    EXPECT_TRUE(becomes("acme-t1", "inactive 127.0.0.1:1 x"));
    shell.run("UPDATE sessions SET thread_id = 't2'");
    EXPECT_TRUE(becomes("acme-t2", "inactive 127.0.0.1:1 x"));
    EXPECT_TRUE(becomes("acme-t1", "none"));
    shell.run("DELETE FROM sessions");
    EXPECT_TRUE(becomes("acme-t2", "none"));
}

TEST_F(sync_worker, waiting_workers_are_rung) {
    auto db = open_store_here();
    start();
    ASSERT_TRUE(is_synced());
    reader->set_waiting(true); // as process slot 1
    ASSERT_TRUE(db->insert(session_named("s1")));
    bell.ring();
    pollfd rung{workers[1].fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&rung, 1, 30'000), 1);
    pollfd silent{workers[0].fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&silent, 1, 0), 0);
}

TEST_F(sync_worker, a_key_leads_to_the_live_and_newest_session) {
    auto db = open_store_here();
    session old = session_named("old"), young = session_named("young");
    old.route_key = young.route_key = "k";
    old.created_at_ms = 1;
    young.created_at_ms = 2;
    young.status = session_status::inactive;
    old = *db->insert(old);
    young = *db->insert(young);
    start();
    EXPECT_TRUE(becomes("k", "active 127.0.0.1:4321 old"));
    young.status = session_status::initializing;
    young = *db->replace(young);
    EXPECT_TRUE(becomes("k", "initializing 127.0.0.1:4321 young"));
    ASSERT_TRUE(db->remove("young", 0));
    EXPECT_TRUE(becomes("k", "active 127.0.0.1:4321 old"));
}

TEST_F(sync_worker, what_cannot_be_used_is_left_out_counted_and_logged_once) {
    (void)open_store_here();
    foreign_program shell{store_path};
    shell.run("INSERT INTO sessions (session_id, route_key, status, target) VALUES "
              "('status', 'k1', 'activ', ''), ('target', 'k2', 'active', 'localhost:80'), "
              "('long', printf('%.300c', 'k'), 'active', ''), ('', 'k3', 'active', ''),"
              "('nothing', '', 'active', ''), ('good', 'k4', 'active', '127.0.0.1:1'),"
              "('type', 'k5', 7, x'00'), (x'ff', 'k6', 'active', '')");
    start();
    ASSERT_TRUE(is_synced());
    EXPECT_EQ(reader->status().live, 1U);
    EXPECT_EQ(route("k4"), "active 127.0.0.1:1 good");
    EXPECT_EQ(reader->total(cache::counter::sync_skipped), 7U);
    shell.run("UPDATE sessions SET branch = 'x'");
    shell.run("UPDATE sessions SET target = '127.0.0.1:2' WHERE session_id = 'target'");
    EXPECT_TRUE(becomes("k2", "active 127.0.0.1:2 target"));
    EXPECT_EQ(reader->total(cache::counter::sync_skipped), 7U);
    shell.run("UPDATE sessions SET target = '?' WHERE session_id = 'target'");
    EXPECT_TRUE(becomes("k2", "none"));
    const std::string log = logged();
    for (const char* sentence :
         {"session \"status\" is not routed: its status is \"activ\"",
          "session \"target\" is not routed: its target is \"localhost:80\"",
          "session \"long\" is not routed: its route_key has 300 bytes",
          "session \"nothing\" is not routed: its route key cannot be made of "
          "{clientId}-{threadId}"}) {
        const auto at = log.find(sentence);
        EXPECT_NE(at, std::string::npos) << sentence << "\n" << log;
        EXPECT_EQ(log.find(sentence, at + 1), std::string::npos) << sentence << "\n" << log;
    }
}

TEST_F(sync_worker, a_session_past_its_ttl_is_no_longer_routed) {
    auto db = open_store_here();
    session gone = session_named("gone"), going = session_named("going"),
            moved = session_named("moved");
    const std::int64_t now = base::to_epoch_ms(clock.wall());
    gone.ttl_ms = now - 1;
    going.ttl_ms = moved.ttl_ms = now + 60'000;
    for (const session* one : {&gone, &going, &moved})
        ASSERT_TRUE(db->insert(*one));
    start();
    ASSERT_TRUE(is_synced());
    EXPECT_EQ(route("acme-gone"), "none");
    EXPECT_EQ(route("acme-going"), "active 127.0.0.1:4321 going");
    ASSERT_TRUE(db->add_activity({{"moved", now, now + 3'600'000, 1, 1}})); // as another host does
    clock.set_ahead(std::chrono::minutes{1});
    EXPECT_TRUE(becomes("acme-going", "none"));
    EXPECT_GE(base::to_epoch_ms(clock.wall()), going.ttl_ms);
    EXPECT_EQ(route("acme-moved"), "active 127.0.0.1:4321 moved");
    EXPECT_TRUE(db->get("going")) << "the record is not sync's to remove";
    foreign_program{store_path}.run("UPDATE sessions SET ttl_ms = 1 WHERE session_id = 'moved'");
    EXPECT_TRUE(becomes("acme-moved", "none"));
}

TEST_F(sync_worker, activity_comes_back_once_and_whole) {
    auto db = open_store_here();
    ASSERT_TRUE(db->insert(session_named("s1")));
    start();
    ASSERT_TRUE(becomes("acme-s1", "active 127.0.0.1:4321 s1"));
    const auto use = [&](std::int64_t seen, std::uint64_t requests) {
        cache::activity_delta delta;
        delta.last_seen_ms = seen;
        delta.requests = requests;
        delta.bytes_in = delta.bytes_out = 10;
        reader->add_activity(reader->look_up("acme-s1")->activity, delta);
    };
    const auto counts = [&] {
        const session one = *db->get("s1");
        return std::to_string(one.request_count) + " " + std::to_string(one.bytes_transferred);
    };
    const std::int64_t now = base::to_epoch_ms(clock.wall());
    use(now, 3);
    EXPECT_TRUE(eventually([&] { return counts() == "3 20"; })) << counts();
    EXPECT_EQ(db->get("s1")->last_activity_at_ms, now);
    EXPECT_EQ(db->get("s1")->ttl_ms, now + 24 * 3'600'000);
    use(now, 1);
    stop(); // what was not due yet is written at the end
    EXPECT_EQ(counts(), "4 40");
    start();
    use(now, 1);
    EXPECT_TRUE(eventually([&] { return counts() == "5 60"; })) << counts();
    EXPECT_GE(reader->total(cache::counter::activity_written), 3U);
}

TEST_F(sync_worker, activity_waits_for_a_locked_store_and_routes_do_not) {
    auto db = open_store_here();
    ASSERT_TRUE(db->insert(session_named("s1")));
    start();
    ASSERT_TRUE(becomes("acme-s1", "active 127.0.0.1:4321 s1"));
    foreign_program shell{store_path};
    shell.run("BEGIN EXCLUSIVE");
    shell.run("INSERT INTO sessions (session_id, client_id, thread_id, status) "
              "VALUES ('late', 'acme', 'late', 'active')");
    cache::activity_delta delta;
    delta.requests = 7;
    reader->add_activity(reader->look_up("acme-s1")->activity, delta);
    EXPECT_TRUE(logs("activity of 1 sessions waits"));
    const std::int64_t synced = reader->status().synced_at_ms;
    EXPECT_TRUE(eventually([&] { return reader->status().synced_at_ms > synced; }))
        << "reading goes on";
    shell.run("COMMIT");
    EXPECT_TRUE(becomes("acme-late", "active - late"));
    EXPECT_TRUE(eventually([&] { return db->get("s1")->request_count == 7; }));
}

TEST_F(sync_worker, a_row_without_a_key_waits_for_a_locked_store) {
    start();
    ASSERT_TRUE(is_synced());
    foreign_program shell{store_path}, other{store_path};
    // Committed and locked again at once: sync can read the row and not write its key.
    shell.run("INSERT INTO sessions (session_id, client_id, thread_id, status) "
              "VALUES ('x', 'acme', 't', 'active'), ('y', 'acme', 'u', 'active');");
    bool is_keyed = true;
    for (int i = 0; i < 100 && is_keyed; ++i) {
        shell.run("BEGIN IMMEDIATE; UPDATE sessions SET thread_id = thread_id || 'x';"
                  "COMMIT; BEGIN IMMEDIATE");
        is_keyed = shell.run("SELECT count(*) FROM sessions WHERE route_key = ''") != "2";
        if (is_keyed)
            shell.run("COMMIT");
    }
    ASSERT_FALSE(is_keyed);
    const std::string key = "acme-" + shell.run("SELECT thread_id FROM sessions");
    const std::int64_t synced = reader->status().synced_at_ms;
    EXPECT_EQ(route(key), "none");
    shell.run("UPDATE sessions SET branch = 'z'; COMMIT");
    EXPECT_TRUE(becomes(key, "active - x"));
    EXPECT_TRUE(eventually([&] { return reader->status().synced_at_ms > synced; }));
    EXPECT_EQ(reader->total(cache::counter::sync_errors), 0U);
}

} // namespace
} // namespace postern::sync
