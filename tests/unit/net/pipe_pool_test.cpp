#include "edge/net/pipe_pool.hpp"
#include "edge/net/tcp_stream.hpp"
#include "tests/unit/net/socket_pair.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace postern::edge {
namespace {

using namespace std::chrono_literals;
using testing::socket_pair;

TEST(pipe_pool, lends_a_bounded_number_and_the_same_again) {
    pipe_pool pool;
    std::vector<lent_pipe> lent;
    for (std::size_t i = 0; i < pipe_pool::pipes_max; ++i) {
        lent.push_back(pool.lend());
        ASSERT_TRUE(lent.back()) << i;
    }
    EXPECT_FALSE(pool.lend());
    const int in = lent.back().in();
    lent.pop_back();
    const lent_pipe again = pool.lend();
    EXPECT_EQ(again.in(), in);
    EXPECT_FALSE(pool.lend());
}

TEST(pipe_pool, one_with_bytes_left_in_it_is_never_lent_again) {
    pipe_pool pool;
    {
        lent_pipe soiled = pool.lend();
        ASSERT_EQ(::write(soiled.in(), "old", 3), 3);
        soiled.give_up();
    }
    const lent_pipe clean = pool.lend();
    char byte;
    EXPECT_EQ(::read(clean.out(), &byte, 1), -1);
    EXPECT_EQ(errno, EAGAIN);
}

struct passing {
    /// Until the source has ended or `bytes` have passed; how many.
    static task<void> all(tcp_stream& from, tcp_stream& to, std::size_t bytes,
                          std::size_t& passed) {
        pipe_pool pool;
        const lent_pipe pipe = pool.lend();
        while (passed < bytes) {
            auto [error, n] = co_await from.splice_into(pipe.in(), bytes - passed, 30s);
            if (error)
                break;
            passed += n;
            const auto bad = co_await to.splice_from(pipe.out(), n, passed < bytes, 30s);
            EXPECT_FALSE(bad) << bad.message();
        }
        to.shutdown_send();
    }
};

std::string read_to_the_end(int fd) {
    std::string got;
    char bytes[30'000];
    for (ssize_t n = 0; (n = ::recv(fd, bytes, sizeof bytes, 0)) > 0;)
        got.append(bytes, static_cast<std::size_t>(n));
    return got;
}

TEST(splice, passes_every_byte_and_not_one_more) {
    socket_pair source, sink;
    tcp_stream from{sink.loop, std::move(source.near)};
    tcp_stream to{sink.loop, std::move(sink.near)};
    std::string content;
    for (int i = 0; i < 700'000; ++i)
        content += std::to_string(i);
    std::string got;
    {
        const std::jthread sender{[&] {
            ASSERT_EQ(::send(source.far.get(), content.data(), content.size(), MSG_NOSIGNAL),
                      static_cast<ssize_t>(content.size()));
        }};
        const std::jthread receiver{[&] { got = read_to_the_end(sink.far.get()); }};
        std::size_t passed = 0;
        sink.run(passing::all(from, to, content.size() - 5, passed));
        EXPECT_EQ(passed, content.size() - 5);
    }
    EXPECT_TRUE(got == content.substr(0, content.size() - 5));
}

TEST(splice, a_source_that_ends_early_is_told) {
    socket_pair source, sink;
    tcp_stream from{sink.loop, std::move(source.near)};
    tcp_stream to{sink.loop, std::move(sink.near)};
    ASSERT_EQ(::send(source.far.get(), "short", 5, 0), 5);
    source.far.reset();
    std::size_t passed = 0;
    sink.run(passing::all(from, to, 100, passed));
    EXPECT_EQ(passed, 5U);
}

} // namespace
} // namespace postern::edge
