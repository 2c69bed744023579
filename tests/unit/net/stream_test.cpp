#include "base/unique_fd.hpp"
#include "edge/net/stream.hpp"
#include "tests/unit/net/socket_pair.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <sys/mman.h>

namespace postern::edge {
namespace {

using namespace std::chrono_literals;
using testing::socket_pair;

task<void> read_once(stream& from, std::span<char> into, std::chrono::milliseconds within,
                     base::error_code& error_out, std::size_t& n_out) {
    auto [error, n] = co_await from.read_some(into, within);
    error_out = error;
    n_out = n;
}

TEST(stream, a_read_past_its_deadline_ends_as_timed_out) {
    socket_pair pair;
    stream near{std::move(pair.near), pair.timers};
    char bytes[8];
    base::error_code error;
    std::size_t n = 1;
    pair.run(read_once(near, bytes, 20ms, error, n));
    EXPECT_EQ(error, asio::error::operation_aborted);
    EXPECT_TRUE(near.timed_out());
    EXPECT_EQ(n, 0U);
}

TEST(stream, a_cancelled_read_has_not_timed_out) {
    socket_pair pair;
    stream near{std::move(pair.near), pair.timers};
    char bytes[8];
    base::error_code error;
    std::size_t n = 0;
    worker_timer soon{pair.loop.get_executor(), 1ms};
    soon.async_wait([&](const auto&) { near.cancel(); });
    pair.run(read_once(near, bytes, 10s, error, n));
    EXPECT_EQ(error, asio::error::operation_aborted);
    EXPECT_FALSE(near.timed_out());
}

task<void> write_big(stream& to, std::string_view a, std::string_view b, std::string_view c,
                     base::error_code& error_out) {
    error_out = co_await to.write_all(a, b, c, 10s);
    to.shutdown_send();
}
task<void> read_all(stream& from, std::string& out) {
    char bytes[50'000];
    for (;;) {
        auto [error, n] = co_await from.read_some(bytes, 10s);
        if (error)
            break;
        out.append(bytes, n);
    }
}

TEST(stream, writes_all_of_three_pieces_however_slowly_they_are_taken) {
    socket_pair pair;
    stream near{std::move(pair.near), pair.timers};
    stream far{std::move(pair.far), pair.timers};
    const std::string a(3'000'000, 'a'), b(5'000'001, 'b'), c = "c";
    base::error_code error;
    asio::co_spawn(pair.loop, write_big(near, a, b, c, error), asio::detached);
    std::string got;
    pair.run(read_all(far, got));
    EXPECT_FALSE(error);
    EXPECT_EQ(got, a + b + c);
}

TEST(stream, a_client_that_takes_nothing_is_given_up) {
    socket_pair pair;
    stream near{std::move(pair.near), pair.timers};
    const std::string big(64'000'000, 'x');
    base::error_code error;
    struct {
        static task<void> go(stream& to, std::string_view bytes, base::error_code& out) {
            out = co_await to.write_all(bytes, 30ms);
        }
    } write;
    pair.run(write.go(near, big, error));
    EXPECT_TRUE(error);
    EXPECT_TRUE(near.timed_out());
}

TEST(stream, sends_a_part_of_a_file) {
    socket_pair pair;
    stream near{std::move(pair.near), pair.timers};
    stream far{std::move(pair.far), pair.timers};
    std::string content;
    for (int i = 0; i < 300'000; ++i)
        content += std::to_string(i);
    const base::unique_fd file{::memfd_create("content", MFD_CLOEXEC)};
    ASSERT_EQ(::write(file.get(), content.data(), content.size()),
              static_cast<ssize_t>(content.size()));
    struct {
        static task<void> go(stream& to, int fd, std::uint64_t bytes, base::error_code& out) {
            out = co_await to.send_file(fd, 10, bytes, 10s);
            to.shutdown_send();
        }
    } sender;
    base::error_code error;
    asio::co_spawn(pair.loop, sender.go(near, file.get(), content.size() - 20, error),
                   asio::detached);
    std::string got;
    pair.run(read_all(far, got));
    EXPECT_FALSE(error);
    EXPECT_TRUE(got == content.substr(10, content.size() - 20));
}

TEST(stream, a_file_that_has_shrunk_is_an_error_and_no_endless_loop) {
    socket_pair pair;
    stream near{std::move(pair.near), pair.timers};
    const base::unique_fd file{::memfd_create("content", MFD_CLOEXEC)};
    ASSERT_EQ(::write(file.get(), "0123456789", 10), 10);
    struct {
        static task<void> go(stream& to, int fd, base::error_code& out) {
            out = co_await to.send_file(fd, 0, 1000, 10s);
        }
    } sender;
    base::error_code error;
    pair.run(sender.go(near, file.get(), error));
    EXPECT_EQ(error, boost::system::errc::io_error);
}

TEST(stream, notices_that_the_peer_has_gone) {
    socket_pair pair;
    stream near{std::move(pair.near), pair.timers};
    EXPECT_FALSE(near.peer_closed());
    pair.far.close();
    for (int i = 0; i < 200 && !near.peer_closed(); ++i)
        ::usleep(1000);
    EXPECT_TRUE(near.peer_closed());
}

TEST(stream, a_watched_peer_that_goes_cancels_the_read) {
    socket_pair client_side, upstream_side;
    stream client{std::move(client_side.near), upstream_side.timers};
    stream upstream{std::move(upstream_side.near), upstream_side.timers};
    upstream.watch(&client);
    client_side.far.close();
    char bytes[8];
    base::error_code error;
    std::size_t n = 0;
    upstream_side.run(read_once(upstream, bytes, 60s, error, n));
    EXPECT_EQ(error, asio::error::operation_aborted);
    EXPECT_FALSE(upstream.timed_out());
}

} // namespace
} // namespace postern::edge
