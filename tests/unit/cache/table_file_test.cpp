// What is accepted as a table file, what is set aside, and what is refused.
#include "cache/table_file.hpp"
#include "tests/unit/cache/table_fixture.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace postern::cache {
namespace {

using table_file = table_test;
namespace fs = std::filesystem;

TEST_F(table_file, is_made_once_and_then_opened) {
    const auto first = prepare(path(), 100);
    ASSERT_TRUE(first) << first.error().text();
    EXPECT_EQ(*first, prepared::created);
    writer().put("k", route_of("k", 1));
    const auto second = prepare(path(), 100);
    ASSERT_TRUE(second);
    EXPECT_EQ(*second, prepared::opened);
    EXPECT_TRUE(reader().look_up("k"));
    EXPECT_FALSE(fs::exists(path() + ".bad"));
    EXPECT_FALSE(fs::exists(path() + ".new"));
    struct stat status = {};
    ASSERT_EQ(::stat(path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0600U);
    EXPECT_EQ(static_cast<std::uint64_t>(status.st_size), geometry_of(100).file_bytes);
    EXPECT_GE(static_cast<std::uint64_t>(status.st_blocks) * 512, geometry_of(100).file_bytes)
        << "every block is there from the start";
}

TEST_F(table_file, of_another_capacity_is_set_aside) {
    make_table(100);
    writer().put("k", route_of("k", 1));
    const std::string old = bytes_of(path());
    const auto done = prepare(path(), 200);
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_EQ(*done, prepared::rebuilt);
    EXPECT_FALSE(reader().look_up("k"));
    EXPECT_EQ(reader().status().capacity, 200U);
    EXPECT_EQ(bytes_of(path() + ".bad"), old);
}

TEST_F(table_file, in_use_is_not_set_aside) {
    make_table(100);
    auto w = writer();
    w.put("k", route_of("k", 1));
    EXPECT_TRUE(prepare(path(), 100)) << "the same table is shared";
    const auto refused = prepare(path(), 200);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, error::writer_busy);
    EXPECT_TRUE(reader().look_up("k"));
    EXPECT_EQ(w.put("k2", route_of("k2", 1)), put_result::inserted);
}

TEST_F(table_file, of_a_foolish_capacity_is_refused) {
    for (const std::uint64_t capacity : {std::uint64_t{0}, capacity_max + 1, ~std::uint64_t{0}}) {
        const auto refused = prepare(path(), capacity);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, boost::system::errc::invalid_argument);
    }
    EXPECT_FALSE(fs::exists(path()));
    for (const std::uint64_t capacity : {1U, 2U, 5U, 6U, 7U})
        ASSERT_TRUE(prepare(path(std::to_string(capacity)), capacity));
}

struct bad_content {
    const char* name;
    error code;
    std::function<std::string(std::string)> spoilt; // from a good table's bytes
};

class bad_table_file : public table_test, public ::testing::WithParamInterface<bad_content> {};

TEST_P(bad_table_file, is_refused_by_open_and_rebuilt_by_prepare) {
    make_table(20);
    writer().put("k", route_of("k", 1));
    const std::string spoilt = GetParam().spoilt(bytes_of(path()));
    set_bytes(path(), spoilt);
    const auto read = session_reader::open(path(), 0);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, GetParam().code) << read.error().text();
    EXPECT_NE(read.error().text().find(path()), std::string::npos);
    const auto written = session_writer::open(path());
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, GetParam().code) << written.error().text();
    EXPECT_EQ(bytes_of(path()), spoilt) << "a refused file is left alone";
    const auto done = prepare(path(), 20);
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_EQ(*done, prepared::rebuilt);
    EXPECT_EQ(bytes_of(path() + ".bad"), spoilt);
    EXPECT_EQ(writer().live(), 0U);
}

std::function<std::string(std::string)> cut_to(std::function<std::size_t(std::size_t)> size) {
    return [size](std::string bytes) { return bytes.substr(0, size(bytes.size())); };
}

std::function<std::string(std::string)> with_word(std::size_t offset, std::uint64_t value,
                                                  bool signed_again = false) {
    return [=](std::string bytes) {
        std::memcpy(bytes.data() + offset, &value, sizeof value);
        if (signed_again) {
            file_header header = {};
            std::memcpy(&header, bytes.data(), sizeof header);
            header.checksum = checksum64(&header.magic, fixed_header_words, table_magic);
            std::memcpy(bytes.data(), &header, sizeof header);
        }
        return bytes;
    };
}

