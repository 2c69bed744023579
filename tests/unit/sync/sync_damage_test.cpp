// A table that is damaged while sync runs, or lost: what comes back, from where, and what is said
// meanwhile.
#include "cache/layout.hpp"
#include "tests/unit/sync/running_sync.hpp"

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
    EXPECT_EQ(::poll(&rung, 1, 5000), 1);
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

TEST_F(sync_damage, a_file_that_is_deleted_is_given_up_and_made_anew) {
    std::filesystem::remove(table_path);
    EXPECT_EQ(end_by_itself(), 1);
    EXPECT_TRUE(logs("is given up"));
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

} // namespace
} // namespace postern::sync
