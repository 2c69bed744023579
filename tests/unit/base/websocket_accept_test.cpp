#include "base/websocket_accept.hpp"

#include <gtest/gtest.h>

namespace postern::base {
namespace {

TEST(websocket_accept, is_that_of_the_standards_example) { // RFC 6455 1.3
    EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

} // namespace
} // namespace postern::base
