// sync as a process that dies at any time: the table it leaves, and the one it ends with.
#include "tests/unit/sync/running_sync.hpp"

#include <csignal>
#include <random>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace postern::sync {
namespace {

class sync_crash : public testing::Test, public sync_setup {
  protected:
    // SQLite must not be carried over a fork, not even unused: sync's processes are the children of
    // one that was forked before this one opened the store.
    void SetUp() override {
        stop_bell = *base::doorbell::make();
        ASSERT_EQ(::pipe2(orders, O_CLOEXEC), 0);
        ASSERT_EQ(::pipe2(answers, O_CLOEXEC), 0);
        parent = ::fork();
        if (parent == 0)
            bear_children();
    }
    void TearDown() override {
        ASSERT_EQ(::kill(parent, SIGKILL), 0);
        ASSERT_EQ(::waitpid(parent, nullptr, 0), parent);
        for (const int fd : {orders[0], orders[1], answers[0], answers[1]})
            ::close(fd);
    }
    [[noreturn]] void bear_children() {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        char order = 0;
        while (::read(orders[0], &order, 1) == 1) {
            const pid_t child = ::fork();
            if (child == 0) {
                ::prctl(PR_SET_PDEATHSIG, SIGKILL);
                ::_exit(run_sync());
            }
            int status = 0;
            if (::write(answers[1], &child, sizeof child) != sizeof child ||
                ::waitpid(child, &status, 0) != child ||
                ::write(answers[1], &status, sizeof status) != sizeof status)
                break;
        }
        ::_exit(1);
    }
    [[nodiscard]] pid_t start_process() const {
        pid_t child = 0;
        EXPECT_EQ(::write(orders[1], "x", 1), 1);
        EXPECT_EQ(::read(answers[0], &child, sizeof child), static_cast<ssize_t>(sizeof child));
        return child;
    }
    /// waitpid's status.
    [[nodiscard]] int end_of_process() const {
        int status = 0;
        EXPECT_EQ(::read(answers[0], &status, sizeof status), static_cast<ssize_t>(sizeof status));
        return status;
    }
    /// A random change to one of twenty sessions on ten keys, by postern's means or by plain SQL.
    void write(store& db, foreign_program& shell) {
        const std::string id = "s" + std::to_string(random() % 20);
        const std::string thread = std::to_string(random() % 10);
        switch (random() % 5) {
        case 0:
            shell.run("DELETE FROM sessions WHERE session_id = '" + id + "'");
            return;
        case 1:
            shell.run("INSERT OR REPLACE INTO sessions (session_id, client_id, thread_id, status) "
                      "VALUES ('" +
                      id + "', 'acme', '" + thread + "', 'initializing')");
            return;
        case 2:
            shell.run("UPDATE sessions SET thread_id = '" + thread + "' WHERE session_id = '" + id +
                      "'");
            return;
        default:
            auto one = db.get(id);
            if (!one) {
                session made = session_named(id);
                made.thread_id = thread;
                made.route_key = "acme-" + thread;
                (void)db.insert(made);
                return;
            }
            one->status = static_cast<session_status>(random() % 5);
            one->target.port = static_cast<std::uint16_t>(1 + random() % 60'000);
            one->target.address = *base::ip_address::parse("127.0.0.1");
            (void)db.replace(*one); // a conflict with sync's own write of a key is no matter
        }
    }
    /// What differs, a line a key.
    [[nodiscard]] std::string difference(store& db) const {
        std::string found;
        for (int i = 0; i < 10; ++i) {
            const std::string key = "acme-" + std::to_string(i);
            const auto leader = db.find_by_route_key(key);
            std::string expected = "none";
            if (leader)
                expected = std::string{name_of(leader->status)} + " " +
                           (leader->target.address.is_none() ? "-" : leader->target.text()) + " " +
                           leader->session_id;
            if (route(key) != expected)
                found += key + ": " + route(key) + ", expected " + expected + "\n";
        }
        return found;
    }

    std::mt19937_64 random{20261121};
    pid_t parent = -1;
    int orders[2] = {-1, -1};
    int answers[2] = {-1, -1};
};

TEST_F(sync_crash, killed_at_any_time_it_ends_as_the_store_is) {
    auto db = open_store_here();
    foreign_program shell{store_path};
    opts.poll_interval = std::chrono::milliseconds{1};
    opts.flush_interval = std::chrono::milliseconds{3};
    for (int life = 0; life < 60; ++life) {
        const std::uint64_t snapshots = reader->total(cache::counter::sync_snapshots);
        const pid_t child = start_process();
        // Some lives last long enough to get something done, however slow the machine is.
        const auto has_begun_one = [&] {
            return reader->total(cache::counter::sync_snapshots) > snapshots;
        };
        ASSERT_TRUE(life % 6 != 1 || eventually(has_begun_one)) << life << "\n" << logged();
        const auto death =
            std::chrono::steady_clock::now() + std::chrono::microseconds{random() % 30'000};
        do {
            write(*db, shell);
            bell.ring();
        } while (std::chrono::steady_clock::now() < death);
        ASSERT_EQ(::kill(child, SIGKILL), 0);
        const int status = end_of_process();
        ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself, in life " << life << "\n"
                                         << logged();
        if (life % 6 ==
            0) // now and then a change is made and trimmed: the next one starts with a gap
            shell.run("INSERT OR REPLACE INTO sessions (session_id, client_id, thread_id, status) "
                      "VALUES ('s0', 'acme', '0', 'initializing'); DELETE FROM changes");
    }
    start();
    EXPECT_TRUE(eventually([&] { return difference(*db).empty(); })) << difference(*db);
    EXPECT_GT(reader->total(cache::counter::sync_snapshots), 3U);
    EXPECT_GT(reader->total(cache::counter::sync_applied), 10U);
    EXPECT_EQ(shell.run("PRAGMA integrity_check"), "ok");
}

TEST_F(sync_crash, killed_it_loses_no_activity_that_was_written_and_counts_none_twice) {
    auto db = open_store_here();
    ASSERT_TRUE(db->insert(session_named("s1")));
    opts.flush_interval = std::chrono::milliseconds{5};
    std::uint64_t used = 0;
    for (int life = 0; life < 10; ++life) {
        const std::int64_t born = later_than_last_beat();
        const pid_t child = start_process();
        ASSERT_TRUE(eventually([&] { return reader->status().sync_heartbeat_ms >= born; }));
        ASSERT_TRUE(eventually([&] { return reader->look_up("acme-s1").has_value(); }));
        const std::uint64_t before = db->get("s1")->request_count;
        EXPECT_LE(before, used) << "counted twice";
        cache::activity_delta delta;
        delta.requests = 1 + random() % 5;
        reader->add_activity(reader->look_up("acme-s1")->activity, delta);
        used += delta.requests;
        const auto written = [&] { return db->get("s1")->request_count - before; };
        if (life % 2 == 0) {
            EXPECT_TRUE(eventually([&] { return written() == delta.requests; }))
                << "life " << life << ": " << written() << " written of " << delta.requests;
        }
        ASSERT_EQ(::kill(child, SIGKILL), 0);
        ASSERT_TRUE(WIFSIGNALED(end_of_process()));
    }
}

TEST_F(sync_crash, a_second_sync_on_one_table_ends_with_a_clear_line) {
    start();
    (void)start_process();
    const int status = end_of_process();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1) << status;
    EXPECT_NE(logged().find("the session table cannot be written: "), std::string::npos);
}

} // namespace
} // namespace postern::sync
