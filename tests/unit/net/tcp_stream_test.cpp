#include "base/unique_fd.hpp"
#include "edge/net/signal.hpp"
#include "edge/net/tcp_stream.hpp"
#include "tests/unit/net/socket_pair.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <sys/mman.h>
#include <thread>

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

TEST(tcp_stream, a_read_past_its_deadline_ends_as_timed_out) {
    socket_pair pair;
    tcp_stream near{pair.loop, std::move(pair.near)};
    char bytes[8];
    base::error_code error;
    std::size_t n = 1;
    pair.run(read_once(near, bytes, 20ms, error, n));
    EXPECT_EQ(error, boost::system::errc::operation_canceled);
    EXPECT_TRUE(near.timed_out());
    EXPECT_EQ(n, 0U);
}

TEST(tcp_stream, a_cancelled_read_has_not_timed_out) {
    socket_pair pair;
    tcp_stream near{pair.loop, std::move(pair.near)};
    char bytes[8];
    base::error_code error;
    std::size_t n = 0;
    struct {
        static task<void> go(event_loop& loop, stream& whom) {
            signal pause{loop};
            co_await pause.wait_until(deadlines::clock::now());
            whom.cancel();
        }
    } cancel;
    spawn(cancel.go(pair.loop, near));
    pair.run(read_once(near, bytes, 30s, error, n));
    EXPECT_EQ(error, boost::system::errc::operation_canceled);
    EXPECT_FALSE(near.timed_out());
}

