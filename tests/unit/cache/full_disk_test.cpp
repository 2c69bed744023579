// Tables on a disk without room: an error at the start, and never one later.
#include "tests/unit/cache/table_fixture.hpp"

#include <sys/mount.h>

namespace postern::cache {
namespace {

using table_on_a_full_disk = table_test;
namespace fs = std::filesystem;

/// A file system of its own, of one MiB; needs root.
class small_disk {
  public:
    explicit small_disk(const std::string& at) : at_{at} {
        fs::create_directory(at);
        mounted_ = ::mount("none", at.c_str(), "tmpfs", 0, "size=1m") == 0;
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
    EXPECT_NE(refused.error().what.find(std::to_string(geometry_of(100'000).file_bytes)),
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
