#include "control/api/token.hpp"

#include <gtest/gtest.h>

namespace postern::control {
namespace {

TEST(token, is_borne_or_not) {
    EXPECT_TRUE(bears_token("Bearer secret", "secret"));
    EXPECT_TRUE(bears_token("bearer secret", "secret"));
    for (const char* bad : {"", "Bearer", "Bearer ", "Bearer secre", "Bearer secrets",
                            "Bearer Secret", "Bearer  secret", "secret", "Basic secret"})
        EXPECT_FALSE(bears_token(bad, "secret")) << bad;
    // A conf without a token lets nobody in.
    EXPECT_FALSE(bears_token("Bearer ", ""));
}

} // namespace
} // namespace postern::control
