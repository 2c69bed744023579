// Heads that are read, and what is read from them.
#include "edge/http/request_head.hpp"
#include "tests/unit/http/heads.hpp"

#include <gtest/gtest.h>

namespace postern::edge {
namespace {

using tests::get;
using tests::handshake;
using tests::owned_request;

TEST(request_head, a_browsers_head_is_read_whole) {
    const owned_request r{"GET /session/a/src/app.css?v=1?2 HTTP/1.1\r\n"
                          "Host: edit.example.com:8080\r\n"
                          "User-Agent:Mozilla/5.0 (X11)\r\n"
                          "accept:  text/css,*/*;q=0.1 \t\r\n"
                          "X-Empty:\r\n"
                          "x-text: caf\xc3\xa9\tau lait\r\n"
                          "\r\nnext"};
    EXPECT_EQ(r.head.method, method::get);
    EXPECT_EQ(r.head.method_text, "GET");
    EXPECT_EQ(r.head.target, "/session/a/src/app.css?v=1?2");
    EXPECT_EQ(r.head.path, "/session/a/src/app.css");
    EXPECT_EQ(r.head.query, "v=1?2");
    EXPECT_TRUE(r.head.has_query);
    EXPECT_EQ(r.head.minor_version, 1);
    EXPECT_EQ(r.head.host, "edit.example.com:8080");
    ASSERT_EQ(r.head.fields.size(), 5U);
    EXPECT_EQ(r.head.fields[1].id, known::user_agent);
    EXPECT_EQ(r.head.fields[1].value, "Mozilla/5.0 (X11)");
    EXPECT_EQ(r.head.fields[2].name, "accept");
    EXPECT_EQ(r.head.fields[2].value, "text/css,*/*;q=0.1");
    EXPECT_EQ(r.head.fields[3].value, "");
    EXPECT_EQ(r.head.fields[4].value, "caf\xc3\xa9\tau lait");
    EXPECT_EQ(r.head.head_bytes, r.bytes.size() - 4);
    EXPECT_TRUE(r.head.keep_alive);
    EXPECT_FALSE(r.head.has_body());
}

TEST(request_head, every_prefix_wants_more_and_nothing_else) {
    const std::string whole = handshake("/x?y", "Cookie: a=b\r\n");
    for (std::size_t n = 0; n < whole.size(); ++n) {
        request_head head;
        EXPECT_EQ(read_request_head(std::string_view{whole}.substr(0, n), {}, head).state,
                  read_state::more)
            << n;
    }
}

TEST(request_head, a_reused_head_keeps_nothing_of_the_last) {
    request_head head;
    const std::string first = "POST /a?q HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
                              "Expect: 100-continue\r\nConnection: close\r\n\r\n";
    ASSERT_EQ(read_request_head(first, {}, head).state, read_state::done);
    EXPECT_TRUE(head.expect_continue);
    const std::string second = "GET /b HTTP/1.0\r\n\r\n";
    ASSERT_EQ(read_request_head(second, {}, head).state, read_state::done);
    EXPECT_EQ(head.target, "/b");
    EXPECT_EQ(head.host, "");
    EXPECT_FALSE(head.has_query);
    EXPECT_EQ(head.query, "");
    EXPECT_FALSE(head.content_length.has_value());
    EXPECT_FALSE(head.expect_continue);
    EXPECT_TRUE(head.fields.empty());
    EXPECT_EQ(head.minor_version, 0);
}

TEST(request_head, methods_by_name_with_case) {
    const std::pair<const char*, enum method> cases[] = {
        {"GET", method::get},         {"HEAD", method::head},      {"POST", method::post},
        {"PUT", method::put},         {"PATCH", method::patch},    {"DELETE", method::delete_},
        {"OPTIONS", method::options}, {"get", method::other},      {"PROPFIND", method::other},
        {"GETX", method::other},      {"M-SEARCH", method::other},
    };
    for (const auto& [name, expected] : cases) {
        const owned_request r{std::string{name} + " / HTTP/1.1\r\nHost: h\r\n\r\n"};
        EXPECT_EQ(r.head.method, expected) << name;
    }
}

TEST(request_head, versions) {
    EXPECT_EQ(owned_request{"GET / HTTP/1.0\r\n\r\n"}.head.minor_version, 0);
    EXPECT_EQ(owned_request{"GET / HTTP/1.1\r\nHost: h\r\n\r\n"}.head.minor_version, 1);
    EXPECT_EQ(owned_request{"GET / HTTP/1.2\r\nHost: h\r\n\r\n"}.head.minor_version, 1);
    EXPECT_EQ(owned_request{"GET / HTTP/1.9\r\nHost: h\r\n\r\n"}.head.minor_version, 1);
}

TEST(request_head, persistence) {
    const struct {
        const char* version;
        const char* lines;
        bool keep_alive;
    } cases[] = {
        {"1.1", "", true},
        {"1.1", "Connection: close\r\n", false},
        {"1.1", "Connection: Keep-Alive, CLOSE\r\n", false},
        {"1.1", "Connection: keep-alive\r\nConnection: x, close\r\n", false},
        {"1.1", "Connection: closed\r\n", true},
        {"1.0", "", false},
        {"1.0", "Connection: keep-alive\r\n", true},
        {"1.0", "Connection: keep-alive, close\r\n", false},
        {"1.1", "Proxy-Connection: close\r\n", true},
    };
    for (const auto& c : cases) {
        const owned_request r{std::string{"GET / HTTP/"} + c.version + "\r\nHost: h\r\n" + c.lines +
                              "\r\n"};
        EXPECT_EQ(r.head.keep_alive, c.keep_alive) << c.version << " " << c.lines;
    }
}

TEST(request_head, lengths_and_chunked) {
    const owned_request none{get("/")};
    EXPECT_FALSE(none.head.content_length);
    EXPECT_FALSE(none.head.has_body());
    const owned_request zero{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"};
    EXPECT_EQ(zero.head.content_length, 0U);
    EXPECT_FALSE(zero.head.has_body());
    const owned_request padded{"POST / HTTP/1.1\r\nHost: h\r\ncontent-length: \t0012\r\n\r\n"};
    EXPECT_EQ(padded.head.content_length, 12U);
    const owned_request largest{
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9223372036854775807\r\n\r\n"};
    EXPECT_EQ(largest.head.content_length, (std::uint64_t{1} << 63U) - 1);
    const owned_request chunked{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"};
    EXPECT_TRUE(chunked.head.chunked);
    EXPECT_TRUE(chunked.head.has_body());
}

TEST(request_head, absolute_form_is_reduced) {
    const struct {
        const char* line;
        const char* host_line;
        const char* target;
        const char* host;
    } cases[] = {
        {"GET http://a.example/x?y", "a.example", "/x?y", "a.example"},
        {"GET HTTP://A.Example/x", "a.example", "/x", "A.Example"},
        {"GET http://a.example", "a.example", "/", "a.example"},
        {"GET http://a.example:80/x", "a.example", "/x", "a.example:80"},
        {"GET https://a.example/x", "a.example:443", "/x", "a.example"},
        {"GET http://[::1]:8080/", "[::1]:8080", "/", "[::1]:8080"},
        {"OPTIONS http://a.example", "a.example", "*", "a.example"},
    };
    for (const auto& c : cases) {
        const owned_request r{std::string{c.line} + " HTTP/1.1\r\nHost: " + c.host_line +
                              "\r\n\r\n"};
        EXPECT_EQ(r.head.target, c.target) << c.line;
        EXPECT_EQ(r.head.host, c.host) << c.line;
    }
}

TEST(request_head, absolute_form_without_a_path_may_have_a_query) {
    const owned_request r{"GET http://a.example?b/c?d HTTP/1.1\r\nHost: a.example\r\n\r\n"};
    EXPECT_EQ(r.head.path, "/");
    EXPECT_TRUE(r.head.has_query);
    EXPECT_EQ(r.head.query, "b/c?d");
    const owned_request empty{"GET http://a.example? HTTP/1.1\r\nHost: a.example\r\n\r\n"};
    EXPECT_EQ(empty.head.path, "/");
    EXPECT_TRUE(empty.head.has_query);
    EXPECT_EQ(empty.head.query, "");
    // Only without a query it is the server as a whole (RFC 9112 3.2.4).
    const owned_request options{"OPTIONS http://a.example?x HTTP/1.1\r\nHost: a.example\r\n\r\n"};
    EXPECT_EQ(options.head.path, "/");
}

TEST(request_head, targets_pass_byte_for_byte) {
    for (const char* target :
         {"/@id/__x00__plugin", "/@fs//srv/site/a.js", "/_image?href=%2F%40fs%2Fx&w=[1]{2}|^`\\",
          "//", "/%", "/%zz", "/a;b=c", "/*", "/?"}) {
        const owned_request r{get(target)};
        EXPECT_EQ(r.head.target, target);
    }
    const owned_request star{"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"};
    EXPECT_EQ(star.head.path, "*");
    const owned_request mark{get("/?")};
    EXPECT_TRUE(mark.head.has_query);
    EXPECT_EQ(mark.head.query, "");
}

TEST(request_head, hosts) {
    for (const char* host : {"h", "a.b-c.example", "a_b.example", "127.0.0.1", "127.0.0.1:1",
                             "[::1]", "[2001:db8::7]:65535", "example.com.", "xn--bcher-kva.de"}) {
        const owned_request r{get("/", "", host)};
        EXPECT_EQ(r.head.host, host);
    }
}

TEST(request_head, websocket_handshakes) {
    EXPECT_TRUE(owned_request{handshake("/")}.head.websocket);
    EXPECT_TRUE(owned_request{get("/", "connection: keep-alive, UPGRADE\r\nUpgrade: h2c, "
                                       "WebSocket\r\nSec-WebSocket-Key: x\r\n"
                                       "Sec-WebSocket-Version: 13\r\n")}
                    .head.websocket);
    const struct {
        const char* why;
        std::string text;
    } ignored[] = {
        {"no Connection: upgrade", get("/", "Upgrade: websocket\r\n")},
        {"no Upgrade", get("/", "Connection: Upgrade\r\n")},
        {"h2c",
         get("/", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n")},
        {"POST", "POST / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
                 "Content-Length: 0\r\n\r\n"},
        {"HTTP/1.0", "GET / HTTP/1.0\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
                     "Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n"},
        {"like it", get("/", "Connection: Upgrade\r\nUpgrade: websocket2\r\n")},
    };
    for (const auto& c : ignored) {
        const owned_request r{c.text};
        EXPECT_FALSE(r.head.websocket) << c.why;
    }
}

TEST(request_head, expectations) {
    const auto post = [](std::string_view lines) {
        return "POST / HTTP/1.1\r\nHost: h\r\n" + std::string{lines} + "\r\n";
    };
    EXPECT_TRUE(
        owned_request{post("Content-Length: 3\r\nExpect: 100-Continue\r\n")}.head.expect_continue);
    EXPECT_TRUE(owned_request{post("Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n")}
                    .head.expect_continue);
    EXPECT_FALSE(
        owned_request{post("Content-Length: 0\r\nExpect: 100-continue\r\n")}.head.expect_continue);
    EXPECT_FALSE(owned_request{get("/", "Expect: 100-continue\r\n")}.head.expect_continue);
    const owned_request old{"POST / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"};
    EXPECT_FALSE(old.head.expect_continue);
}

TEST(request_head, two_empty_lines_before_are_skipped) {
    const owned_request r{"\r\n\r\n" + get("/x")};
    EXPECT_EQ(r.head.target, "/x");
    EXPECT_EQ(r.head.head_bytes, r.bytes.size());
}

TEST(request_head, limits_hold_to_the_byte) {
    const std::string text = get("/", "A: b\r\nC: d\r\n");
    request_head head;
    EXPECT_EQ(read_request_head(text, {.bytes_max = text.size(), .fields_max = 3}, head).state,
              read_state::done);
    EXPECT_EQ(read_request_head(text, {.bytes_max = text.size() - 1}, head).status, 431U);
    EXPECT_EQ(read_request_head(text, {.fields_max = 2}, head).status, 431U);
    const std::string_view early{text.data(), text.size() - 1};
    EXPECT_EQ(read_request_head(early, {.bytes_max = early.size()}, head).status, 431U);
    EXPECT_EQ(read_request_head(early, {.bytes_max = early.size() + 1}, head).state,
              read_state::more);

    const std::string longest(8 * 1024 - 1, 'a');
    EXPECT_EQ(read_request_head(get("/" + longest), {}, head).state, read_state::done);
    EXPECT_EQ(read_request_head(get("/a" + longest), {}, head).status, 414U);
    EXPECT_EQ(read_request_head("GET /a" + longest + "a", {}, head).status, 414U);
    const std::string method(32, 'M');
    EXPECT_EQ(read_request_head(method + " / HTTP/1.1\r\nHost: h\r\n\r\n", {}, head).state,
              read_state::done);
    EXPECT_EQ(read_request_head(method + "M / HTTP/1.1\r\n", {}, head).status, 501U);
    EXPECT_EQ(read_request_head(method + "M", {}, head).status, 501U);
    EXPECT_EQ(read_request_head(method, {}, head).state, read_state::more);
}

} // namespace
} // namespace postern::edge
