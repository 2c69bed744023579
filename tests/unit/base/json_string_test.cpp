#include "base/json_string.hpp"

#include <gtest/gtest.h>

namespace postern::base {
namespace {

TEST(json_string, is_json_whatever_the_bytes) {
    EXPECT_EQ(json_string("a\"b\\c"), R"("a\"b\\c")");
    EXPECT_EQ(json_string("\n\x01"), R"("\n\u0001")");
    EXPECT_EQ(json_string("\xC3\xA9"), "\"\xC3\xA9\"");
    EXPECT_EQ(json_string("\xC3"), "\"\xEF\xBF\xBD\"");
    EXPECT_EQ(json_string("\xF5\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
    EXPECT_EQ(json_string(""), "\"\"");
}

} // namespace
} // namespace postern::base
