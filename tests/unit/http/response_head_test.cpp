// Upstreams' heads: what is read, and every way in which an evil one is refused.
#include "edge/http/response_head.hpp"
#include "tests/unit/http/heads.hpp"

#include <gtest/gtest.h>

namespace postern::edge {
namespace {

using namespace std::string_literals;
using tests::owned_response;

TEST(response_head, is_read_whole) {
    const owned_response r{"HTTP/1.1 206 Partial Content here\r\nContent-Type: text/css\r\n"
                           "content-length: 7\r\nSet-Cookie: a=b\r\nset-cookie: c=d\r\n\r\nrest"};
    EXPECT_EQ(r.head.status, 206U);
    EXPECT_EQ(r.head.reason, "Partial Content here");
    EXPECT_EQ(r.head.fields.size(), 4U);
    EXPECT_EQ(r.head.framing, body_framing::length);
    EXPECT_EQ(r.head.content_length, 7U);
    EXPECT_TRUE(r.head.keep_alive);
    EXPECT_EQ(r.head.head_bytes, r.bytes.size() - 4);
}

TEST(response_head, every_prefix_wants_more) {
    const std::string whole = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: y\r\n\r\n";
    for (std::size_t n = 0; n < whole.size(); ++n) {
        response_head head;
        EXPECT_EQ(
            read_response_head(std::string_view{whole}.substr(0, n), {}, method::get, head).state,
            read_state::more)
            << n;
    }
}

TEST(response_head, framing) {
    const struct {
        const char* why;
        std::string text;
        enum method to;
        body_framing framing;
        bool keep_alive;
    } cases[] = {
        {"length", "200 OK\r\nContent-Length: 3\r\n", method::get, body_framing::length, true},
        {"chunked", "200 OK\r\nTransfer-Encoding: chunked\r\n", method::get, body_framing::chunked,
         true},
        {"neither", "200 OK\r\n", method::get, body_framing::until_close, false},
        {"neither, kept alive", "200 OK\r\nConnection: keep-alive\r\n", method::get,
         body_framing::until_close, false},
        {"HEAD", "200 OK\r\nContent-Length: 3\r\n", method::head, body_framing::none, true},
        {"HEAD, chunked", "200 OK\r\nTransfer-Encoding: chunked\r\n", method::head,
         body_framing::none, true},
        {"HEAD, neither", "200 OK\r\n", method::head, body_framing::none, true},
        {"204", "204 No Content\r\n", method::get, body_framing::none, true},
        {"204 with a length of 0", "204 No Content\r\nContent-Length: 0\r\n", method::get,
         body_framing::none, true},
        {"304", "304 Not Modified\r\nContent-Length: 99\r\n", method::get, body_framing::none,
         true},
        {"304, chunked", "304 Not Modified\r\nTransfer-Encoding: chunked\r\n", method::get,
         body_framing::none, true},
        {"100", "100 Continue\r\n", method::post, body_framing::none, true},
        {"101", "101 Switching Protocols\r\nConnection: Upgrade\r\n", method::get,
         body_framing::none, true},
        {"205", "205 Reset Content\r\nContent-Length: 0\r\n", method::get, body_framing::length,
         true},
        {"close", "200 OK\r\nContent-Length: 3\r\nConnection: close\r\n", method::get,
         body_framing::length, false},
    };
    for (const auto& c : cases) {
        const owned_response r{"HTTP/1.1 " + c.text + "\r\n", c.to};
        EXPECT_EQ(r.head.framing, c.framing) << c.why;
        EXPECT_EQ(r.head.keep_alive, c.keep_alive) << c.why;
    }
    EXPECT_FALSE(owned_response{"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n"}.head.keep_alive);
    EXPECT_TRUE(
        owned_response{"HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n"}
            .head.keep_alive);
}

TEST(response_head, status_lines_that_differ_harmlessly) {
    EXPECT_EQ(owned_response{"HTTP/1.1 200 \r\n\r\n"}.head.reason, "");
    EXPECT_EQ(owned_response{"HTTP/1.1 200\r\n\r\n"}.head.reason, "");
    EXPECT_EQ(owned_response{"HTTP/1.1 200 a\tb\xc3\xa9\r\n\r\n"}.head.reason, "a\tb\xc3\xa9");
    EXPECT_EQ(owned_response{"HTTP/1.9 599 x\r\n\r\n"}.head.minor_version, 1);
}

TEST(response_head, a_reused_head_keeps_nothing) {
    response_head head;
    ASSERT_EQ(
        read_response_head("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", {}, method::get, head)
            .state,
        read_state::done);
    ASSERT_EQ(read_response_head("HTTP/1.0 404\r\n\r\n", {}, method::get, head).state,
              read_state::done);
    EXPECT_FALSE(head.has_content_length);
    EXPECT_EQ(head.content_length, 0U);
    EXPECT_TRUE(head.fields.empty());
    EXPECT_EQ(head.reason, "");
}

TEST(response_head, evil_ones_are_refused) {
    const auto ok = [](std::string_view lines) {
        return "HTTP/1.1 200 OK\r\n" + std::string{lines} + "\r\n";
    };
    const struct {
        const char* why;
        std::string text;
    } cases[] = {
        {"no status line", "<html>hello</html>"},
        {"HTTP/0.9", "hello\r\n\r\n"},
        {"a field first", "Content-Length: 0\r\n\r\n"},
        {"an empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n"},
        {"a space first", " HTTP/1.1 200 OK\r\n\r\n"},
        {"HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n"},
        {"HTTP/0.9 in words", "HTTP/0.9 200 OK\r\n\r\n"},
        {"lower case", "http/1.1 200 OK\r\n\r\n"},
        {"ICY", "ICY 200 OK\r\n\r\n"},
        {"long minor version", "HTTP/1.10 200 OK\r\n\r\n"},
        {"two spaces", "HTTP/1.1  200 OK\r\n\r\n"},
        {"a tab", "HTTP/1.1\t200 OK\r\n\r\n"},
        {"status 000", "HTTP/1.1 000 x\r\n\r\n"},
        {"status 099", "HTTP/1.1 099 x\r\n\r\n"},
        {"status 600", "HTTP/1.1 600 x\r\n\r\n"},
        {"status 999", "HTTP/1.1 999 x\r\n\r\n"},
        {"status 1000", "HTTP/1.1 1000 x\r\n\r\n"},
        {"status 20", "HTTP/1.1 20 x\r\n\r\n"},
        {"status -200", "HTTP/1.1 -200 x\r\n\r\n"},
        {"status 2x0", "HTTP/1.1 2x0 x\r\n\r\n"},
        {"no status", "HTTP/1.1 \r\n\r\n"},
        {"status runs into the reason", "HTTP/1.1 200OK\r\n\r\n"},
        {"a tab after the status", "HTTP/1.1 200\tOK\r\n\r\n"},
        {"NUL in the reason", "HTTP/1.1 200 O\0K\r\n\r\n"s},
        {"CR in the reason", "HTTP/1.1 200 O\rK\r\n\r\n"},
        {"bare LF after the status line", "HTTP/1.1 200 OK\n\r\n"},
        {"bare LF everywhere", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"},
        {"both framings", ok("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n")},
        {"both framings, other order", ok("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n")},
        {"two lengths", ok("Content-Length: 3\r\nContent-Length: 4\r\n")},
        {"a length twice", ok("Content-Length: 3\r\nContent-Length: 3\r\n")},
        {"a list of lengths", ok("Content-Length: 3, 3\r\n")},
        {"a negative length", ok("Content-Length: -3\r\n")},
        {"a signed length", ok("Content-Length: +3\r\n")},
        {"an empty length", ok("Content-Length:\r\n")},
        {"a huge length", ok("Content-Length: 9223372036854775808\r\n")},
        {"chunked twice", ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")},
        {"gzip, chunked", ok("Transfer-Encoding: gzip, chunked\r\n")},
        {"gzip", ok("Transfer-Encoding: gzip\r\n")},
        {"identity", ok("Transfer-Encoding: identity\r\n")},
        {"an empty coding", ok("Transfer-Encoding:\r\n")},
        {"chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {"204 with a body", "HTTP/1.1 204 x\r\nContent-Length: 3\r\n\r\n"},
        {"204 chunked", "HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {"100 with a body", "HTTP/1.1 100 x\r\nContent-Length: 3\r\n\r\n"},
        {"101 with a body", "HTTP/1.1 101 x\r\nContent-Length: 3\r\n\r\n"},
        {"103 chunked", "HTTP/1.1 103 x\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {"folded", ok("X: a\r\n b\r\n")},
        {"space before a colon", ok("X : a\r\n")},
        {"no colon", ok("X\r\n")},
        {"no name", ok(": a\r\n")},
        {"NUL in a value", ok("X: a\0b\r\n"s)},
        {"CR in a value", ok("X: a\rb\r\n")},
        {"LF in a value", ok("X: a\nSet-Cookie: b=c\r\n")},
        {"many nominations", ok("Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\r\n")},
        {"too large", ok("X: " + std::string(20'000, 'a') + "\r\n")},
        {"endless", "HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'a')},
        {"an endless reason", "HTTP/1.1 200 " + std::string(20'000, 'a')},
        {"many fields", ok([] {
             std::string lines;
             for (int i = 0; i < 101; ++i)
                 lines += "X: a\r\n";
             return lines;
         }())},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.why);
        response_head head;
        const read_outcome outcome = read_response_head(c.text, {}, method::get, head);
        EXPECT_EQ(outcome.state, read_state::bad);
        EXPECT_EQ(outcome.status, 502U);
        EXPECT_STRNE(outcome.reason, "");
    }
}

} // namespace
} // namespace postern::edge
