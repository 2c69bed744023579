#include "edge/http2/request_text.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace postern::edge {
namespace {

using fields = std::vector<std::pair<std::string, std::string>>;
using verdict = request_text::verdict;

const fields get{
    {":method", "GET"}, {":scheme", "https"}, {":authority", "a.example"}, {":path", "/x?y"}};

fields with(fields list, const fields& more) {
    list.insert(list.end(), more.begin(), more.end());
    return list;
}
fields without(fields list, std::string_view name) {
    std::erase_if(list, [&](const auto& f) { return f.first == name; });
    return list;
}
fields but(fields list, std::string_view name, std::string value) {
    for (auto& f : list)
        if (f.first == name)
            f.second = std::move(value);
    return list;
}

verdict put(request_text& text, const fields& list) {
    text.clear();
    for (const auto& [name, value] : list)
        text.add(name, value);
    return text.finish();
}

TEST(request_text, is_the_same_request_in_http_1_1) {
    request_text text{{}};
    ASSERT_EQ(
        put(text,
            with(get, {{"accept", "*/*"}, {"cookie", "a=b"}, {"x-a", ""}, {"cookie", "c=d"}})),
        verdict::good);
    EXPECT_EQ(
        text.text(),
        "GET /x?y HTTP/1.1\r\nHost: a.example\r\naccept: */*\r\nx-a: \r\ncookie: a=b; c=d\r\n");
    EXPECT_FALSE(text.has_length());
    ASSERT_EQ(
        put(text, with(but(get, ":method", "POST"), {{"content-length", "3"}, {"te", "trailers"}})),
        verdict::good);
    EXPECT_EQ(text.text(),
              "POST /x?y HTTP/1.1\r\nHost: a.example\r\ncontent-length: 3\r\nte: trailers\r\n");
    EXPECT_TRUE(text.has_length());
    ASSERT_EQ(put(text, with(without(get, ":authority"), {{"host", "b.example"}})), verdict::good);
    EXPECT_EQ(text.text(), "GET /x?y HTTP/1.1\r\nHost: b.example\r\n");
    ASSERT_EQ(put(text, with(get, {{"host", "a.example"}})), verdict::good);
    EXPECT_EQ(text.text(), "GET /x?y HTTP/1.1\r\nHost: a.example\r\n");
    ASSERT_EQ(put(text, but(but(get, ":path", "*"), ":method", "OPTIONS")), verdict::good);
    EXPECT_EQ(text.text(), "OPTIONS * HTTP/1.1\r\nHost: a.example\r\n");
}

TEST(request_text, what_it_lets_through_the_reader_of_heads_reads_as_one_request) {
    request_text text{{}};
    ASSERT_EQ(put(text, with(get, {{"x", "a\tb: c"}, {"y", "\xff\x80"}})), verdict::good);
    const std::string whole = std::string{text.text()} + "\r\n";
    request_head head;
    ASSERT_EQ(read_request_head(whole, {}, head).state, read_state::done);
    EXPECT_EQ(head.head_bytes, whole.size());
    EXPECT_EQ(head.fields.size(), 3U);
}

TEST(request_text, an_extended_connect_is_a_websocket_handshake) {
    request_text text{{}};
    const fields socket =
        with(but(get, ":method", "CONNECT"), {{":protocol", "websocket"},
                                              {"sec-websocket-protocol", "vite-hmr"},
                                              {"sec-websocket-version", "13"},
                                              {"sec-websocket-key", "mine"}});
    ASSERT_EQ(put(text, socket), verdict::good);
    EXPECT_TRUE(text.websocket());
    const std::string whole = std::string{text.text()} + "\r\n";
    EXPECT_EQ(whole.find("mine"), std::string::npos);
    request_head head;
    const read_outcome read = read_request_head(whole, {}, head);
    ASSERT_EQ(read.state, read_state::done) << read.reason;
    EXPECT_TRUE(head.websocket);
    EXPECT_EQ(head.method, method::get);
    EXPECT_EQ(value_of(head.fields, known::sec_websocket_protocol), "vite-hmr");
    const std::string key{value_of(head.fields, known::sec_websocket_key)};
    EXPECT_EQ(key.size(), 24U);
    EXPECT_TRUE(key.ends_with("=="));
    ASSERT_EQ(put(text, socket), verdict::good);
    EXPECT_EQ(text.text().find(key), std::string_view::npos) << "another key each time";
}

TEST(request_text, a_plain_connect_is_left_to_the_reader) {
    request_text text{{}};
    ASSERT_EQ(put(text, {{":method", "CONNECT"}, {":authority", "a.example:443"}}), verdict::good);
    request_head head;
    EXPECT_EQ(read_request_head(std::string{text.text()} + "\r\n", {}, head).status, 501U);
}

TEST(request_text, attacks_are_malformed) {
    using namespace std::string_literals;
    const std::pair<const char*, fields> table[] = {
        {"no method", without(get, ":method")},
        {"empty method", but(get, ":method", "")},
        {"method with a line", but(get, ":method", "GET / HTTP/1.1\r\nx: y\r\n\r\nGET")},
        {"method with a space", but(get, ":method", "GET /")},
        {"no path", without(get, ":path")},
        {"empty path", but(get, ":path", "")},
        {"path with a space", but(get, ":path", "/ HTTP/1.1")},
        {"path with CR LF", but(get, ":path", "/\r\nHost: evil")},
        {"path with LF", but(get, ":path", "/\nx")},
        {"path with NUL", but(get, ":path", "/\0x"s)},
        {"path with DEL", but(get, ":path", "/\x7f")},
        {"path that is a URL", but(get, ":path", "http://evil/")},
        {"path without a slash", but(get, ":path", "x")},
        {"asterisk with GET", but(get, ":path", "*")},
        {"authority with a space", but(get, ":authority", "a b")},
        {"authority with CR LF", but(get, ":authority", "a\r\nx: y")},
        {"authority and another host", with(get, {{"host", "evil"}})},
        {"two hosts", with(without(get, ":authority"), {{"host", "a"}, {"host", "a"}})},
        {"no scheme", without(get, ":scheme")},
        {"another scheme", but(get, ":scheme", "ftp")},
        {"scheme with a URL", but(get, ":scheme", "http://evil/?")},
        {"two methods", with(get, {{":method", "GET"}})},
        {"two paths", with(get, {{":path", "/"}})},
        {"an answer's status", with(get, {{":status", "200"}})},
        {"an unknown pseudo-header field", with(get, {{":x", "y"}})},
        {"only a colon", with(get, {{":", "y"}})},
        {"a pseudo-header field behind others",
         with(get, {{"a", "b"}, {":protocol", "websocket"}})},
        {"upper case", with(get, {{"Accept", "y"}})},
        {"an empty name", with(get, {{"", "y"}})},
        {"name with a space", with(get, {{"a b", "y"}})},
        {"name with a colon", with(get, {{"a: b", "y"}})},
        {"name with CR LF", with(get, {{"a\r\nb", "y"}})},
        {"name with NUL", with(get, {{"a\0"s, "y"}})},
        {"value with CR LF", with(get, {{"a", "b\r\nc: d"}})},
        {"value with CR", with(get, {{"a", "b\rc"}})},
        {"value with LF", with(get, {{"a", "b\nc"}})},
        {"value with NUL", with(get, {{"a", "b\0c"s}})},
        {"value with a blank before", with(get, {{"a", " b"}})},
        {"value with a blank behind", with(get, {{"a", "b\t"}})},
        {"cookie with CR LF", with(get, {{"cookie", "a=b\r\nx: y"}})},
        {"connection", with(get, {{"connection", "close"}})},
        {"keep-alive", with(get, {{"keep-alive", "1"}})},
        {"proxy-connection", with(get, {{"proxy-connection", "close"}})},
        {"transfer-encoding", with(get, {{"transfer-encoding", "chunked"}})},
        {"upgrade", with(get, {{"upgrade", "h2c"}})},
        {"te", with(get, {{"te", "gzip"}})},
        {"te with more", with(get, {{"te", "trailers, chunked"}})},
        {"two lengths", with(get, {{"content-length", "1"}, {"content-length", "1"}})},
        {"CONNECT with a path", but(get, ":method", "CONNECT")},
        {"CONNECT without authority", {{":method", "CONNECT"}}},
        {"another protocol", with(but(get, ":method", "CONNECT"), {{":protocol", "h2c"}})},
        {"protocol without CONNECT", with(get, {{":protocol", "websocket"}})},
        {"a socket with a length", with(but(get, ":method", "CONNECT"),
                                        {{":protocol", "websocket"}, {"content-length", "0"}})},
        {"a socket to another host's URL",
         with(but(but(get, ":method", "CONNECT"), ":path", "http://evil/"),
              {{":protocol", "websocket"}})},
    };
    request_text text{{}};
    for (const auto& [what, list] : table)
        EXPECT_EQ(put(text, list), verdict::malformed) << what;
}

TEST(request_text, is_never_larger_than_allowed) {
    request_text text{{.bytes_max = 1000, .fields_max = 10}};
    EXPECT_EQ(put(text, but(get, ":path", "/" + std::string(1000, 'x'))), verdict::too_large);
    EXPECT_EQ(put(text, with(get, {{"a", std::string(1000, 'x')}})), verdict::too_large);
    EXPECT_EQ(put(text, with(get, fields(9, {"a", "b"}))), verdict::good);
    EXPECT_EQ(put(text, with(get, fields(10, {"a", "b"}))), verdict::too_large);
    EXPECT_EQ(put(text, with(get, fields(100, {"cookie", "a=b"}))), verdict::good)
        << "crumbs are one field";
    EXPECT_EQ(put(text, with(get, fields(300, {"cookie", "a=b"}))), verdict::too_large);
    EXPECT_EQ(put(text, with(get, fields(100'000, {"cookie", ""}))), verdict::too_large);
    EXPECT_GT(text.dropped(), 99'000U);
    EXPECT_LE(text.text().size(), 1000U);
    EXPECT_EQ(put(text, get), verdict::good) << "the next one starts anew";
}

} // namespace
} // namespace postern::edge
