#include "base/error.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace postern::base {
namespace {

namespace errc = boost::system::errc;

TEST(failure, says_what_was_wrong_and_why) {
    EXPECT_EQ((failure{make_error_code(errc::permission_denied), "cannot open a"}.text()),
              "cannot open a: Permission denied");
    EXPECT_EQ((failure{make_error_code(errc::permission_denied), ""}.text()), "Permission denied");
}

TEST(failure, a_sentence_of_our_own_needs_no_words_of_the_systems) {
    EXPECT_EQ((failure{make_error_code(errc::invalid_argument), "a is no key"}.text()),
              "a is no key");
    EXPECT_EQ((failure{make_error_code(errc::invalid_argument), ""}.text()), "Invalid argument");
    errno = EINVAL;
    EXPECT_EQ((failure{last_errno(), "cannot listen"}.text()), "cannot listen: Invalid argument");
}

} // namespace
} // namespace postern::base
