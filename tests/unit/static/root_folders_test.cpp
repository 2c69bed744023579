#include "edge/static/root_folders.hpp"
#include "tests/unit/static/static_root.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace postern::edge {
namespace {

using namespace std::chrono_literals;
using tests::body_of;
using tests::request;

std::size_t open_files() {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator{"/proc/self/fd"},
                      std::filesystem::directory_iterator{}));
}

TEST(root_folders, are_kept_for_a_moment) {
    const tests::static_root root;
    const std::string path = root.site().string();
    root_folders folders;
    const root_folders::time start{};
    const auto first = folders.open(path, start);
    ASSERT_GE(first.fd, 0);
    EXPECT_FALSE(first.kept);
    const auto second = folders.open(path, start + root_folders::kept_for - 1ms);
    EXPECT_EQ(second.fd, first.fd);
    EXPECT_TRUE(second.kept);
    EXPECT_FALSE(folders.open(path, start + root_folders::kept_for).kept);
    EXPECT_FALSE(folders.reopen(path, start + root_folders::kept_for).kept);
}

TEST(root_folders, are_few_and_do_not_stay_open) {
    const tests::static_root root;
    root_folders folders;
    const root_folders::time start{};
    const std::size_t before = open_files();
    for (std::size_t i = 0; i < 3 * root_folders::folders_max; ++i) {
        const auto path = root.site() / std::to_string(i);
        std::filesystem::create_directory(path);
        EXPECT_GE(folders.open(path.string(), start).fd, 0);
    }
    EXPECT_EQ(open_files(), before + root_folders::folders_max);
    folders.sweep(start + root_folders::kept_for - 1ms);
    EXPECT_EQ(open_files(), before + root_folders::folders_max);
    folders.sweep(start + root_folders::kept_for);
    EXPECT_EQ(open_files(), before);
}

TEST(root_folders, a_folder_that_is_none) {
    const tests::static_root root;
    root.put("file", "x");
    root_folders folders;
    EXPECT_EQ(folders.open((root.site() / "none").string(), {}).error, ENOENT);
    EXPECT_EQ(folders.open((root.site() / "file").string(), {}).error, ENOTDIR);
    const std::string path = root.site().string();
    ASSERT_GE(folders.open(path, {}).fd, 0);
    std::filesystem::rename(root.site(), root.top() / "away");
    EXPECT_EQ(folders.reopen(path, {}).error, ENOENT);
    EXPECT_EQ(folders.open(path, {}).fd, -1) << "the one that is away is forgotten";
}

TEST(root_folders, a_file_is_missing_only_where_the_folder_of_now_lacks_it) {
    const tests::static_root root;
    const std::vector<std::string> index{"index.html"};
    const static_site site{.index = index};
    const std::string current = (root.top() / "current").string();
    std::filesystem::create_directory(root.top() / "next");
    root.put("old.txt", "old");
    root.put("../next/new.txt", "new");
    std::filesystem::create_directory_symlink("site", current);
    root_folders folders;
    const auto get = [&](std::string_view rest) {
        return answer_static(folders, current, site, "", rest, request(), false);
    };
    EXPECT_EQ(body_of(get("/old.txt")), "old");
    std::filesystem::create_directory_symlink("next", root.top() / "swap");
    std::filesystem::rename(root.top() / "swap", current);
    EXPECT_EQ(body_of(get("/new.txt")), "new");
    EXPECT_TRUE(get("/old.txt").not_found);
}

} // namespace
} // namespace postern::edge
