// A table that is damaged while sync runs, or lost: what comes back, from where, and what is said
// meanwhile.
#include "cache/layout.hpp"
#include "sync/follower.hpp"
#include "tests/unit/sync/running_sync.hpp"
#include "tests/unit/sync/scripted_store.hpp"

#include <csignal>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

namespace postern::sync {
namespace {

class sync_damage : public testing::Test, public sync_setup {
  protected:
    static constexpr int sessions = 150;

    void SetUp() override {
        auto db = open_store_here();
        for (int i = 0; i < sessions; ++i)
            ASSERT_TRUE(db->insert(session_named(std::to_string(i))));
        start();
        ASSERT_TRUE(is_synced());
        ASSERT_EQ(present(), sessions);
    }
    [[nodiscard]] int present() const {
        int found = 0;
        for (int i = 0; i < sessions; ++i)
            found += reader->look_up("acme-" + std::to_string(i)) ? 1 : 0;
        return found;
    }
    /// Noise over the file's bytes, as `dd conv=notrunc` writes it.
    void scribble(std::uint64_t from, std::uint64_t to) const {
        const std::string noise(to - from, '\xa5');
        const base::unique_fd file{::open(table_path.c_str(), O_WRONLY | O_CLOEXEC)};
        ASSERT_EQ(::pwrite(file.get(), noise.data(), noise.size(), static_cast<off_t>(from)),
                  static_cast<ssize_t>(noise.size()));
    }
    [[nodiscard]] bool is_whole_again() const {
        return eventually([&] { return present() == sessions && synced() != 0; });
    }
    [[nodiscard]] std::int64_t synced() const { return reader->status().synced_at_ms; }