INSTANTIATE_TEST_SUITE_P(
    kinds, bad_table_file,
    ::testing::Values(
        bad_content{"empty", error::truncated, cut_to([](std::size_t) { return 0; })},
        bad_content{"one_byte", error::truncated, cut_to([](std::size_t) { return 1; })},
        bad_content{"header_less_one", error::truncated,
                    cut_to([](std::size_t) { return sizeof(file_header) - 1; })},
        bad_content{"header_alone", error::truncated,
                    cut_to([](std::size_t) { return sizeof(file_header); })},
        bad_content{"half", error::truncated, cut_to([](std::size_t n) { return n / 2; })},
        bad_content{"all_but_one", error::truncated, cut_to([](std::size_t n) { return n - 1; })},
        bad_content{"longer", error::bad_header, [](std::string bytes) { return bytes + '\0'; }},
        bad_content{"foreign", error::bad_magic,
                    [](const std::string& bytes) {
                        return "SQLite format 3" + std::string(bytes.size(), '\0');
                    }},
        bad_content{"short_foreign", error::bad_magic,
                    [](const std::string&) { return std::string{"capacity=100k\n"}; }},
        bad_content{"one_foreign_byte", error::bad_magic,
                    [](const std::string&) { return std::string{"#"}; }},
        bad_content{"zeros", error::bad_magic,
                    [](const std::string& bytes) { return std::string(bytes.size(), '\0'); }},
        bad_content{"other_byte_order", error::bad_magic,
                    with_word(offsetof(file_header, magic), __builtin_bswap64(table_magic))},
        bad_content{"older_layout", error::other_layout,
                    with_word(offsetof(file_header, format), layout_format() - 1, true)},
        bad_content{"other_capacity", error::bad_header,
                    with_word(offsetof(file_header, capacity), 21)},
        bad_content{"sizes_disagree", error::bad_header,
                    with_word(offsetof(file_header, slots_offset), 1 << 20, true)},
        bad_content{"capacity_zero", error::bad_header,
                    with_word(offsetof(file_header, capacity), 0, true)},
        bad_content{"capacity_absurd", error::bad_header,
                    with_word(offsetof(file_header, capacity), ~std::uint64_t{0}, true)},
        bad_content{"wrong_checksum", error::bad_header,
                    with_word(offsetof(file_header, checksum), 1)}),
    [](const auto& kind) { return kind.param.name; });

struct not_a_table {
    const char* name;
    std::function<void(const std::string&)> make;
    const char* says;
};

class refused_file : public table_test, public ::testing::WithParamInterface<not_a_table> {};

TEST_P(refused_file, is_left_alone_by_everyone) {
    GetParam().make(path());
    const auto refused = [&](const auto& outcome) {
        ASSERT_FALSE(outcome);
        EXPECT_EQ(outcome.error().code, error::not_a_file) << outcome.error().text();
        EXPECT_NE(outcome.error().what.find(GetParam().says), std::string::npos)
            << outcome.error().what;
    };
    refused(prepare(path(), 10));
    refused(session_reader::open(path(), 0));
    refused(session_writer::open(path()));
    EXPECT_TRUE(fs::exists(fs::symlink_status(path())));
    EXPECT_FALSE(fs::exists(path() + ".bad"));
}

INSTANTIATE_TEST_SUITE_P(
    kinds, refused_file,
    ::testing::Values(
        not_a_table{"symlink",
                    [](const std::string& path) {
                        ASSERT_TRUE(prepare(path + ".real", 10));
                        fs::create_symlink(path + ".real", path);
                    },
                    "symbolic link"},
        not_a_table{"dangling_symlink",
                    [](const std::string& path) { fs::create_symlink("/nonexistent", path); },
                    "symbolic link"},
        not_a_table{"fifo",
                    [](const std::string& path) { ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0); },
                    "FIFO"},
        not_a_table{"directory", [](const std::string& path) { fs::create_directory(path); },
                    "directory"},
        not_a_table{"writable_by_all",
                    [](const std::string& path) {
                        ASSERT_TRUE(prepare(path, 10));
                        ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
                    },
                    "0666"},
        not_a_table{"writable_by_group",
                    [](const std::string& path) {
                        ASSERT_TRUE(prepare(path, 10));
                        ASSERT_EQ(::chmod(path.c_str(), 0620), 0);
                    },
                    "0620"}),
    [](const auto& kind) { return kind.param.name; });

TEST_F(table_file, that_cannot_be_made_leaves_nothing_behind) {
    const auto refused = prepare(path("no/such/directory"), 10);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, boost::system::errc::no_such_file_or_directory);
    const auto missing = session_reader::open(path(), 0);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, boost::system::errc::no_such_file_or_directory);
}

TEST_F(table_file, half_made_by_a_dead_master_is_made_again) {
    set_bytes(path() + ".new", std::string(100'000, 'x'));
    const auto done = prepare(path(), 10);
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_EQ(*done, prepared::created);
    EXPECT_EQ(writer().live(), 0U);
}

TEST_F(table_file, with_holes_is_filled_before_use) {
    make_table(100);
    const std::string bytes = bytes_of(path());
    fs::remove(path());
    {
        const base::unique_fd fd{::open(path().c_str(), O_RDWR | O_CREAT, 0600)};
        ASSERT_EQ(::pwrite(fd.get(), bytes.data(), sizeof(file_header), 0),
                  static_cast<ssize_t>(sizeof(file_header)));
        ASSERT_EQ(::ftruncate(fd.get(), static_cast<off_t>(bytes.size())), 0);
    }
    const auto done = prepare(path(), 100);
    ASSERT_TRUE(done);
    EXPECT_EQ(*done, prepared::opened);
    struct stat status = {};
    ASSERT_EQ(::stat(path().c_str(), &status), 0);
    EXPECT_GE(static_cast<std::uint64_t>(status.st_blocks) * 512, bytes.size());
}

} // namespace
} // namespace postern::cache
