#include "edge/master/open_files.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>
#include <sys/resource.h>

namespace postern::edge {
namespace {

TEST(open_files, are_doubted_where_the_hard_limit_is_below_two_a_connection) {
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max > std::numeric_limits<std::uint32_t>::max())
        GTEST_SKIP() << "no number of connections is beyond this limit";
    settings conf;
    conf.limits.worker_connections = static_cast<std::uint32_t>((limit.rlim_max - 256) / 2);
    EXPECT_EQ(doubt_open_files(conf), std::nullopt);
    ++conf.limits.worker_connections;
    EXPECT_EQ(doubt_open_files(conf),
              fmt::format("worker_connections {} may need {} open files a worker, and {} are "
                          "allowed; raise the hard limit (LimitNOFILE, ulimit -Hn) or lower "
                          "worker_connections",
                          conf.limits.worker_connections, 2 * conf.limits.worker_connections + 256,
                          limit.rlim_max));
}

} // namespace
} // namespace postern::edge
