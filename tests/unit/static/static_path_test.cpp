#include "edge/static/static_path.hpp"

#include <gtest/gtest.h>

#include <string>

namespace postern::edge {
namespace {

TEST(static_path, plain_spellings) {
    const struct {
        const char* raw;
        const char* file;
        bool is_folder;
        const char* canonical;
    } rows[] = {
        {"", "", false, "/"},
        {"/", "", true, "/"},
        {"/a", "a", false, "/a"},
        {"/a/", "a", true, "/a/"},
        {"/a/b.html", "a/b.html", false, "/a/b.html"},
        {"/a%20b", "a b", false, "/a%20b"},
        {"/%e6%97%a5/%E6%9C%AC", "\u65e5/\u672c", false, "/%E6%97%A5/%E6%9C%AC"},
        {"/\u65e5", "\u65e5", false, "/%E6%97%A5"},
        {"/%ff%fe", "\xff\xfe", false, "/%FF%FE"},
        {"/%25", "%", false, "/%25"},
        {"/%252e%252e", "%2e%2e", false, "/%252e%252e"}, // decoded once, and only once
        {"/%3Fa", "?a", false, "/%3Fa"},
        {"/%23", "#", false, "/%23"},
        {"/a+b", "a+b", false, "/a+b"}, // '+' is no space in a path
        {"/...", "...", false, "/..."},
        {"/..a/.b/c..", "..a/.b/c..", false, "/..a/.b/c.."},
        {"/.well-known/x", ".well-known/x", false, "/.well-known/x"},
        {"/a;b=1,c@d:e!$&'()*", "a;b=1,c@d:e!$&'()*", false, "/a;b=1,c@d:e!$&'()*"},
        {"a/b", "a/b", false, "/a/b"},
    };
    for (const auto& row : rows) {
        const auto path = static_path_of(row.raw);
        ASSERT_TRUE(path) << row.raw;
        EXPECT_EQ(path->file, row.file) << row.raw;
        EXPECT_EQ(path->is_folder, row.is_folder) << row.raw;
        EXPECT_FALSE(path->is_renamed) << row.raw;
        EXPECT_EQ(path->canonical, row.canonical) << row.raw;
    }
}

TEST(static_path, spellings_that_hide_a_name_are_renamed) {
    const struct {
        const char* raw;
        const char* canonical;
    } rows[] = {
        {"/%70rivate", "/private"},
        {"/%7Ex", "/~x"},
        {"/%40fs/x", "/@fs/x"},
        {"/a%3Db", "/a=b"},
        {"//", "/"},
        {"//private/x", "/private/x"},
        {"/private//x", "/private/x"},
        {"/a///", "/a/"},
        {"//evil.example/%2561", "/evil.example/%2561"},
    };
    for (const auto& row : rows) {
        const auto path = static_path_of(row.raw);
        ASSERT_TRUE(path) << row.raw;
        EXPECT_TRUE(path->is_renamed) << row.raw;
        EXPECT_EQ(path->canonical, row.canonical) << row.raw;
        const auto again = static_path_of(path->canonical); // no redirect leads to another
        ASSERT_TRUE(again) << row.raw;
        EXPECT_FALSE(again->is_renamed) << row.raw;
        EXPECT_EQ(again->file, path->file) << row.raw;
        EXPECT_EQ(again->canonical, path->canonical) << row.raw;
    }
}

TEST(static_path, no_byte_passes_that_must_not) {
    for (int byte = 0; byte < 256; ++byte) {
        const char digits[] = "0123456789abcdef";
        const std::string escaped{'/', 'a', '%', digits[byte >> 4], digits[byte & 15], 'b'};
        const bool refused = byte < 0x20 || byte == 0x7f || byte == '\\' || byte == '/';
        const auto path = static_path_of(escaped);
        EXPECT_EQ(path.has_value(), !refused) << escaped;
        if (path) {
            EXPECT_EQ(path->file, (std::string{'a', static_cast<char>(byte), 'b'}));
        }
        const std::string raw{'/', 'a', static_cast<char>(byte), 'b'};
        if (byte != '%' && byte != '/') {
            EXPECT_EQ(static_path_of(raw).has_value(), !refused) << byte;
        }
    }
}

TEST(static_path, dot_segments_name_nothing) {
    for (const char* raw : {"/.", "/..", "/./", "/../", "/a/.", "/a/..", "/./a", "/../a", "/a/../b",
                            "/a/./b", ".", "..", "/%2e", "/a/%2E%2e", "/.%2e/a", "/a/%2e", "//.."})
        EXPECT_FALSE(static_path_of(raw)) << raw;
}

TEST(static_path, an_escape_ends_where_the_path_does) {
    const std::string_view text = "/%41";
    EXPECT_FALSE(static_path_of(text.substr(0, 3))); // what follows in memory is not part of it
    EXPECT_FALSE(static_path_of(text.substr(0, 2)));
}

TEST(static_path, bad_escapes_name_nothing) {
    for (const char* raw :
         {"/%", "/%4", "/a%", "/%zz", "/%4g", "/%g4", "/%%41", "/%u0041", "/% 41", "/%-1"})
        EXPECT_FALSE(static_path_of(raw)) << raw;
}

} // namespace
} // namespace postern::edge
