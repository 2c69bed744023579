// What clients get: framing by version and method, repaired redirects, nothing forged; and Vite's
// HMR base.
#include "edge/request/rewrite.hpp"
#include "tests/unit/http/heads.hpp"

#include <gtest/gtest.h>

namespace postern::edge {
namespace {

using tests::owned_response;

struct written {
    std::string text;
    body_to_client body;
};

written write(const std::string& text, const response_rewrite& how = {},
              enum method to = method::get) {
    const owned_response r{text, to};
    written out;
    out.body = write_response_head(out.text, r.head, to, how);
    EXPECT_TRUE(out.text.ends_with("\r\n\r\n"));
    EXPECT_EQ(out.text.find("\r\n\r\n"), out.text.size() - 4);
    return out;
}

std::string response(std::string_view lines, std::string_view status = "200 OK") {
    return "HTTP/1.1 " + std::string{status} + "\r\n" + std::string{lines} + "\r\n";
}

bool has_line(const std::string& text, const std::string& line) {
    return text.find("\r\n" + line + "\r\n") != std::string::npos;
}

TEST(write_response_head, the_normal_form_to_the_byte) {
    const written out = write("HTTP/1.0 200 Fine by me\r\nServer: vite\r\ncontent-length: 03\r\n"
                              "Date: today\r\nSet-Cookie: a=b; Path=/\r\nset-cookie: c=d\r\n"
                              "Via: 1.1 x\r\nETag: \"e\"\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(out.text,
              "HTTP/1.1 200 Fine by me\r\nServer: vite\r\nDate: today\r\n"
              "Set-Cookie: a=b; Path=/\r\nset-cookie: c=d\r\nVia: 1.1 x\r\nETag: \"e\"\r\n"
              "Content-Length: 3\r\n\r\n");
    EXPECT_EQ(out.body, body_to_client::length);
}

TEST(write_response_head, hop_by_hop_and_own_fields_are_dropped) {
    const written out =
        write(response("Connection: close, X-Mine, content-type, set-cookie\r\nKeep-Alive: x\r\n"
                       "Trailer: x\r\nUpgrade: h2c\r\nProxy-Authenticate: x\r\nX-Mine: 1\r\n"
                       "Content-Type: a/b\r\nSet-Cookie: a=b\r\nX-Postern-Page: loading\r\n"
                       "x-postern-other: 1\r\nx-session-id: zz\r\nTransfer-Encoding: chunked\r\n"));
    EXPECT_EQ(out.text, "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nSet-Cookie: a=b\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n");
}

TEST(write_response_head, framing_by_client_and_method) {
    const std::string length = "Content-Length: 3\r\n";
    const std::string chunked = "Transfer-Encoding: chunked\r\n";
    const struct {
        const char* why;
        std::string text;
        enum method to;
        int client;
        body_to_client body;
        const char* line; // that must be there
    } cases[] = {
        {"length", response(length), method::get, 1, body_to_client::length, "Content-Length: 3"},
        {"length to 1.0", response(length), method::get, 0, body_to_client::length,
         "Connection: keep-alive"},
        {"chunked", response(chunked), method::get, 1, body_to_client::chunked,
         "Transfer-Encoding: chunked"},
        {"chunked to 1.0", response(chunked), method::get, 0, body_to_client::until_close,
         "Connection: close"},
        {"until close", response(""), method::get, 1, body_to_client::chunked,
         "Transfer-Encoding: chunked"},
        {"until close to 1.0", response(""), method::get, 0, body_to_client::until_close,
         "Connection: close"},
        {"HEAD", response(length), method::head, 1, body_to_client::none, "Content-Length: 3"},
        {"HEAD of 0", response("Content-Length: 0\r\n"), method::head, 1, body_to_client::none,
         "Content-Length: 0"},
        {"304", response("Content-Length: 9\r\n", "304 x"), method::get, 1, body_to_client::none,
         "Content-Length: 9"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.why);
        const written out = write(c.text, {.client_minor_version = c.client}, c.to);
        EXPECT_EQ(out.body, c.body);
        EXPECT_TRUE(has_line(out.text, c.line)) << out.text;
        EXPECT_FALSE(out.text.find("Content-Length") != std::string::npos &&
                     out.text.find("Transfer-Encoding") != std::string::npos);
        EXPECT_TRUE(c.client == 1 || out.text.find("Transfer-Encoding") == std::string::npos);
    }
}

TEST(write_response_head, no_framing_for_statuses_without_a_body) {
    for (const char* status : {"204 No Content", "100 Continue", "103 Early Hints"}) {
        const written out = write(response("Content-Length: 0\r\nX: y\r\n", status));
        EXPECT_EQ(out.body, body_to_client::none);
        EXPECT_EQ(out.text, "HTTP/1.1 " + std::string{status} + "\r\nX: y\r\n\r\n");
    }
    const written head = write(response("Transfer-Encoding: chunked\r\n"), {}, method::head);
    EXPECT_EQ(head.text, "HTTP/1.1 200 OK\r\n\r\n");
    EXPECT_EQ(head.body, body_to_client::none);
}

TEST(write_response_head, a_101_keeps_its_upgrade_and_gets_nothing_else) {
    const std::vector<std::pair<std::string, std::string>> extra{{"X-Extra", "1"}};
    const written out =
        write(response("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n"
                       "Sec-WebSocket-Protocol: vite-hmr\r\n",
                       "101 Switching Protocols"),
              {.set_cookie = "a=b", .add_headers = &extra});
    EXPECT_EQ(out.text, "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\n"
                        "Sec-WebSocket-Protocol: vite-hmr\r\nConnection: Upgrade\r\n"
                        "Upgrade: websocket\r\n\r\n");
}

TEST(write_response_head, close) {
    EXPECT_TRUE(has_line(write(response("Content-Length: 0\r\n"), {.close = true}).text,
                         "Connection: close"));
    EXPECT_FALSE(has_line(write(response("Content-Length: 0\r\n")).text, "Connection: close"));
    const written old =
        write(response("Content-Length: 0\r\n"), {.close = true, .client_minor_version = 0});
    EXPECT_TRUE(has_line(old.text, "Connection: close"));
    EXPECT_FALSE(has_line(old.text, "Connection: keep-alive"));
}

TEST(write_response_head, redirects_stay_in_the_session) {
    const struct {
        const char* location;
        const char* expected;
        const char* prefix = "/session/a";
        const char* origin = "http://localhost:4321";
    } cases[] = {
        {"/about", "/session/a/about"},
        {"/", "/session/a/"},
        {"/about?x=/y#z", "/session/a/about?x=/y#z"},
        {"http://localhost:4321/about", "/session/a/about"},
        {"HTTP://LOCALHOST:4321/about", "/session/a/about"},
        {"//localhost:4321/about", "/session/a/about"},
        {"http://localhost:4321", "/session/a/"},
        {"http://localhost:4321?x", "/session/a/?x"},
        {"/session/a/about", "/session/a/about"},
        {"/session/a", "/session/a"},
        {"/session/ab/x", "/session/a/session/ab/x"},
        {"http://localhost:4321/session/a/x", "/session/a/x"},
        {"about", "about"},
        {"../about", "../about"},
        {"?x", "?x"},
        {"", ""},
        {"//evil.example/x", "//evil.example/x"},
        {"https://example.com/x", "https://example.com/x"},
        {"http://localhost:43210/x", "http://localhost:43210/x"},
        {"http://localhost:4321.evil/x", "http://localhost:4321.evil/x"},
        {"http://localhost:4321@evil/x", "http://localhost:4321@evil/x"},
        {"/about", "/about", "", ""},
        {"/about", "/about", ""},
        {"http://localhost:4321/about", "/about", ""},
        {"http://localhost:4321//evil.example", "/evil.example", ""},
        {"http://localhost:4321", "/", ""},
        {"http://localhost:4321/x", "http://localhost:4321/x", "/session/a", ""},
    };
    for (const auto& c : cases) {
        const written out = write(
            response("Content-Length: 0\r\nLocation: " + std::string{c.location} + "\r\n", "302 x"),
            {.prefix = c.prefix, .upstream_origin = c.origin});
        EXPECT_TRUE(has_line(out.text, "Location: " + std::string{c.expected})) << out.text;
    }
}

TEST(write_response_head, a_changed_body) {
    const std::string text = response("Content-Length: 3\r\nETag: x\r\nLast-Modified: y\r\n"
                                      "Cache-Control: no-cache\r\n");
    const written chunked = write(text, {.drop_length = true});
    EXPECT_EQ(chunked.body, body_to_client::chunked);
    EXPECT_EQ(chunked.text, "HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n");
    const written known = write(text, {.drop_length = true, .new_length = 17});
    EXPECT_EQ(known.body, body_to_client::length);
    EXPECT_TRUE(has_line(known.text, "Content-Length: 17"));
    const written old = write(text, {.client_minor_version = 0, .drop_length = true});
    EXPECT_EQ(old.body, body_to_client::until_close);
    const written head = write(text, {.drop_length = true}, method::head);
    EXPECT_EQ(head.body, body_to_client::none);
    EXPECT_EQ(head.text.find("Content-Length"), std::string::npos);
    const written from_chunks =
        write(response("Transfer-Encoding: chunked\r\n"), {.drop_length = true, .new_length = 5});
    EXPECT_TRUE(has_line(from_chunks.text, "Content-Length: 5"));
}

TEST(write_response_head, adds_headers_and_a_cookie) {
    const std::vector<std::pair<std::string, std::string>> extra{{"X-A", "1"}, {"X-B", "2"}};
    const written out =
        write(response("Content-Length: 0\r\n"),
              {.set_cookie = "postern_session=a\r\nX-Forged: 1", .add_headers = &extra});
    EXPECT_TRUE(has_line(out.text, "X-A: 1"));
    EXPECT_TRUE(has_line(out.text, "X-B: 2"));
    EXPECT_TRUE(has_line(out.text, "Set-Cookie: postern_session=aX-Forged: 1"));
}

TEST(write_response_head, appends) {
    const owned_response r{response("Content-Length: 0\r\n")};
    std::string out = "before";
    EXPECT_EQ(write_response_head(out, r.head, method::get, {}), body_to_client::length);
    EXPECT_TRUE(out.starts_with("beforeHTTP/1.1 200 OK\r\n"));
}

TEST(patch_hmr_base, in_vites_client) {
    // The line as Vite 6 and 7 serve it.
    std::string module =
        "const socketHost = `${null || importMetaUrl.hostname}:"
        "${hmrPort || importMetaUrl.port}${\"/\"}`;\nconst base = \"/\" || \"/\";\n";
    const std::string untouched = module;
    EXPECT_TRUE(patch_hmr_base(module, "/session/a/"));
    EXPECT_EQ(module, "const socketHost = `${null || importMetaUrl.hostname}:"
                      "${hmrPort || importMetaUrl.port}${\"/session/a/\"}`;\n"
                      "const base = \"/\" || \"/\";\n");
    const std::string patched = module;
    EXPECT_FALSE(patch_hmr_base(module, "/session/b/")) << "another base was there";
    EXPECT_EQ(module, patched);

    std::string twice = untouched + untouched;
    EXPECT_TRUE(patch_hmr_base(twice, "/s/"));
    EXPECT_EQ(twice.find("{\"/\"}"), std::string::npos);
}

TEST(patch_hmr_base, leaves_what_it_does_not_know) {
    for (const char* text :
         {"", "x", "${hmrPort || importMetaUrl.port}", "${hmrPort || importMetaUrl.port}${",
          "${hmrPort || importMetaUrl.port}${\"/\"", "${hmrPort || importMetaUrl.port}${\"/x/\"}",
          "${hmrPort||importMetaUrl.port}${\"/\"}"}) {
        std::string module = text;
        EXPECT_FALSE(patch_hmr_base(module, "/session/a/")) << text;
        EXPECT_EQ(module, text);
    }
    for (const char* base : {"/a\"/", "/a\\/", "/</script>/", "/a\n/"}) {
        std::string module = "${hmrPort || importMetaUrl.port}${\"/\"}";
        EXPECT_FALSE(patch_hmr_base(module, base)) << base;
    }
}

TEST(write_response_head, a_date_is_added_and_belongs_to_final_answers) {
    response_rewrite how;
    how.date = "Sun, 06 Nov 1994 08:49:37 GMT";
    EXPECT_TRUE(has_line(write(response("Content-Length: 0\r\n"), how).text,
                         "Date: Sun, 06 Nov 1994 08:49:37 GMT"));
    EXPECT_FALSE(has_line(write(response("", "103 Early Hints"), how).text,
                          "Date: Sun, 06 Nov 1994 08:49:37 GMT"));
}

} // namespace
} // namespace postern::edge
