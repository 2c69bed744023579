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

TEST(text_table, times) {
    EXPECT_EQ(time_text(0), "-");
    EXPECT_EQ(time_text(1795239760549), "2026-11-21T05:42:40Z");
    EXPECT_FALSE(time_text(INT64_MAX).empty());
    EXPECT_FALSE(time_text(INT64_MIN).empty());
}

} // namespace
} // namespace postern::edge
