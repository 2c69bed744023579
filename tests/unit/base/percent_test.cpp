#include "base/percent.hpp"

#include <gtest/gtest.h>

namespace postern::base {
namespace {

TEST(percent, encodes_all_but_the_unreserved) {
    EXPECT_EQ(percent_encoded("aZ09-._~"), "aZ09-._~");
    EXPECT_EQ(percent_encoded("a b/@%"), "a%20b%2F%40%25");
    EXPECT_EQ(percent_encoded(std::string_view{"\0\xff\x0a", 3}), "%00%FF%0A");
    EXPECT_EQ(percent_encoded(""), "");
}

TEST(percent, reads_back_every_byte_it_writes) {
    for (int byte = 0; byte < 256; ++byte) {
        std::string text = "x";
        append_escape(text, static_cast<char>(byte));
        EXPECT_EQ(escaped_byte(text, 1), byte) << text;
    }
}

TEST(percent, an_escape_has_two_digits_of_either_case) {
    EXPECT_EQ(escaped_byte("%aF", 0), 0xaf);
    for (const std::string_view broken :
         {"%", "%4", "%g0", "%0g", "%-1", "% 1", "%:0", "%/0", "%@0", "%G0", "%`0"})
        EXPECT_EQ(escaped_byte(broken, 0), -1) << broken;
}

} // namespace
} // namespace postern::base
