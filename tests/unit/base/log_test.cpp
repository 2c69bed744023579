#include "base/log.hpp"

#include <gtest/gtest.h>

#include <cstdio>

namespace postern::base {
namespace {

std::string logged(log_level threshold, log_level level, std::string_view message) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    const manual_clock time{wall_time{std::chrono::milliseconds{1'700'000'000'123}}};
    log out{ends[1], threshold, "worker/0", time};
    out.write(level, message);
    ::close(ends[1]);
    char bytes[8192];
    const ssize_t n = ::read(ends[0], bytes, sizeof bytes);
    ::close(ends[0]);
    return {bytes, n > 0 ? static_cast<std::size_t>(n) : 0};
}

TEST(log, one_line_with_time_level_role_pid) {
    EXPECT_EQ(logged(log_level::info, log_level::warn, "it rains"),
              fmt::format("2023-11-14T22:13:20.123Z warn   worker/0[{}] it rains\n", ::getpid()));
}

TEST(log, below_the_threshold_nothing) {
    EXPECT_EQ(logged(log_level::warn, log_level::info, "it rains"), "");
}

TEST(log, no_bytes_of_a_peer_can_forge_a_line) {
    const std::string line = logged(log_level::info, log_level::info, "a\nb\x1b[0m");
    EXPECT_NE(line.find("a\\x0ab\\x1b[0m\n"), std::string::npos);
}

TEST(log, a_huge_message_is_cut) {
    const std::string line = logged(log_level::info, log_level::info, std::string(100'000, 'x'));
    EXPECT_LE(line.size(), 4096U);
    EXPECT_EQ(line.substr(line.size() - 4), "...\n");
}

} // namespace
} // namespace postern::base