task<void> write_big(stream& to, std::string_view a, std::string_view b, std::string_view c,
                     base::error_code& error_out) {
    error_out = co_await to.write_all(a, b, c, 30s);
    to.shutdown_send();
}
task<void> read_all(stream& from, std::string& out) {
    char bytes[50'000];
    for (;;) {
        auto [error, n] = co_await from.read_some(bytes, 30s);
        if (error)
            break;
        out.append(bytes, n);
    }
}

TEST(tcp_stream, writes_all_of_three_pieces_however_slowly_they_are_taken) {
    socket_pair pair;
    tcp_stream near{pair.loop, std::move(pair.near)};
    tcp_stream far{pair.loop, pair.far_for_stream()};
    const std::string a(3'000'000, 'a'), b(5'000'001, 'b'), c = "c";
    base::error_code error;
    spawn(write_big(near, a, b, c, error));
    std::string got;
    pair.run(read_all(far, got));
    EXPECT_FALSE(error);
    EXPECT_EQ(got, a + b + c);
}

TEST(tcp_stream, a_client_that_takes_nothing_is_given_up) {
    socket_pair pair;
    tcp_stream near{pair.loop, std::move(pair.near)};
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

TEST(tcp_stream, sends_a_part_of_a_file) {
    socket_pair pair;
    tcp_stream near{pair.loop, std::move(pair.near)};
    tcp_stream far{pair.loop, pair.far_for_stream()};
    std::string content;
    for (int i = 0; i < 300'000; ++i)
        content += std::to_string(i);
    const base::unique_fd file{::memfd_create("content", MFD_CLOEXEC)};
    ASSERT_EQ(::write(file.get(), content.data(), content.size()),
              static_cast<ssize_t>(content.size()));
    struct {
        static task<void> go(stream& to, int fd, std::uint64_t bytes, base::error_code& out) {
            out = co_await to.send_file(fd, 10, bytes, 30s);
            to.shutdown_send();
        }
    } sender;
    base::error_code error;
    spawn(sender.go(near, file.get(), content.size() - 20, error));
    std::string got;
    pair.run(read_all(far, got));
    EXPECT_FALSE(error);
    EXPECT_TRUE(got == content.substr(10, content.size() - 20));
}

TEST(tcp_stream, a_file_that_has_shrunk_is_an_error_and_no_endless_loop) {
    socket_pair pair;
    tcp_stream near{pair.loop, std::move(pair.near)};
    const base::unique_fd file{::memfd_create("content", MFD_CLOEXEC)};
    ASSERT_EQ(::write(file.get(), "0123456789", 10), 10);
    struct {
        static task<void> go(stream& to, int fd, base::error_code& out) {
            out = co_await to.send_file(fd, 0, 1000, 30s);
        }
    } sender;
    base::error_code error;
    pair.run(sender.go(near, file.get(), error));
    EXPECT_EQ(error, boost::system::errc::io_error);
}

TEST(tcp_stream, notices_that_the_peer_has_gone) {
    socket_pair pair;
    tcp_stream near{pair.loop, std::move(pair.near)};
    EXPECT_FALSE(near.peer_closed());
    pair.far.reset();
    for (int i = 0; i < 10'000 && !near.peer_closed(); ++i)
        ::usleep(1000);
    EXPECT_TRUE(near.peer_closed());
}

TEST(tcp_stream, a_watched_peer_that_goes_cancels_the_read) {
    socket_pair client_side, upstream_side;
    tcp_stream client{upstream_side.loop, std::move(client_side.near)};
    tcp_stream upstream{upstream_side.loop, std::move(upstream_side.near)};
    upstream.watch(&client);
    client_side.far.reset();
    char bytes[8];
    base::error_code error;
    std::size_t n = 0;
    upstream_side.run(read_once(upstream, bytes, 60s, error, n));
    EXPECT_EQ(error, boost::system::errc::operation_canceled);
    EXPECT_FALSE(upstream.timed_out());
}

TEST(tcp_stream, bytes_and_the_end_that_came_together_are_both_read) {
    socket_pair pair;
    tcp_stream near{pair.loop, std::move(pair.near)};
    struct {
        // From within the loop: both come between two of its turns, and are told as one event.
        static task<void> go(event_loop& loop, base::unique_fd& far) {
            signal pause{loop};
            co_await pause.wait_until(deadlines::clock::now());
            EXPECT_EQ(::send(far.get(), "last", 4, 0), 4);
            far.reset();
        }
    } send_and_end;
    spawn(send_and_end.go(pair.loop, pair.far));
    std::string got;
    pair.run(read_all(near, got));
    EXPECT_EQ(got, "last");
}

TEST(tcp_stream, a_peer_that_is_always_ready_does_not_starve_the_others) {
    socket_pair busy, other;
    tcp_stream from{other.loop, std::move(busy.near)};
    tcp_stream near{other.loop, std::move(other.near)};
    std::atomic<bool> over{false};
    const std::jthread peer{[&] {
        const std::string much(1'000'000, 'x');
        while (!over && ::send(busy.far.get(), much.data(), much.size(), MSG_NOSIGNAL) > 0) {
        }
    }};
    bool ended = false;
    struct {
        static task<void> read_on(stream& all, bool& ended) {
            char bytes[16];
            while (!ended) {
                auto [error, n] = co_await all.read_some(bytes, 30s);
                ended = static_cast<bool>(error);
            }
        }
        static task<void> send_later(event_loop& loop, int fd) {
            signal pause{loop};
            co_await pause.wait_until(deadlines::clock::now());
            EXPECT_EQ(::send(fd, "x", 1, MSG_NOSIGNAL), 1);
        }
        static task<void> until(event_loop& loop, const bool& ended) {
            signal pause{loop};
            while (!ended)
                co_await pause.wait_until(deadlines::clock::now());
        }
    } of;
    spawn(of.read_on(from, ended));
    spawn(of.send_later(other.loop, other.far.get()));
    char byte[1];
    base::error_code error;
    std::size_t n = 0;
    other.run(read_once(near, byte, 30s, error, n));
    EXPECT_FALSE(error);
    over = true;
    ::shutdown(busy.far.get(), SHUT_RDWR);
    other.run(of.until(other.loop, ended));
}

TEST(tcp_stream, a_connection_that_is_refused_says_so) {
    socket_pair pair;
    sockaddr_in where{};
    socklen_t size = sizeof where;
    // The near end's own port listens to nobody.
    ASSERT_EQ(::getsockname(pair.near.get(), reinterpret_cast<sockaddr*>(&where), &size), 0);
    const auto to = base::ip_endpoint::parse("127.0.0.1:" + std::to_string(ntohs(where.sin_port)));
    auto begun = begin_connect(*to);
    if (begun && begun->pending) {
        tcp_stream link{pair.loop, std::move(begun->fd)};
        base::error_code error;
        struct {
            static task<void> go(tcp_stream& s, base::error_code& out) {
                out = co_await s.connected(30s);
            }
        } wait;
        pair.run(wait.go(link, error));
        EXPECT_EQ(error, boost::system::errc::connection_refused);
    } else {
        ASSERT_FALSE(begun);
        EXPECT_EQ(begun.error().code, boost::system::errc::connection_refused);
    }
}

} // namespace
} // namespace postern::edge
