// What upstreams get: the normal form, what is added, and what can never get through.
#include "edge/request/decide.hpp"
#include "edge/request/rewrite.hpp"
#include "tests/unit/http/heads.hpp"

#include <gtest/gtest.h>

namespace postern::edge {
namespace {

using namespace std::literals;
using tests::get;
using tests::handshake;
using tests::owned_request;

const request_rewrite plain{.path = "/x", .host = "localhost:4321", .client_address = "192.0.2.7"};

std::string rewritten(const std::string& text, const request_rewrite& how = plain) {
    const owned_request r{text};
    std::string out;
    write_request_head(out, r.head, how);
    return out;
}

/// The values of a field in a head, joined by '|'; "-" when it is not there.
std::string values_in(const std::string& text, std::string_view name) {
    const owned_request r{text};
    std::string out;
    bool found = false;
    for (const field& f : r.head.fields) {
        if (!equal_ignoring_case(f.name, name))
            continue;
        if (found)
            out += '|';
        out += f.value;
        found = true;
    }
    return found ? out : "-";
}

TEST(write_request_head, the_normal_form_to_the_byte) {
    const std::string text = "POST /session/a/x?q=1 HTTP/1.0\r\nhost: edit.example.com\r\n"
                             "Connection: keep-alive\r\nAccept:\t*/*\r\nContent-Length: 007\r\n"
                             "Cookie: a=b\r\n\r\n";
    EXPECT_EQ(rewritten(text, {.path = "/x",
                               .host = "localhost:4321",
                               .client_address = "192.0.2.7",
                               .scheme = "https",
                               .prefix = "/session/a",
                               .session_id = "a-b#c"}),
              "POST /x?q=1 HTTP/1.1\r\n"
              "Host: localhost:4321\r\n"
              "Accept: */*\r\n"
              "Cookie: a=b\r\n"
              "X-Real-IP: 192.0.2.7\r\n"
              "X-Forwarded-For: 192.0.2.7\r\n"
              "X-Forwarded-Host: edit.example.com\r\n"
              "X-Forwarded-Proto: https\r\n"
              "X-Forwarded-Prefix: /session/a\r\n"
              "X-Session-Id: a-b#c\r\n"
              "Content-Length: 7\r\n"
              "\r\n");
}

TEST(write_request_head, appends) {
    const owned_request r{get("/")};
    std::string out = "before";
    write_request_head(out, r.head, plain);
    EXPECT_TRUE(out.starts_with("beforeGET /x HTTP/1.1\r\n"));
}

TEST(write_request_head, blanks_around_values_are_left_out) {
    const std::string out = rewritten("GET / HTTP/1.1\r\nA: 1\r\nHost: h\r\nB: 2 \t\r\nC:3\r\n"
                                      "D:\t4\r\nE:  5\r\nF:\r\nG: \r\nH: 8\r\nI: 9\r\n\r\n");
    EXPECT_TRUE(
        out.starts_with("GET /x HTTP/1.1\r\nHost: localhost:4321\r\nA: 1\r\nB: 2\r\nC: 3\r\n"
                        "D: 4\r\nE: 5\r\nF: \r\nG: \r\nH: 8\r\nI: 9\r\nX-Real-IP: "))
        << out;
}

TEST(write_request_head, fields_that_stand_in_no_buffer_are_written) {
    // As a reader of another protocol version makes them.
    request_head head;
    head.method_text = "GET";
    head.host = "h";
    head.fields.push_back({.id = known::accept, .name = "accept", .value = "*/*"});
    head.fields.push_back({.id = known::other, .name = "x", .value = std::string_view{}});
    std::string out;
    write_request_head(out, head, plain);
    EXPECT_TRUE(out.starts_with(
        "GET /x HTTP/1.1\r\nHost: localhost:4321\r\naccept: */*\r\nx: \r\nX-Real-IP: "));
}

TEST(write_request_head, heads_larger_than_expected) {
    const std::string long_value(5000, 'v');
    const std::string long_path = "/" + long_value;
    const owned_request r{get("/")};
    std::string out;
    write_request_head(out, r.head,
                       {.path = long_path, .client_address = "1", .session_id = long_value});
    EXPECT_TRUE(out.starts_with("GET /" + long_value + " HTTP/1.1\r\n"));
    EXPECT_TRUE(out.ends_with("X-Session-Id: " + long_value + "\r\n\r\n"));
}

TEST(write_request_head, methods_and_targets) {
    EXPECT_TRUE(
        rewritten("PROPFIND /a HTTP/1.1\r\nHost: h\r\n\r\n").starts_with("PROPFIND /x HTTP/1.1"));
    EXPECT_TRUE(rewritten(get("/a?")).starts_with("GET /x? HTTP/1.1"));
    EXPECT_TRUE(rewritten(get("/a?b=%2F?c")).starts_with("GET /x?b=%2F?c HTTP/1.1"));
    EXPECT_TRUE(rewritten(get("/a"), {.path = ""}).starts_with("GET / HTTP/1.1"));
    EXPECT_TRUE(rewritten("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", {.path = "*"})
                    .starts_with("OPTIONS * HTTP/1.1"));
    EXPECT_EQ(values_in(rewritten(get("/a"), {.path = "/x"}), "Host"), "h");
}

TEST(write_request_head, hop_by_hop_fields_end_here) {
    const std::string out = rewritten(
        get("/", "Connection: close, X-Mine, x-other\r\nKeep-Alive: timeout=5\r\n"
                 "Proxy-Connection: keep-alive\r\nTE: trailers\r\nTrailer: X-T\r\n"
                 "Upgrade: h2c\r\nHTTP2-Settings: AA\r\nProxy-Authorization: Basic x\r\n"
                 "Proxy-Authenticate: Basic\r\nX-Mine: 1\r\nX-Other: 2\r\nX-Kept: 3\r\n"));
    for (const char* name :
         {"Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Upgrade",
          "Proxy-Authorization", "Proxy-Authenticate", "X-Mine", "X-Other"})
        EXPECT_EQ(values_in(out, name), "-") << name;
    EXPECT_EQ(values_in(out, "X-Kept"), "3");
}

TEST(write_request_head, connection_cannot_strip_what_matters) {
    const std::string out = rewritten(
        "POST / HTTP/1.1\r\nHost: h\r\n"
        "Connection: host, content-length, cookie, authorization, origin, x-forwarded-for, "
        "x-real-ip, x-session-id, content-type, accept\r\n"
        "Content-Length: 3\r\nCookie: a=b\r\nAuthorization: Bearer t\r\nOrigin: http://h\r\n"
        "Content-Type: text/plain\r\nAccept: */*\r\n\r\n",
        {.path = "/x", .client_address = "192.0.2.7", .session_id = "s"});
    const std::pair<const char*, const char*> kept[] = {
        {"Host", "h"},          {"Content-Length", "3"},          {"Cookie", "a=b"},
        {"Origin", "http://h"}, {"Authorization", "Bearer t"},    {"Content-Type", "text/plain"},
        {"Accept", "*/*"},      {"X-Forwarded-For", "192.0.2.7"}, {"X-Real-IP", "192.0.2.7"},
        {"X-Session-Id", "s"},
    };
    for (const auto& [name, value] : kept)
        EXPECT_EQ(values_in(out, name), value) << name;
    // Nor does a chunked body lose its framing.
    EXPECT_EQ(values_in(rewritten("POST / HTTP/1.1\r\nHost: h\r\nConnection: transfer-encoding\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n"),
                        "Transfer-Encoding"),
              "chunked");
}

TEST(write_request_head, posterns_own_fields_cannot_be_forged) {
    const std::string forged = "X-Session-Id: evil\r\nX-Postern-Wake: 1\r\nx-POSTERN-any: 1\r\n"
                               "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Host: evil\r\n"
                               "X-Forwarded-Proto: https\r\nX-Forwarded-Prefix: /evil\r\n"
                               "X-Real-IP: 203.0.113.9\r\nForwarded: for=203.0.113.9\r\n"
                               "X_Forwarded_For: 203.0.113.9\r\nX_Real-IP: 203.0.113.9\r\n"
                               "x_session_id: evil\r\nX_Postern_Page: x\r\nContent_Length: 5\r\n"
                               "Transfer_Encoding: chunked\r\nX_Own: kept\r\n";
    const std::string out = rewritten(get("/", forged));
    EXPECT_EQ(values_in(out, "X-Session-Id"), "-");
    EXPECT_EQ(values_in(out, "X-Forwarded-For"), "192.0.2.7");
    EXPECT_EQ(values_in(out, "X-Forwarded-Host"), "h");
    EXPECT_EQ(values_in(out, "X-Forwarded-Proto"), "http");
    EXPECT_EQ(values_in(out, "X-Forwarded-Prefix"), "-");
    EXPECT_EQ(values_in(out, "X-Real-IP"), "192.0.2.7");
    for (const char* name :
         {"X-Postern-Wake", "X-Postern-Any", "Forwarded", "X_Forwarded_For", "X_Real-IP",
          "x_session_id", "X_Postern_Page", "Content_Length", "Transfer_Encoding"})
        EXPECT_EQ(values_in(out, name), "-") << name;
    EXPECT_EQ(values_in(out, "X_Own"), "kept");
}

TEST(write_request_head, trusted_proxies_are_believed_and_appended_to) {
    const std::string text =
        get("/", "X-Forwarded-For: 203.0.113.9, 198.51.100.1\r\nX-Forwarded-For: 198.51.100.2\r\n"
                 "X-Forwarded-Host: public.example\r\nX-Forwarded-Proto: https\r\n"
                 "X-Forwarded-Prefix: /outer\r\nX-Real-IP: 203.0.113.9\r\n"
                 "Forwarded: for=203.0.113.9\r\n");
    request_rewrite how = plain;
    how.trusted_client = true;
    how.client_address = "198.51.100.2"; // as x-forwarded-for says
    how.peer_address = "192.0.2.7";
    how.prefix = "/session/a";
    const std::string out = rewritten(text, how);
    EXPECT_EQ(values_in(out, "X-Forwarded-For"),
              "203.0.113.9, 198.51.100.1, 198.51.100.2, 192.0.2.7");
    EXPECT_EQ(values_in(out, "X-Forwarded-Host"), "public.example");
    EXPECT_EQ(values_in(out, "X-Forwarded-Proto"), "https");
    EXPECT_EQ(values_in(out, "X-Forwarded-Prefix"), "/outer/session/a");
    EXPECT_EQ(values_in(out, "X-Real-IP"), "198.51.100.2") << "one answer to who the client is";
    EXPECT_EQ(values_in(out, "Forwarded"), "for=203.0.113.9");
    const std::string bare = rewritten(get("/"), how);
    EXPECT_EQ(values_in(bare, "X-Forwarded-For"), "192.0.2.7");
    EXPECT_EQ(values_in(bare, "X-Forwarded-Host"), "h");
    EXPECT_EQ(values_in(bare, "X-Forwarded-Prefix"), "/session/a");
}

TEST(write_request_head, cookies_keep_all_but_posterns) {
    const std::pair<const char*, const char*> cases[] = {
        {"a=b; c=d", "a=b; c=d"},
        {"a=b;c=d", "a=b;c=d"},
        {"postern_session=t1", "-"},
        {"postern_session=t1; a=b", "a=b"},
        {"a=b; postern_session=t1", "a=b"},
        {"a=b; postern_session=t1; c=\"d e\"", "a=b; c=\"d e\""},
        {"a=b;postern_session=t1;;c", "a=b; c"},
        {"postern_session=t1; postern_session=t2", "-"},
        {"postern_session =t1; a=b", "a=b"},
        {"postern_session", "-"},
        {"xpostern_session=1; a=postern_session=2", "xpostern_session=1; a=postern_session=2"},
        {"a=b; __Host-postern_access_0123456789abcdef=x-y-z; c=d", "a=b; c=d"},
        {"__Host-postern_access_1=x; postern_session=t; __Host-postern_access_2=y", "-"},
        {"__Host-other=postern_; b", "__Host-other=postern_; b"},
    };
    for (const auto& [sent, kept] : cases)
        EXPECT_EQ(values_in(rewritten(get("/", "Cookie: "s + sent + "\r\n")), "Cookie"), kept)
            << sent;
    EXPECT_EQ(values_in(rewritten(get("/", "Cookie: a=1\r\nCookie: postern_session=2\r\n"
                                           "Cookie: b=3\r\n")),
                        "Cookie"),
              "a=1|b=3");
}

TEST(write_request_head, origin_of_the_public_name) {
    const struct {
        const char* why;
        const char* lines;
        const char* origin;
        bool trusted = false;
    } cases[] = {
        {"own", "Origin: http://edit.example.com\r\n", "http://localhost:4321"},
        {"own with its port", "Origin: http://Edit.example.com:80\r\n", "http://localhost:4321"},
        {"other scheme", "Origin: https://edit.example.com\r\n", "https://edit.example.com"},
        {"other host", "Origin: http://evil.example\r\n", "http://evil.example"},
        {"other port", "Origin: http://edit.example.com:81\r\n", "http://edit.example.com:81"},
        {"null", "Origin: null\r\n", "null"},
        {"a path", "Origin: http://edit.example.com/\r\n", "http://edit.example.com/"},
        {"none", "", "-"},
        {"TLS before us", "Origin: https://edit.example.com\r\nX-Forwarded-Proto: https\r\n",
         "http://localhost:4321", true},
        {"TLS claimed by a stranger",
         "Origin: https://edit.example.com\r\nX-Forwarded-Proto: https\r\n",
         "https://edit.example.com"},
        {"another name before us",
         "Origin: http://pub.example\r\nX-Forwarded-Host: pub.example\r\n", "http://localhost:4321",
         true},
    };
    for (const auto& c : cases) {
        request_rewrite how = plain;
        how.rewrite_origin = true;
        how.trusted_client = c.trusted;
        EXPECT_EQ(values_in(rewritten(get("/", c.lines, "edit.example.com"), how), "Origin"),
                  c.origin)
            << c.why;
        how.rewrite_origin = false;
        EXPECT_NE(values_in(rewritten(get("/", c.lines, "edit.example.com"), how), "Origin"),
                  "http://localhost:4321");
    }
}

TEST(write_request_head, identity_encoding) {
    const std::string lines = "Accept-Encoding: gzip, br\r\nIf-None-Match: \"x\"\r\n"
                              "If-Modified-Since: x\r\nIf-Match: *\r\nIf-Unmodified-Since: x\r\n"
                              "If-Range: x\r\nRange: bytes=0-1\r\nAccept: */*\r\n";
    request_rewrite how = plain;
    how.identity_encoding = true;
    const std::string out = rewritten(get("/", lines), how);
    EXPECT_EQ(values_in(out, "Accept-Encoding"), "identity");
    for (const char* name : {"If-None-Match", "If-Modified-Since", "If-Match",
                             "If-Unmodified-Since", "If-Range", "Range"})
        EXPECT_EQ(values_in(out, name), "-") << name;
    EXPECT_EQ(values_in(out, "Accept"), "*/*");
    EXPECT_EQ(values_in(rewritten(get("/", lines)), "Accept-Encoding"), "gzip, br");
    EXPECT_EQ(values_in(rewritten(get("/", lines)), "If-None-Match"), "\"x\"");
}

TEST(write_request_head, bearer_token_replaces_the_clients) {
    const std::string text = get("/", "Authorization: Basic eA==\r\n");
    EXPECT_EQ(values_in(rewritten(text), "Authorization"), "Basic eA==");
    request_rewrite how = plain;
    how.bearer_token = "secret";
    EXPECT_EQ(values_in(rewritten(text, how), "Authorization"), "Bearer secret");
}

TEST(write_request_head, framing_is_kept) {
    const auto post = [](std::string_view lines) {
        return "POST / HTTP/1.1\r\nHost: h\r\n" + std::string{lines} + "\r\n";
    };
    EXPECT_EQ(values_in(rewritten(post("Content-Length: 0\r\n")), "Content-Length"), "0");
    EXPECT_EQ(
        values_in(rewritten(post("Content-Length: 9223372036854775807\r\n")), "Content-Length"),
        "9223372036854775807");
    EXPECT_EQ(values_in(rewritten(get("/")), "Content-Length"), "-");
    const std::string chunked =
        rewritten(post("Transfer-Encoding: CHUNKED\r\nExpect: 100-continue\r\n"));
    EXPECT_EQ(values_in(chunked, "Transfer-Encoding"), "chunked");
    EXPECT_EQ(values_in(chunked, "Content-Length"), "-");
    EXPECT_EQ(values_in(chunked, "Expect"), "-");
}

TEST(write_request_head, websockets_keep_their_handshake) {
    request_rewrite how = plain;
    how.websocket = true;
    const std::string out =
        rewritten(handshake("/?token=a", "Sec-WebSocket-Protocol: vite-hmr\r\n"
                                         "Sec-WebSocket-Extensions: permessage-deflate\r\n"
                                         "Sec-Fetch-Site: same-origin\r\n"),
                  how);
    const owned_request again{out};
    EXPECT_TRUE(again.head.websocket);
    EXPECT_EQ(values_in(out, "Connection"), "Upgrade");
    EXPECT_EQ(values_in(out, "Upgrade"), "websocket");
    EXPECT_EQ(values_in(out, "Sec-WebSocket-Protocol"), "vite-hmr");
    EXPECT_EQ(values_in(out, "Sec-WebSocket-Extensions"), "permessage-deflate");
    EXPECT_EQ(values_in(out, "Sec-Fetch-Site"), "same-origin");
    EXPECT_EQ(values_in(out, "Sec-WebSocket-Key"), "dGhlIHNhbXBsZSBub25jZQ==");
}

TEST(write_request_head, no_value_can_inject_a_line) {
    const request_rewrite how{.path = "/x\r\nA: 1",
                              .host = "h\r\nB: 2",
                              .client_address = "1\r\nC: 3",
                              .prefix = "/p\r\n\r\nD: 4",
                              .session_id = "s\r\nE: 5\0"sv,
                              .bearer_token = "t\nF: 6"};
    const owned_request r{get("/")};
    std::string out;
    write_request_head(out, r.head, how);
    for (const char* forged : {"\nA:", "\nB:", "\nC:", "\nD:", "\nE:", "\nF:"})
        EXPECT_EQ(out.find(forged), std::string::npos) << forged;
    EXPECT_EQ(out.find("\r\n\r\n"), out.size() - 4);
    EXPECT_EQ(out.find('\0'), std::string::npos);
}

/// What the reader accepts, the writer's form is accepted for again, with the same meaning; and
/// writing that again changes nothing more.
TEST(write_request_head, is_read_back_with_the_same_meaning) {
    const std::string heads[] = {
        get("/"),
        get("/a//b/%2e%2ex?c=d&e[]=%20", "Accept: text/html\r\nX: \r\nY:a b\tc\r\n", "[::1]:80"),
        "GET http://a.example:80/x HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: h\r\nOrigin: http://h\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive, x\r\nX: 1\r\n\r\n",
        "PUT /x HTTP/1.1\r\nHost: h\r\ncontent-length: 00042\r\nExpect: 100-continue\r\n\r\n",
        "PATCH /x HTTP/1.7\r\nhOST: h\r\nTransfer-Encoding: ChunKed\r\nTrailer: a\r\nTE: x\r\n\r\n",
        handshake("/?token=a", "Cookie: a=b; postern_session=c\r\nOrigin: http://h\r\n"),
        "DELETE /x HTTP/1.1\r\nHost: h\r\nConnection: close, Z\r\nZ: 1\r\nUpgrade: h2c\r\n\r\n",
    };
    for (const std::string& text : heads) {
        SCOPED_TRACE(text);
        const owned_request first{text};
        request_rewrite how{.path = first.head.path,
                            .host = first.head.host.empty() ? "fallback" : first.head.host,
                            .client_address = "192.0.2.7"};
        how.websocket = first.head.websocket;
        const owned_request second{rewritten(text, how)};
        EXPECT_EQ(second.head.method, first.head.method);
        EXPECT_EQ(second.head.target, first.head.target);
        EXPECT_EQ(second.head.host, how.host);
        EXPECT_EQ(second.head.content_length, first.head.content_length);
        EXPECT_EQ(second.head.chunked, first.head.chunked);
        EXPECT_EQ(second.head.websocket, first.head.websocket);
        EXPECT_EQ(second.head.minor_version, 1);
        EXPECT_EQ(kind_of(second.head), kind_of(first.head));
        how.path = second.head.path;
        how.host = second.head.host;
        if (first.head.host.empty())
            continue; // the fallback becomes X-Forwarded-Host
        EXPECT_EQ(rewritten(second.bytes, how), second.bytes);
    }
}

} // namespace
} // namespace postern::edge
