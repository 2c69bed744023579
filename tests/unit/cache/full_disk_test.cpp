// Tables on a disk without room: an error at the start, and never one later.
#include "tests/unit/cache/table_fixture.hpp"

#include <sys/mount.h>

namespace postern::cache {
namespace {

using table_on_a_full_disk = table_test;
namespace fs = std::filesystem;

/// A file system of its own, small; needs root.
class small_disk {
  public:
    explicit small_disk(const std::string& at, const char* size = "size=1600k") : at_{at} {
        fs::create_directory(at);
        mounted_ = ::mount("none", at.c_str(), "tmpfs", 0, size) == 0;
    }
    ~small_disk() {
        if (mounted_)
            ::umount2(at_.c_str(), MNT_DETACH);
    }
    [[nodiscard]] bool mounted() const { return mounted_; }

  private:
    std::string at_;
    bool mounted_ = false;
};

TEST_F(table_on_a_full_disk, is_an_error_and_nothing_else) {
    const small_disk disk{path("disk")};
    if (!disk.mounted())
        GTEST_SKIP() << "no permission to mount a small file system";
    const std::string table = path("disk") + "/sessions.table";
    const auto refused = prepare(table, 100'000);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, boost::system::errc::no_space_on_device);
    EXPECT_NE(refused.error().what.find(std::to_string(geometry_of(100'000).bytes_with_texts(0))),
              std::string::npos)
        << refused.error().what;
    EXPECT_TRUE(fs::is_empty(path("disk")));

    // Room for one table and not for two: what is there stays when it cannot be replaced.
    ASSERT_TRUE(prepare(table, 10));
    const auto no_room = prepare(table, 20);
    ASSERT_FALSE(no_room);
    EXPECT_EQ(no_room.error().code, boost::system::errc::no_space_on_device);
    EXPECT_EQ(*prepare(table, 10), prepared::opened);
    EXPECT_EQ(std::distance(fs::directory_iterator{path("disk")}, {}), 1);

    // Every session that fits the table fits the disk.
    set_bytes(path("disk") + "/ballast", std::string(1 << 20, 'x'));
    auto w = session_writer::open(table);
    ASSERT_TRUE(w);
    for (std::uint64_t n = 0; n < 10; ++n)
        ASSERT_EQ(w->put(key_number(n), route_of(key_number(n), 1)), put_result::inserted);
    for (std::uint64_t n = 0; n < 5000; ++n)
        ASSERT_EQ(w->put(key_number(3), route_of(key_number(3), n + 2)), put_result::updated);
}

TEST_F(table_on_a_full_disk, refuses_new_long_texts_and_goes_on_with_those_it_has) {
    const small_disk disk{path("disk"), "size=8m"};
    if (!disk.mounted())
        GTEST_SKIP() << "no permission to mount a small file system";
    const std::string table = path("disk") + "/sessions.table";
    constexpr std::uint64_t capacity = 20'000; // 5 MiB, and another 5 of texts
    ASSERT_TRUE(prepare(table, capacity));
    auto w = session_writer::open(table);
    ASSERT_TRUE(w);
    const auto key = [](std::uint64_t n) { return std::to_string(n) + std::string(190, 'k'); };
    std::uint64_t n = 0;
    while (w->put(key(n), route_of(key(n), 1)) == put_result::inserted)
        ++n;
    EXPECT_GT(n, 4'096U) << "more than the first MiB";
    EXPECT_LT(n, capacity);
    EXPECT_EQ(w->put(key(n), route_of(key(n), 1)), put_result::full);
    EXPECT_EQ(w->put("short", {}), put_result::inserted);
    for (std::uint64_t version = 2; version < 20; ++version)
        for (std::uint64_t old = 0; old < n; old += 97)
            ASSERT_EQ(w->put(key(old), route_of(key(old), version)), put_result::updated);
    const auto r = session_reader::open(table, 0);
    EXPECT_GE(r->total(counter::table_full), 2U);
    for (std::uint64_t old = 0; old < n; ++old)
        ASSERT_EQ(difference(key(old), *r->look_up(key(old))), "");
    // Room comes by itself when sessions go.
    ASSERT_TRUE(w->remove(key(1), 1'000));
    ASSERT_TRUE(w->remove(key(2), 1'000));
    EXPECT_EQ(w->put(key(n), route_of(key(n), 1)), put_result::inserted);
}

TEST_F(table_on_a_full_disk, takes_the_room_of_one_that_was_set_aside_earlier) {
    const small_disk disk{path("disk")};
    if (!disk.mounted())
        GTEST_SKIP() << "no permission to mount a small file system";
    const std::string table = path("disk") + "/sessions.table";
    set_bytes(table, "not a table");
    set_bytes(table + ".bad", std::string(900'000, 'x'));
    const auto done = prepare(table, 10);
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_EQ(*done, prepared::rebuilt);
    EXPECT_EQ(bytes_of(table + ".bad"), "not a table");
}

} // namespace
} // namespace postern::cache
