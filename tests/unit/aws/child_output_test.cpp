#include "sync/aws/aws_error.hpp"
#include "sync/aws/child_output.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace postern::sync::aws {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using words = std::vector<std::string>;

TEST(words_of_test, parts_a_command_line_without_a_shell) {
    EXPECT_THAT(*words_of(" a  b\tc "), ElementsAre("a", "b", "c"));
    EXPECT_THAT(*words_of(R"('a b' "c 'd'" e\ f "g\"h" '\i' "" x''y)"),
                ElementsAre("a b", "c 'd'", "e f", "g\"h", "\\i", "", "xy"));
    EXPECT_THAT(*words_of("$HOME *;|"), ElementsAre("$HOME", "*;|"));
    EXPECT_TRUE(words_of("")->empty());
    EXPECT_FALSE(words_of("'a"));
    EXPECT_FALSE(words_of("a \"b"));
}

aws_error code_of(const base::result<std::string>& r) {
    return r ? aws_error{} : static_cast<aws_error>(r.error().code.value());
}

TEST(child_output_test, gives_what_it_says) {
    EXPECT_EQ(output_of({"printf", "%s", "x y"}, {}, {}).value(), "x y");
    EXPECT_EQ(output_of({"cat"}, {}, {}).value(), ""); // nothing to read
    EXPECT_EQ(output_of({"sh", "-c", "echo no >&2; echo yes"}, {}, {}).value(), "yes\n");
}

TEST(child_output_test, tells_why_it_gives_nothing) {
    EXPECT_EQ(code_of(output_of({"/nowhere/at/all"}, {}, {})), aws_error::misconfigured);
    EXPECT_THAT(output_of({"sh", "-c", "exit 7"}, {}, {}).error().what, HasSubstr("status 7"));
    EXPECT_THAT(output_of({"sh", "-c", "kill -TERM $$"}, {}, {}).error().what,
                HasSubstr("signal 15"));
    EXPECT_EQ(code_of(output_of({"yes"}, {.output_bytes_max = 1'000}, {})),
              aws_error::misconfigured);
}

TEST(child_output_test, ends_it_and_its_own_children_in_time) {
    const auto begun = std::chrono::steady_clock::now();
    // The child's child holds the pipe as well.
    const auto got =
        output_of({"sh", "-c", "sleep 60 & sleep 60"}, {.time = milliseconds{100}}, {});
    EXPECT_EQ(code_of(got), aws_error::down);
    // It has said all, and does not end.
    const auto silent =
        output_of({"sh", "-c", "exec >&-; sleep 60"}, {.time = milliseconds{100}}, {});
    EXPECT_EQ(code_of(silent), aws_error::down);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds{50});
}

TEST(child_output_test, is_stopped) {
    std::stop_source stop;
    const std::jthread other{[&] { stop.request_stop(); }};
    EXPECT_EQ(code_of(output_of({"sleep", "60"}, {}, stop.get_token())), aws_error::cancelled);
}

} // namespace
} // namespace postern::sync::aws
