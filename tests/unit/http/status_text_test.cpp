#include "edge/http/status_text.hpp"

#include <gtest/gtest.h>

namespace postern::edge {
namespace {

TEST(status_text, is_the_standards_or_empty) {
    EXPECT_EQ(status_text(200), "OK");
    EXPECT_EQ(status_text(404), "Not Found");
    EXPECT_EQ(status_text(511), "Network Authentication Required");
    for (const unsigned unknown : {0U, 100U, 199U, 300U, 418U, 420U, 499U, 510U, 512U, 999U})
        EXPECT_EQ(status_text(unknown), "") << unknown;
}

} // namespace
} // namespace postern::edge
