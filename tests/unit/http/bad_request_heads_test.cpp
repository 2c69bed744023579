// Heads that are refused: every one has fooled some server or proxy, or could.
#include "edge/http/request_head.hpp"

#include <gtest/gtest.h>

#include <string>

namespace postern::edge {
namespace {

using namespace std::string_literals;

struct bad_head {
    const char* why;
    std::string text;
    unsigned status = 400;
};

/// The lines between a good request line with Host and the empty line.
std::string with(std::string_view lines) {
    return "POST / HTTP/1.1\r\nHost: h\r\n" + std::string{lines} + "\r\n";
}
std::string line(std::string_view request_line) {
    return std::string{request_line} + "\r\nHost: h\r\n\r\n";
}
std::string host(std::string_view value) {
    return "GET / HTTP/1.1\r\nHost: " + std::string{value} + "\r\n\r\n";
}
std::string to_host(std::string_view target, std::string_view value) {
    return "GET " + std::string{target} + " HTTP/1.1\r\nHost: " + std::string{value} + "\r\n\r\n";
}
std::string websocket(std::string_view lines) {
    return "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
           std::string{lines} + "\r\n";
}

void expect_all_bad(const std::vector<bad_head>& cases) {
    for (const bad_head& c : cases) {
        SCOPED_TRACE(c.why);
        request_head head;
        const read_outcome outcome = read_request_head(c.text, {}, head);
        EXPECT_EQ(outcome.state, read_state::bad);
        EXPECT_EQ(outcome.status, c.status);
        EXPECT_STRNE(outcome.reason, "");
    }
}

TEST(bad_request_heads, request_lines) {
    expect_all_bad({
        {"no version", line("GET /")},
        {"no target", line("GET HTTP/1.1")},
        {"two spaces before the target", line("GET  / HTTP/1.1")},
        {"two spaces before the version", line("GET /  HTTP/1.1")},
        {"space after the version", line("GET / HTTP/1.1 ")},
        {"tab for a space", line("GET\t/ HTTP/1.1")},
        {"tab before the version", line("GET /\tHTTP/1.1")},
        {"leading space", line(" GET / HTTP/1.1")},
        {"space in the target", line("GET /a b HTTP/1.1")},
        {"a second request line", line("GET / HTTP/1.1 GET /b HTTP/1.1")},
        {"lower-case version", line("GET / http/1.1")},
        {"mixed-case version", line("GET / Http/1.1")},
        {"no minor version", line("GET / HTTP/1")},
        {"long minor version", line("GET / HTTP/1.10")},
        {"padded version", line("GET / HTTP/01.1")},
        {"signed version", line("GET / HTTP/+1.1")},
        {"comma in the version", line("GET / HTTP/1,1")},
        {"letters in the version", line("GET / HTTP/x.y")},
        {"another protocol", line("GET / SIP/2.0")},
        {"HTTP/0.9", line("GET / HTTP/0.9"), 505},
        {"HTTP/2.0", line("GET / HTTP/2.0"), 505},
        {"HTTP/3.1", line("GET / HTTP/3.1"), 505},
        {"HTTP/9.9", line("GET / HTTP/9.9"), 505},
        {"an HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"a TLS hello", "\x16\x03\x01\x02"s},
        {"colon in the method", line("GE:T / HTTP/1.1")},
        {"NUL in the method", line("GE\0T / HTTP/1.1"s)},
        {"UTF-8 in the method", line("G\xc3\x89T / HTTP/1.1")},
        {"brackets in the method", line("[GET] / HTTP/1.1")},
        {"a method that is too long", line(std::string(33, 'A') + " / HTTP/1.1"), 501},
        {"an endless method", std::string(64, 'A'), 501},
        {"CONNECT", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", 501},
        {"CONNECT with a path", line("CONNECT / HTTP/1.1"), 501},
        {"TRACE", line("TRACE / HTTP/1.1"), 501},
        {"empty lines without end", "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"},
        {"a bare LF before", "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"},
        {"a CR before", "\rGET / HTTP/1.1\r\nHost: h\r\n\r\n"},
    });
}

TEST(bad_request_heads, line_ends) {
    expect_all_bad({
        {"bare LF everywhere", "GET / HTTP/1.1\nHost: h\n\n"},
        {"bare LF after the request line", "GET / HTTP/1.1\nHost: h\r\n\r\n"},
        {"bare LF after a field", "GET / HTTP/1.1\r\nHost: h\n\r\n"},
        {"bare LF for the empty line", "GET / HTTP/1.1\r\nHost: h\r\n\n"},
        {"CR without LF after the version", "GET / HTTP/1.1\rHost: h\r\n\r\n"},
        {"CR CR LF after the version", "GET / HTTP/1.1\r\r\nHost: h\r\n\r\n"},
        {"CR in a value", with("X: a\rb\r\n")},
        {"CR CR LF after a field", with("X: a\r\r\n")},
        {"CR at the start of a line", with("\rX: a\r\n")},
        {"CR X for the empty line", "GET / HTTP/1.1\r\nHost: h\r\n\rX\r\n"},
        {"LF in a name", with("X\nY: a\r\n")},
        {"a field hidden behind a bare LF", with("X: a\nContent-Length: 5\r\n")},
        {"a field hidden behind a bare CR", with("X: a\rTransfer-Encoding: chunked\r\n")},
    });
}

TEST(bad_request_heads, fields) {
    expect_all_bad({
        {"space before the colon", with("X : a\r\n")},
        {"tab before the colon", with("X\t: a\r\n")},
        {"space before the colon of a length", with("Content-Length : 5\r\n")},
        {"folded with a space", with("X: a\r\n b\r\n")},
        {"folded with a tab", with("X: a\r\n\tb\r\n")},
        {"folded first line", "GET / HTTP/1.1\r\n Host: h\r\n\r\n"},
        {"a length in a folded line", with("X: a\r\n Content-Length: 5\r\n")},
        {"no colon", with("X\r\n")},
        {"no name", with(": a\r\n")},
        {"a blank line that is not empty", "GET / HTTP/1.1\r\nHost: h\r\n \r\n\r\n"},
        {"space in a name", with("X Y: a\r\n")},
        {"NUL in a name", with("X\0Y: a\r\n"s)},
        {"NUL in a value", with("X: a\0b\r\n"s)},
        {"NUL at a value's end", with("X: a\0\r\n"s)},
        {"vertical tab in a value", with("X: a\vb\r\n")},
        {"form feed before a length", with("Content-Length: \f5\r\n")},
        {"escape in a value", with("X: \x1b[31m\r\n")},
        {"DEL in a value", with("X: a\x7f\r\n")},
        {"control byte 01", with("X: \x01\r\n")},
        {"UTF-8 in a name", with("Caf\xc3\xa9: a\r\n")},
        {"quote in a name", with("\"X\": a\r\n")},
        {"parenthesis in a name", with("X(a): b\r\n")},
        {"slash in a name", with("X/Y: a\r\n")},
        {"no-break space before a colon", with("Content-Length\xa0: 5\r\n")},
        {"101 fields", with([] {
             std::string lines;
             for (int i = 0; i < 100; ++i)
                 lines += "X: a\r\n";
             return lines;
         }()),
         431},
        {"a head that is too large", with("X: " + std::string(16 * 1024, 'a') + "\r\n"), 431},
        {"an endless value", "GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(16 * 1024, 'a'), 431},
        {"an endless name", "GET / HTTP/1.1\r\n" + std::string(16 * 1024, 'a'), 431},
        {"Connection that names 17 fields",
         with("Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\r\n")},
    });
}

TEST(bad_request_heads, lengths) {
    expect_all_bad({
        {"signed", with("Content-Length: +5\r\n")},
        {"negative", with("Content-Length: -5\r\n")},
        {"negative zero", with("Content-Length: -0\r\n")},
        {"a list", with("Content-Length: 5,5\r\n")},
        {"a list with a space", with("Content-Length: 5, 5\r\n")},
        {"a list of two values", with("Content-Length: 5, 6\r\n")},
        {"a list's empty member", with("Content-Length: 5,\r\n")},
        {"two numbers", with("Content-Length:  5 5\r\n")},
        {"hexadecimal", with("Content-Length: 0x5\r\n")},
        {"a fraction", with("Content-Length: 5.0\r\n")},
        {"an exponent", with("Content-Length: 5e0\r\n")},
        {"a digit separator", with("Content-Length: 5_0\r\n")},
        {"quoted", with("Content-Length: \"5\"\r\n")},
        {"empty", with("Content-Length:\r\n")},
        {"blank", with("Content-Length: \t \r\n")},
        {"letters", with("Content-Length: five\r\n")},
        {"letters after", with("Content-Length: 5five\r\n")},
        {"full-width digit", with("Content-Length: \xef\xbc\x95\r\n")},
        {"2^63", with("Content-Length: 9223372036854775808\r\n")},
        {"2^64", with("Content-Length: 18446744073709551616\r\n")},
        {"2^64 + 5", with("Content-Length: 18446744073709551621\r\n")},
        {"very long", with("Content-Length: " + std::string(40, '9') + "\r\n")},
        {"repeated", with("Content-Length: 5\r\nContent-Length: 5\r\n")},
        {"two", with("Content-Length: 5\r\nContent-Length: 6\r\n")},
        {"two in different case", with("content-length: 5\r\nCONTENT-LENGTH: 6\r\n")},
        {"HTTP/1.0 POST without any", "POST / HTTP/1.0\r\nHost: h\r\n\r\n"},
        {"HTTP/1.0 PUT without any, kept alive",
         "PUT / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n"},
    });
}

TEST(bad_request_heads, transfer_codings) {
    expect_all_bad({
        {"with a length", with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")},
        {"after a length", with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")},
        {"with an empty length", with("Content-Length:\r\nTransfer-Encoding: chunked\r\n")},
        {"an empty one with a length", with("Transfer-Encoding:\r\nContent-Length: 5\r\n")},
        {"an odd one with a length", with("Transfer-Encoding: x\r\nContent-Length: 5\r\n")},
        {"twice", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")},
        {"two lines", with("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n")},
        {"chunked twice", with("Transfer-Encoding: chunked, chunked\r\n")},
        {"chunked not last", with("Transfer-Encoding: chunked, gzip\r\n")},
        {"no chunked", with("Transfer-Encoding: gzip\r\n")},
        {"identity", with("Transfer-Encoding: identity\r\n")},
        {"identity after chunked", with("Transfer-Encoding: chunked, identity\r\n")},
        {"empty", with("Transfer-Encoding:\r\n")},
        {"a comma after", with("Transfer-Encoding: chunked,\r\n")},
        {"a comma before", with("Transfer-Encoding: ,chunked\r\n")},
        {"quoted", with("Transfer-Encoding: \"chunked\"\r\n")},
        {"a parameter", with("Transfer-Encoding: chunked;q=1\r\n")},
        {"a prefix", with("Transfer-Encoding: xchunked\r\n")},
        {"a suffix", with("Transfer-Encoding: chunkedx\r\n")},
        {"two words", with("Transfer-Encoding: chunked chunked\r\n")},
        {"a tab inside", with("Transfer-Encoding: chun\tked\r\n")},
        {"vertical tab before", with("Transfer-Encoding:\vchunked\r\n")},
        {"NUL before", with("Transfer-Encoding: \0chunked\r\n"s)},
        {"gzip, then chunked", with("Transfer-Encoding: gzip, chunked\r\n"), 501},
        {"identity, then chunked", with("Transfer-Encoding: identity, chunked\r\n"), 501},
        {"HTTP/1.0", "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {"HTTP/1.0, kept alive", "POST / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n"
                                 "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"},
        {"HTTP/1.0 GET", "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
    });
}

TEST(bad_request_heads, hosts) {
    expect_all_bad({
        {"none", "GET / HTTP/1.1\r\n\r\n"},
        {"none in 1.2", "GET / HTTP/1.2\r\nX: a\r\n\r\n"},
        {"empty", host("")},
        {"twice", host("h\r\nHost: h")},
        {"two", host("h\r\nhost: i")},
        {"two in HTTP/1.0", "GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n"},
        {"a list", host("h, i")},
        {"a list without a space", host("h,i")},
        {"user information", host("user@h")},
        {"a path", host("h/x")},
        {"a query", host("h?x")},
        {"a fragment", host("h#x")},
        {"a backslash", host("h\\x")},
        {"a URL", host("http://h")},
        {"a space", host("h i")},
        {"a tab", host("h\ti")},
        {"percent-encoding", host("h%2ei")},
        {"only a port", host(":80")},
        {"an empty port", host("h:")},
        {"port 0", host("h:0")},
        {"port 65536", host("h:65536")},
        {"a very long port", host("h:000080")},
        {"a signed port", host("h:+80")},
        {"letters in the port", host("h:80x")},
        {"two ports", host("h:80:81")},
        {"an empty label", host("a..b")},
        {"a leading dot", host(".h")},
        {"only a dot", host(".")},
        {"quotes", host("\"h\"")},
        {"angle brackets", host("<h>")},
        {"braces", host("{h}")},
        {"bytes above 127", host("h\xc3\xa9")},
        {"bare IPv6", host("::1")},
        {"an open bracket", host("[::1")},
        {"bytes after the bracket", host("[::1]x")},
        {"no address in brackets", host("[]")},
        {"a name in brackets", host("[h]")},
        {"a zone", host("[fe80::1%25eth0]")},
        {"a future address", host("[v1.x]")},
        {"256 bytes", host(std::string(256, 'a'))},
    });
}

TEST(bad_request_heads, targets) {
    expect_all_bad({
        {"no slash", to_host("index.html", "h")},
        {"authority-form", to_host("h:80", "h")},
        {"asterisk", to_host("*", "h")},
        {"asterisk and more", "OPTIONS *x HTTP/1.1\r\nHost: h\r\n\r\n"},
        {"asterisk and a query", "OPTIONS *?x HTTP/1.1\r\nHost: h\r\n\r\n"},
        {"a query alone", to_host("?x", "h")},
        {"a fragment", to_host("/x#y", "h")},
        {"a fragment behind the query", to_host("/x?y#z", "h")},
        {"a fragment alone", to_host("#", "h")},
        {"UTF-8", to_host("/caf\xc3\xa9", "h")},
        {"byte 80", to_host("/\x80", "h")},
        {"NUL", to_host("/\0"s, "h")},
        {"DEL", to_host("/\x7f", "h")},
        {"a control byte", to_host("/\x01", "h")},
        {"a CR", to_host("/a\rb", "h")},
        {"absolute with another host", to_host("http://other/", "h")},
        {"absolute with another port", to_host("http://h:81/", "h")},
        {"absolute with a longer host", to_host("http://h.evil/", "h")},
        {"absolute with a user", to_host("http://h@evil/", "h")},
        {"absolute with a user that looks right", to_host("http://h:80@evil/", "h")},
        {"absolute without a host", to_host("http:///x", "h")},
        {"absolute with one slash", to_host("http:/h/x", "h")},
        {"absolute without Host", "GET http://h/ HTTP/1.1\r\n\r\n"},
        {"absolute with a bad Host", to_host("http://h/", "h,")},
        {"absolute with an empty Host", to_host("http://h/", "")},
        {"absolute with a fragment after a query", to_host("http://h?x#y", "h")},
        {"absolute with a backslash", to_host("http://h\\x", "h")},
        {"another scheme", to_host("ftp://h/", "h")},
        {"a socket's scheme", to_host("ws://h/", "h")},
        {"a file", to_host("file:///etc/passwd", "h")},
        {"a script", to_host("javascript:alert(1)", "h")},
        {"a target that is too long", to_host("/" + std::string(8192, 'a'), "h"), 414},
        {"an endless target", "GET /" + std::string(9000, 'a'), 414},
    });
}

TEST(bad_request_heads, handshakes_and_expectations) {
    const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const std::string version = "Sec-WebSocket-Version: 13\r\n";
    expect_all_bad({
        {"no key", websocket(version)},
        {"no version", websocket(key)},
        {"an empty key", websocket("Sec-WebSocket-Key:\r\n" + version)},
        {"an empty version", websocket(key + "Sec-WebSocket-Version:\r\n")},
        {"two keys", websocket(key + key + version)},
        {"two versions", websocket(key + version + version)},
        {"a body of a length", websocket(key + version + "Content-Length: 5\r\n")},
        {"a chunked body", websocket(key + version + "Transfer-Encoding: chunked\r\n")},
        {"another expectation", with("Content-Length: 1\r\nExpect: 200-ok\r\n"), 417},
        {"an empty expectation", with("Content-Length: 1\r\nExpect:\r\n"), 417},
        {"two expectations",
         with("Content-Length: 1\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n"), 417},
        {"a list of expectations",
         with("Content-Length: 1\r\nExpect: 100-continue, 100-continue\r\n"), 417},
        {"an expectation with a parameter", with("Content-Length: 1\r\nExpect: 100-continue;x\r\n"),
         417},
        {"an expectation without a body", with("Expect: nothing\r\n"), 417},
    });
}

} // namespace
} // namespace postern::edge
