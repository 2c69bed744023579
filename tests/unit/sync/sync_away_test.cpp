// sync while its store is away, replaced, half empty or of other keys; and what a warm table is
// good for.
#include "sync/follower.hpp"
#include "tests/unit/sync/running_sync.hpp"

#include <fstream>

namespace postern::sync {
namespace {

class sync_away : public testing::Test, public sync_setup {
  protected:
    void remove_store() const {
        // The database last: sync makes a new one as soon as it is gone.
        for (const char* suffix : {"-wal", "-shm", ""})
            std::filesystem::remove(store_path + suffix);
    }
    void fill(const std::string& prefix, int count) const {
        foreign_program shell{store_path};
        shell.run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
                  std::to_string(count) +
                  ") INSERT INTO sessions (session_id, route_key, status, target) "
                  "SELECT '" +
                  prefix + "' || i, '" + prefix + "' || i, 'active', '127.0.0.1:80' FROM n");
    }
    [[nodiscard]] std::size_t times_logged(const std::string& text) const {
        const std::string log = logged();
        std::size_t times = 0;
        for (auto at = log.find(text); at != std::string::npos; at = log.find(text, at + 1))
            ++times;
        return times;
    }
};

TEST_F(sync_away, a_store_that_appears_later_is_followed) {
    const std::string place = store_path = directory.file("later/sessions.db");
    start();
    EXPECT_TRUE(logs("the store is away, 0 sessions stay routed as they were: store " + place));
    EXPECT_TRUE(eventually([&] { return reader->total(cache::counter::sync_errors) >= 2; }));
    EXPECT_TRUE(eventually([&] { return reader->status().sync_heartbeat_ms != 0; }));
    EXPECT_EQ(reader->status().synced_at_ms, 0);
    std::filesystem::create_directory(directory.file("later"));
    ASSERT_TRUE(open_store_here()->insert(session_named("s1")));
    EXPECT_TRUE(becomes("acme-s1", "active 127.0.0.1:4321 s1"));
    EXPECT_TRUE(logs("the store is back"));
    EXPECT_EQ(times_logged("the store is away"), 1U);
}

TEST_F(sync_away, a_ring_tries_a_store_that_is_away_again) {
    using namespace std::chrono_literals;
    base::manual_clock hands;
    base::log silent{-1, base::log_level::crit, "sync", hands};
    auto table = *cache::session_writer::open(table_path);
    int tries = 0;
    const open_store away = [&]() -> base::result<std::unique_ptr<store>> {
        ++tries;
        return base::failure{store_error::unavailable, "away"};
    };
    follower following{opts, away, table, hands, silent, 1};
    while (following.work(false) < hands.steady() + 1s)
        hands.advance(10ms);
    const int before = tries;
    hands.advance(100ms);
    (void)following.work(false);
    EXPECT_EQ(tries, before) << "it is not due";
    (void)following.work(true);
    EXPECT_EQ(tries, before + 1);
    (void)following.work(true);
    EXPECT_EQ(tries, before + 1) << "not more often than every 100 ms";
    hands.advance(100ms);
    (void)following.work(true);
    EXPECT_EQ(tries, before + 2);
}

TEST_F(sync_away, a_warm_table_serves_and_resumes_where_it_stood) {
    auto db = open_store_here();
    ASSERT_TRUE(db->insert(session_named("s1")));
    start();
    ASSERT_TRUE(becomes("acme-s1", "active 127.0.0.1:4321 s1"));
    stop();
    ASSERT_TRUE(db->insert(session_named("s2")));
    ASSERT_TRUE(db->remove("s1", 0));
    EXPECT_EQ(route("acme-s1"), "active 127.0.0.1:4321 s1");
    start();
    EXPECT_TRUE(becomes("acme-s2", "active 127.0.0.1:4321 s2"));
    EXPECT_TRUE(becomes("acme-s1", "none"));
    EXPECT_EQ(reader->total(cache::counter::sync_snapshots), 1U) << "only the first";
}

TEST_F(sync_away, a_trimmed_log_makes_a_snapshot) {
    auto db = open_store_here();
    ASSERT_TRUE(db->insert(session_named("s1")));
    start();
    ASSERT_TRUE(is_synced());
    stop();
    ASSERT_TRUE(db->insert(session_named("s2")));
    ASSERT_TRUE(db->remove("s1", 0));
    foreign_program{store_path}.run("DELETE FROM changes");
    start();
    EXPECT_TRUE(becomes("acme-s2", "active 127.0.0.1:4321 s2"));
    EXPECT_TRUE(becomes("acme-s1", "none"));
    EXPECT_EQ(reader->total(cache::counter::sync_snapshots), 2U);
    ASSERT_TRUE(db->insert(session_named("s3")));
    EXPECT_TRUE(becomes("acme-s3", "active 127.0.0.1:4321 s3"));
}

TEST_F(sync_away, a_table_of_another_store_is_not_resumed) {
    ASSERT_TRUE(open_store_here()->insert(session_named("s1")));
    start();
    ASSERT_TRUE(becomes("acme-s1", "active 127.0.0.1:4321 s1"));
    stop();
    foreign_program{store_path}.run("UPDATE meta SET value = 'another' WHERE name = 'identity'");
    start();
    EXPECT_TRUE(logs("snapshot of the store begins: the table is of another store"));
    EXPECT_TRUE(becomes("acme-s1", "active 127.0.0.1:4321 s1"));
}

TEST_F(sync_away, a_replaced_store_is_noticed_and_its_older_versions_count) {
    (void)open_store_here();
    fill("k", 50);
    foreign_program{store_path}.run("UPDATE sessions SET branch = 'x'");
    start();
    ASSERT_TRUE(is_synced());
    remove_store();
    auto db = open_store_here();
    session one = session_named("k7");
    one.route_key = "k7";
    one.status = session_status::draining;
    one = *db->insert(one); // version 1, where the table holds more than 50
    EXPECT_TRUE(becomes("k7", "draining 127.0.0.1:4321 k7"));
    EXPECT_TRUE(becomes("k8", "none"));
    EXPECT_TRUE(logs("the file was deleted or replaced"));
    one.status = session_status::active;
    one = *db->replace(one);
    EXPECT_TRUE(becomes("k7", "active 127.0.0.1:4321 k7"));
    stop();
    start();
    ASSERT_TRUE(db->remove("k7", 0));
    EXPECT_TRUE(becomes("k7", "none"));
}

TEST_F(sync_away, a_sweep_of_most_of_the_table_is_confirmed_first) {
    opts.confirm_after = std::chrono::seconds{2};
    (void)open_store_here();
    fill("k", 300);
    start();
    ASSERT_TRUE(is_synced());
    const auto began = clock.steady();
    remove_store();
    (void)open_store_here();
    fill("j", 2);
    EXPECT_TRUE(becomes("j2", "active 127.0.0.1:80 j2"));
    EXPECT_TRUE(logs("would remove 300 of "));
    EXPECT_TRUE(becomes("k1", "none")) << "confirmed";
    EXPECT_GE(clock.steady() - began, opts.confirm_after) << "held";
    EXPECT_TRUE(eventually([&] { return reader->status().live == 2; }));
    EXPECT_EQ(reader->total(cache::counter::sync_snapshots), 3U);
}

TEST_F(sync_away, a_half_empty_store_that_fills_again_removes_nothing) {
    opts.confirm_after = std::chrono::seconds{6}; // far more than the store takes to be filled
    (void)open_store_here();
    fill("k", 300);
    start();
    ASSERT_TRUE(is_synced());
    remove_store();
    ASSERT_TRUE(logs("would remove 300 of "));
    fill("k", 300);
    EXPECT_TRUE(eventually([&] { return times_logged("snapshot of the store ended") == 2; }));
    EXPECT_EQ(reader->status().live, 300U);
    EXPECT_EQ(times_logged(" sessions in the table, 0 removed"), 2U);
}

TEST_F(sync_away, a_restored_copy_is_noticed) {
    auto db = open_store_here();
    ASSERT_TRUE(db->insert(session_named("s1")));
    foreign_program shell{store_path};
    const std::string copy = directory.file("copy.db");
    shell.run("VACUUM INTO '" + copy + "'");
    start();
    ASSERT_TRUE(db->remove("s1", 0));
    ASSERT_TRUE(db->insert(session_named("s2")));
    ASSERT_TRUE(becomes("acme-s2", "active 127.0.0.1:4321 s2"));
    shell.restore(copy);
    EXPECT_TRUE(becomes("acme-s1", "active 127.0.0.1:4321 s1"));
    EXPECT_TRUE(becomes("acme-s2", "none"));
    ASSERT_TRUE(db->insert(session_named("s3"))) << "on the connection that was open all the time";
    EXPECT_TRUE(becomes("acme-s3", "active 127.0.0.1:4321 s3"));
}

TEST_F(sync_away, a_store_that_is_no_database_is_away_too) {
    auto db = open_store_here();
    ASSERT_TRUE(db->insert(session_named("s1")));
    start();
    ASSERT_TRUE(becomes("acme-s1", "active 127.0.0.1:4321 s1"));
    remove_store();
    std::ofstream{store_path} << std::string(4096, 'x');
    EXPECT_TRUE(logs("it is not an SQLite database"));
    EXPECT_EQ(route("acme-s1"), "active 127.0.0.1:4321 s1");
}

TEST_F(sync_away, a_new_route_key_template_makes_the_keys_anew) {
    auto db = open_store_here();
    ASSERT_TRUE(db->insert(session_named("s1")));
    start();
    ASSERT_TRUE(becomes("acme-s1", "active 127.0.0.1:4321 s1"));
    stop();
    opts.route_key = *base::text_template::parse("{userId}.{threadId}");
    start();
    EXPECT_TRUE(becomes("u1.s1", "active 127.0.0.1:4321 s1"));
    EXPECT_TRUE(becomes("acme-s1", "none"));
    EXPECT_EQ(db->find_by_route_key("u1.s1")->session_id, "s1");
    EXPECT_TRUE(eventually([&] { return *db->route_key_template() == "{userId}.{threadId}"; }));
}

TEST_F(sync_away, a_new_route_ttl_reaches_routes_that_are_there) {
    auto db = open_store_here();
    session one = session_named("s1");
    one.status = session_status::inactive;
    one.last_activity_at_ms = one.created_at_ms = base::to_epoch_ms(clock.wall());
    ASSERT_TRUE(db->insert(one));
    start();
    ASSERT_TRUE(becomes("acme-s1", "inactive 127.0.0.1:4321 s1"));
    stop();
    opts.route_ttl = std::chrono::minutes{1};
    start();
    EXPECT_TRUE(eventually(
        [&] { return reader->look_up("acme-s1")->resume_until_ms == one.created_at_ms + 60'000; }));
}

TEST(sync_full_table, refuses_new_sessions_and_takes_them_when_there_is_room) {
    sync_setup small{4};
    auto db = small.open_store_here();
    for (int i = 0; i < 6; ++i)
        ASSERT_TRUE(db->insert(session_named(std::to_string(i))));
    small.start();
    ASSERT_TRUE(small.is_synced());
    EXPECT_EQ(small.reader->status().live, small.reader->status().capacity);
    EXPECT_TRUE(small.logs("the session table is full"));
    const std::uint64_t live = small.reader->status().live;
    std::string present;
    for (int i = 0; i < 6; ++i)
        if (small.route("acme-" + std::to_string(i)) != "none")
            present = std::to_string(i);
    session one = *db->get(present);
    one.status = session_status::draining;
    ASSERT_TRUE(db->replace(one));
    EXPECT_TRUE(small.becomes("acme-" + present, "draining 127.0.0.1:4321 " + present))
        << "sessions that are in are not disturbed";
    EXPECT_EQ(small.reader->status().live, live);
    ASSERT_TRUE(db->remove(present, 0));
    EXPECT_TRUE(small.becomes("acme-" + present, "none"));
    EXPECT_TRUE(eventually([&] { return small.reader->status().live == live; }))
        << "another one has taken its place";
}

TEST_F(sync_away, a_full_comparison_comes_by_and_by) {
    opts.snapshot_interval = std::chrono::milliseconds{50};
    ASSERT_TRUE(open_store_here()->insert(session_named("s1")));
    start();
    EXPECT_TRUE(eventually([&] { return reader->total(cache::counter::sync_snapshots) >= 4; }));
    EXPECT_EQ(route("acme-s1"), "active 127.0.0.1:4321 s1");
}

} // namespace
} // namespace postern::sync
