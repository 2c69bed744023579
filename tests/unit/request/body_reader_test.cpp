#include "edge/request/body_reader.hpp"
#include "tests/unit/net/socket_pair.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace postern::edge {
namespace {

using namespace std::chrono_literals;
using testing::socket_pair;

/// What came of one body.
struct outcome {
    std::string content;
    bool done = false;
    body_error error = body_error::none;
    std::string beyond; // left in the input buffer
};

task<void> read_whole(body_reader& body, std::string& content) {
    for (;;) {
        const std::string_view piece = co_await body.next();
        if (piece.empty())
            break;
        content += piece;
    }
}
void send_pieces(int to, const std::vector<std::string>& pieces, bool end) {
    for (const std::string& piece : pieces) {
        ASSERT_EQ(::send(to, piece.data(), piece.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(piece.size()));
        std::this_thread::sleep_for(1ms); // so that it is read in pieces as well
    }
    if (end)
        ::shutdown(to, SHUT_RDWR);
}

/// A body whose first bytes were read with the head (`buffered`) and whose rest comes in pieces.
outcome read_body(body_framing framing, std::uint64_t length, std::string_view buffered,
                  std::vector<std::string> pieces, bool end = false,
                  std::chrono::milliseconds within = 30s) {
    socket_pair pair;
    tcp_stream near{pair.loop, std::move(pair.near)};
    block_pool blocks;
    input_buffer input;
    input.append(buffered);
    body_reader body{near, input, blocks, framing, length, within};
    const std::jthread peer{[&] { send_pieces(pair.far.get(), pieces, end); }};
    outcome result;
    pair.run(read_whole(body, result.content));
    result.done = body.done();
    result.error = body.error();
    result.beyond = input.view();
    return result;
}

TEST(body_reader, length_stops_where_the_body_stops) {
    const outcome all_here = read_body(body_framing::length, 5, "helloGET /", {});
    EXPECT_EQ(all_here.content, "hello");
    EXPECT_TRUE(all_here.done);
    EXPECT_EQ(all_here.beyond, "GET /");

    const outcome in_pieces = read_body(body_framing::length, 11, "he", {"llo ", "world"});
    EXPECT_EQ(in_pieces.content, "hello world");
    EXPECT_TRUE(in_pieces.done);
}

TEST(body_reader, length_never_reads_past_the_body) {
    const outcome result = read_body(body_framing::length, 3, "a", {"bcGET / HTTP/1.1"});
    EXPECT_EQ(result.content, "abc");
    EXPECT_TRUE(result.done);
    EXPECT_EQ(result.beyond, "");
}

TEST(body_reader, chunked_in_every_cut) {
    const std::string coded = "5\r\nhello\r\n1;ext=1\r\n \r\n5\r\nworld\r\n0\r\nX: y\r\n\r\nGET /";
    for (std::size_t cut = 0; cut <= coded.size(); ++cut) {
        const outcome result =
            read_body(body_framing::chunked, 0, coded.substr(0, cut), {coded.substr(cut)});
        EXPECT_EQ(result.content, "hello world") << cut;
        EXPECT_TRUE(result.done) << cut;
        if (cut < coded.size() - 5) {
            EXPECT_EQ(result.beyond, "GET /") << cut;
        }
    }
}

TEST(body_reader, says_why_a_body_broke) {
    EXPECT_EQ(read_body(body_framing::length, 10, "abc", {"d"}, true).error, body_error::closed);
    EXPECT_EQ(read_body(body_framing::chunked, 0, "5\r\nhel", {}, true).error, body_error::closed);
    EXPECT_EQ(read_body(body_framing::chunked, 0, "5\r\nhelloX", {}).error, body_error::malformed);
    EXPECT_EQ(read_body(body_framing::length, 10, "abc", {}, false, 20ms).error,
              body_error::timed_out);
    const outcome broken = read_body(body_framing::length, 10, "abc", {}, true);
    EXPECT_EQ(broken.content, "abc");
    EXPECT_FALSE(broken.done);
}

TEST(body_reader, until_close_ends_with_the_connection) {
    const outcome result = read_body(body_framing::until_close, 0, "ab", {"cd", "ef"}, true);
    EXPECT_EQ(result.content, "abcdef");
    EXPECT_TRUE(result.done);
    EXPECT_EQ(result.error, body_error::none);
}

TEST(body_reader, no_body_is_done_at_once) {
    for (const body_framing framing : {body_framing::none, body_framing::length}) {
        const outcome result = read_body(framing, 0, "GET /", {});
        EXPECT_TRUE(result.done);
        EXPECT_EQ(result.content, "");
        EXPECT_EQ(result.beyond, "GET /");
    }
}

} // namespace
} // namespace postern::edge
