#include "edge/cli/text_table.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace postern::edge {
namespace {

TEST(text_table, columns_are_as_wide_as_their_widest_cell) {
    text_table table{{"A", "LONGER", "C"}};
    table.add({"wide cell", "x", "last"});
    table.add({"\xC3\xA9", "", "\x1b[31m"});
    std::ostringstream out;
    table.write(out);
    EXPECT_EQ(out.str(), "A          LONGER  C\n"
                         "wide cell  x       last\n"
                         "\xC3\xA9          -       \\x1b[31m\n");
}

TEST(text_table, nothing_steers_the_terminal) {
    EXPECT_EQ(shown_whole("a\r\n\x7f"), "a\\x0d\\x0a\\x7f");
    EXPECT_EQ(shown_whole("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"),
              "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    EXPECT_EQ(shown_whole("\xC2\x9B"
                          "31m"),
              "\\xc2\\x9b31m"); // CSI as one character
    EXPECT_EQ(shown_whole("\xC3"), "\\xc3");
    EXPECT_EQ(shown_whole("\xED\xA0\x80"), "\\xed\\xa0\\x80"); // a surrogate
}

TEST(text_table, times) {
    EXPECT_EQ(time_text(0), "-");
    EXPECT_EQ(time_text(1795239760549), "2026-11-21T05:42:40Z");
    EXPECT_FALSE(time_text(INT64_MAX).empty());
    EXPECT_FALSE(time_text(INT64_MIN).empty());
}

TEST(text_table, json_strings) {
    EXPECT_EQ(json_string("a\"b\\c"), R"("a\"b\\c")");
    EXPECT_EQ(json_string("\n\x01"), R"("\u000a\u0001")");
    EXPECT_EQ(json_string("\xC3\xA9"), "\"\xC3\xA9\"");
    EXPECT_EQ(json_string("\xC3"), "\"\xEF\xBF\xBD\"");
    EXPECT_EQ(json_string("\xF5\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
    EXPECT_EQ(json_string(""), "\"\"");
}

} // namespace
} // namespace postern::edge
