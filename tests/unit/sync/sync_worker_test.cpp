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
    EXPECT_EQ(::poll(&rung, 1, 5000), 1);
    pollfd silent{workers[0].fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&silent, 1, 0), 0);
}

} // namespace
} // namespace postern::sync
