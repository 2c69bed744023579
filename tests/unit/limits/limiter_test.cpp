#include "base/unique_fd.hpp"
#include "cache/segment.hpp"
#include "edge/limits/limiter.hpp"
#include "tests/unit/cache/child_process.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace postern::edge {
namespace {

using cache::counter;
using counted = limiter::counted_connection;
using namespace std::chrono_literals;

base::ip_address address(const char* text) {
    return *base::ip_address::parse(text);
}

/// A master's memory, a table to count in, and a clock to turn.
struct fixture : testing::Test {
    fixture() {
        EXPECT_TRUE(cache::prepare(path, 16));
        table.emplace(cache::session_reader::open(path, 0).value());
    }
    ~fixture() override { std::filesystem::remove(path); }

    limiter worker(std::uint32_t slot) { return {shared, limits, slot, *table, time, log}; }

    std::string path =
        std::filesystem::temp_directory_path() / ("postern_limiter_" + std::to_string(::getpid()));
    base::manual_clock time;
    base::unique_fd nowhere{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
    base::log log{nowhere.get(), base::log_level::warn, "test", time};
    shared_limits shared = shared_limits::make().value();
    limits_settings limits;
    std::optional<cache::session_reader> table;
};
using limited = fixture;

TEST_F(limited, a_client_of_ipv6_is_its_network) {
    const limiter one = worker(0);
    EXPECT_EQ(one.client_key(address("2001:db8::1")), one.client_key(address("2001:db8::ffff:2")));
    EXPECT_NE(one.client_key(address("2001:db8::1")), one.client_key(address("2001:db8:0:1::1")));
    EXPECT_NE(one.client_key(address("192.0.2.1")), one.client_key(address("192.0.2.2")));
}

TEST_F(limited, connections_are_those_of_all_workers) {
    limits.client_connections = 3;
    limiter one = worker(0);
    limiter two = worker(127);
    std::vector<counted> open(3);
    EXPECT_TRUE(one.admit(address("192.0.2.1"), open[0]));
    EXPECT_TRUE(two.admit(address("192.0.2.1"), open[1]));
    EXPECT_TRUE(two.admit(address("192.0.2.1"), open[2]));
    counted more;
    EXPECT_FALSE(one.admit(address("192.0.2.1"), more));
    EXPECT_FALSE(two.admit(address("192.0.2.1"), more));
    EXPECT_TRUE(one.admit(address("192.0.2.2"), more)) << "another client";
    open.pop_back();
    EXPECT_TRUE(one.admit(address("192.0.2.1"), more));
    EXPECT_EQ(table->total(counter::client_connections_limited), 2U);
}

TEST_F(limited, requests_over_their_rate_are_told_when_to_come_back) {
    limits.client_requests = {.units = 30, .period = 60s, .burst = 3};
    limiter one = worker(0);
    limiter two = worker(1);
    const limit_key client = one.client_key(address("192.0.2.1"));
    EXPECT_EQ(one.request_of_client(client, "c"), 0U);
    EXPECT_EQ(two.request_of_client(client, "c"), 0U);
    EXPECT_EQ(one.request_of_client(client, "c"), 0U);
    EXPECT_EQ(two.request_of_client(client, "c"), 2U);
    EXPECT_EQ(one.request_of_client(two.client_key(address("192.0.2.2")), "c"), 0U);
    EXPECT_EQ(one.request_of_client(no_limit_key, "c"), 0U);
    time.advance(1500ms);
    EXPECT_EQ(one.request_of_client(client, "c"), 1U);
    time.advance(500ms);
    EXPECT_EQ(one.request_of_client(client, "c"), 0U);
    EXPECT_EQ(table->total(counter::client_requests_limited), 2U);
}

TEST_F(limited, a_session_and_a_client_do_not_share_a_bucket) {
    limits.client_requests = limits.session_requests = {.units = 1, .period = 1s, .burst = 1};
    limiter one = worker(0);
    const limit_key session = one.session_key(12345);
    EXPECT_EQ(one.request_of_client(session, "c"), 0U);
    EXPECT_EQ(one.request_of_session(session, "s"), 0U);
    EXPECT_EQ(one.request_of_session(session, "s"), 1U);
    EXPECT_EQ(table->total(counter::session_requests_limited), 1U);
}

TEST_F(limited, bytes_over_their_rate_are_slowed_and_then_refused) {
    limits.client_bytes = {.units = 1000, .period = 1s, .burst = 2000};
    limiter one = worker(0);
    const limit_key client = one.client_key(address("192.0.2.1"));
    const byte_owners owners{client, no_limit_key};
    EXPECT_EQ(one.moved(owners, 2000), 0s);
    EXPECT_EQ(one.moved(owners, 500), 500ms);
    EXPECT_EQ(one.request_of_client(client, "c"), 0U) << "less than a second's worth is owed";
    EXPECT_EQ(one.moved(owners, 1000), 1500ms);
    EXPECT_EQ(one.request_of_client(client, "c"), 1U);
    EXPECT_EQ(one.moved({}, 1'000'000), 0s);
    time.advance(1500ms);
    EXPECT_EQ(one.moved(owners, 0), 0s);
    EXPECT_EQ(one.moved(owners, 1'000'000'000), limiter::debt_max) << "a bound on what is owed";
    EXPECT_EQ(one.request_of_client(client, "c"), 59U);
    EXPECT_EQ(table->total(counter::client_bytes_limited), 2U);
}

TEST_F(limited, the_slower_of_client_and_session_counts) {
    limits.client_bytes = {.units = 1000, .period = 1s, .burst = 1000};
    limits.session_bytes = {.units = 100, .period = 1s, .burst = 100};
    limiter one = worker(0);
    const byte_owners owners{one.client_key(address("192.0.2.1")), one.session_key(1)};
    EXPECT_EQ(one.moved(owners, 200), 1s);
    EXPECT_EQ(one.moved({owners.client, one.session_key(2)}, 100), 0s);
}

TEST_F(limited, the_log_hears_of_each_limit_once_a_minute) {
    limits.client_requests = {.units = 1, .period = 1s, .burst = 1};
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    const base::unique_fd out{ends[0]};
    const base::unique_fd in{ends[1]};
    base::log to_pipe{in.get(), base::log_level::warn, "test", time};
    const auto lines = [&] {
        char text[4096];
        const ssize_t n = ::read(out.get(), text, sizeof text);
        return n < 0 ? 0 : std::count(text, text + n, '\n');
    };
    limiter one{shared, limits, 0, *table, time, to_pipe};
    limiter two{shared, limits, 1, *table, time, to_pipe};
    for (int i = 0; i < 10; ++i)
        for (limiter* const w : {&one, &two})
            [[maybe_unused]] const unsigned late = w->request_of_client(5, "192.0.2.1");
    EXPECT_EQ(lines(), 1);
    time.advance(59s);
    for (int i = 0; i < 3; ++i)
        [[maybe_unused]] const unsigned late = one.request_of_client(5, "192.0.2.1");
    EXPECT_EQ(lines(), 0);
    time.advance(2s);
    for (int i = 0; i < 3; ++i)
        [[maybe_unused]] const unsigned late = two.request_of_client(5, "192.0.2.1");
    EXPECT_EQ(lines(), 1);
}

// Processes that share the mapping, one of them killed at a random moment: what it held is given
// back by wiping its slot, what the others hold stays, and rates go on.
TEST_F(limited, a_worker_that_is_killed_leaves_no_connection_behind) {
    limits.client_connections = 1'000'000;
    limits.client_requests = {.units = 1'000'000, .period = 1s, .burst = 1000};
    const base::ip_address client = address("192.0.2.1");
    limiter own = worker(0);
    counted kept;
    ASSERT_TRUE(own.admit(client, kept));
    const auto total = [&] {
        std::uint32_t sum = 0;
        for (const connection_counts& slot : shared.memory().connections)
            sum += slot.of(own.client_key(client));
        return sum;
    };
    for (int round = 0; round < 20; ++round) {
        cache::child_process killed{[&] {
            limiter w = worker(1);
            std::vector<counted> open;
            for (;;) {
                open.emplace_back();
                if (!w.admit(client, open.back()) || w.request_of_client(round + 2U, "c") > 1)
                    return 1;
                if (open.size() % 7 == 0)
                    open.resize(open.size() / 2);
            }
        }};
        while (shared.memory().connections[1].of(own.client_key(client)) < 3)
            ::usleep(200);
        ::usleep(static_cast<useconds_t>(137 * round));
        killed.kill();
        EXPECT_EQ(killed.exit_code(), -1);
        shared.wipe(1);
        EXPECT_EQ(total(), 1U);
    }
    EXPECT_EQ(own.request_of_client(999, "c"), 0U);
}

TEST_F(limited, workers_that_run_at_one_time_share_one_bucket) {
    limits.session_requests = {.units = 1, .period = 60s, .burst = 5000};
    std::vector<std::unique_ptr<cache::child_process>> workers;
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
    const base::unique_fd near{ends[0]};
    const base::unique_fd far{ends[1]};
    for (std::uint32_t slot = 0; slot < 4; ++slot)
        workers.push_back(std::make_unique<cache::child_process>([&] {
            limiter w = worker(slot);
            int good = 0;
            for (int i = 0; i < 3000; ++i)
                good += w.request_of_session(7, "s") == 0 ? 1 : 0;
            return ::send(far.get(), &good, sizeof good, 0) == sizeof good ? 0 : 1;
        }));
    int sum = 0;
    for (const auto& w : workers) {
        w->wait();
        EXPECT_EQ(w->exit_code(), 0);
        int good = 0;
        ASSERT_EQ(::recv(near.get(), &good, sizeof good, MSG_DONTWAIT),
                  static_cast<ssize_t>(sizeof good));
        sum += good;
    }
    EXPECT_EQ(sum, 5000);
}

} // namespace
} // namespace postern::edge