    cache::geometry shape = cache::geometry_of(1000);
};

TEST_F(sync_damage, slots_come_back_from_the_store) {
    scribble(shape.slots_offset, shape.slots_offset + 64 * sizeof(cache::slot));
    ASSERT_TRUE(logs("the session table was damaged: "));
    EXPECT_TRUE(is_whole_again());
    EXPECT_TRUE(logs("snapshot of the store begins: the table was damaged"));
    EXPECT_GE(reader->total(cache::counter::table_damages), 1U);
}

TEST_F(sync_damage, all_sections_at_once) {
    scribble(0, sizeof(cache::file_header));
    scribble(shape.index_offset, shape.file_bytes);
    ASSERT_TRUE(logs("the session table was damaged: "));
    EXPECT_TRUE(is_whole_again());
    EXPECT_TRUE(cache::session_reader::open(table_path, 2)) << "the header is good";
}

TEST_F(sync_damage, a_snapshot_under_way_begins_anew) {
    for (int i = 0; i < 20; ++i) {
        scribble(shape.slots_offset, shape.slots_offset + 128 * 20);
        std::this_thread::sleep_for(std::chrono::milliseconds{i});
    }
    EXPECT_TRUE(is_whole_again());
}

TEST_F(sync_damage, waiting_workers_are_rung) {
    scribble(shape.index_offset, shape.slots_offset);
    pollfd rung{workers[0].fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&rung, 1, 30'000), 1);
}

TEST_F(sync_damage, with_the_store_away_the_index_comes_back_and_slots_wait) {
    std::filesystem::rename(store_path, store_path + ".away");
    std::filesystem::create_directory(store_path); // as good as no store
    ASSERT_TRUE(logs("the store is away"));
    scribble(shape.index_offset, shape.slots_offset);
    EXPECT_TRUE(eventually([&] { return present() == sessions; }));
    EXPECT_NE(synced(), 0);
    scribble(shape.slots_offset, shape.slots_offset + 50 * sizeof(cache::slot));
    EXPECT_TRUE(eventually([&] { return synced() == 0; })) << "nobody takes it for complete";
    EXPECT_EQ(present(), sessions - 50);
    std::filesystem::remove(store_path);
    std::filesystem::rename(store_path + ".away", store_path);
    EXPECT_TRUE(is_whole_again());
}

TEST_F(sync_damage, a_sync_that_dies_with_the_damage_leaves_it_to_the_next) {
    stop();
    std::filesystem::rename(store_path, store_path + ".away");
    std::filesystem::create_directory(store_path);
    start();
    scribble(shape.slots_offset, shape.slots_offset + 50 * sizeof(cache::slot));
    ASSERT_TRUE(eventually([&] { return synced() == 0; }));
    stop();
    std::filesystem::remove(store_path);
    std::filesystem::rename(store_path + ".away", store_path);
    start();
    EXPECT_TRUE(is_whole_again());
}

TEST_F(sync_damage, confirms_no_removal_of_most_of_the_table) {
    stop();
    opts.confirm_after = std::chrono::minutes{1};
    std::filesystem::rename(store_path, store_path + ".away");
    (void)open_store_here(); // an empty one, put there by mistake
    start();
    ASSERT_TRUE(logs("would remove 150 of 150 sessions"));
    scribble(shape.slots_offset, shape.slots_offset + 20 * sizeof(cache::slot));
    EXPECT_TRUE(logs("would remove 130 of 130 sessions: nothing is removed before"));
    EXPECT_EQ(present(), sessions - 20);
}

TEST_F(sync_damage, a_file_that_is_deleted_is_given_up_and_made_anew) {
    const base::unique_fd old{::open(table_path.c_str(), O_RDONLY | O_CLOEXEC)};
    std::filesystem::remove(table_path);
    EXPECT_EQ(end_by_itself(), 1);
    EXPECT_TRUE(logs("is given up"));
    EXPECT_EQ(::lseek(old.get(), 0, SEEK_END), 0) << "whoever has it mapped finds out";
    // The old readers' file is gone for good.
    reader.emplace(*[&] {
        EXPECT_TRUE(cache::replace_lost(table_path, 1000));
        return cache::session_reader::open(table_path, 1);
    }());
    start();
    EXPECT_TRUE(is_whole_again());
}

TEST_F(sync_damage, a_file_that_cannot_be_opened_is_replaced) {
    stop();
    scribble(0, 256);
    stop_bell = *base::doorbell::make();
    std::thread next{[&] { EXPECT_EQ(run_sync(), 0); }};
    EXPECT_TRUE(logs("the session table is lost, another is made"));
    EXPECT_TRUE(eventually([&] {
        auto opened = cache::session_reader::open(table_path, 1);
        if (opened)
            reader.emplace(std::move(*opened));
        return opened && present() == sessions;
    }));
    stop_bell.ring();
    next.join();
    EXPECT_TRUE(std::filesystem::exists(table_path + ".bad"));
    opts.table_capacity = 0;
    std::filesystem::remove(table_path);
    EXPECT_EQ(run_sync(), 1) << "without a capacity nothing can be made";
}

TEST_F(sync_damage, a_signal_counts_as_a_ring) {
    stop();
    opts.poll_interval = std::chrono::minutes{1};
    struct sigaction act {};
    act.sa_handler = [](int) {};
    act.sa_flags = SA_RESTART;
    ASSERT_EQ(::sigaction(SIGUSR1, &act, nullptr), 0);
    start();
    ASSERT_TRUE(open_store_here()->insert(session_named("new")));
    ::pthread_kill(thread(), SIGUSR1);
    EXPECT_TRUE(becomes("acme-new", "active 127.0.0.1:4321 new"));
}

/// A feed that never has anything.
class quiet_store final : public scripted_store {
  public:
    base::result<feed_batch> changes_after(std::string_view checkpoint, std::size_t) override {
        return feed_batch{{}, std::string{checkpoint}, true};
    }
};

TEST_F(sync_damage, the_table_is_in_step_again_only_after_the_whole_snapshot) {
    stop();
    base::manual_clock hands;
    base::log silent{-1, base::log_level::crit, "sync", hands};
    auto table = *cache::session_writer::open(table_path);
    const open_store open = [] {
        auto made = std::make_unique<quiet_store>();
        for (int i = 0; i < sessions; ++i)
            made->set({session_named(std::to_string(i)), {}});
        return base::result<std::unique_ptr<store>>{std::move(made)};
    };
    follower following{opts, open, table, hands, silent, 1};
    const auto turns_until_synced = [&] {
        int turns = 0;
        for (; turns < 20 && synced() == 0; ++turns) {
            hands.advance(opts.poll_interval);
            (void)following.work(true);
        }
        return turns;
    };
    table.set_synced_at(0);
    turns_until_synced();
    ASSERT_EQ(present(), sessions);
    table.set_synced_at(0); // as the patrol does, and forgets the checkpoint
    ASSERT_TRUE(table.set_checkpoint(""));
    following.recover();
    (void)following.work(true);
    EXPECT_EQ(synced(), 0);
    EXPECT_EQ(table.checkpoint(), "") << "a sync that dies now leaves the snapshot to the next";
    EXPECT_GE(turns_until_synced(), 3) << "two pages, and a look at the feed";
    EXPECT_NE(table.checkpoint(), "");
}

} // namespace
} // namespace postern::sync
