#include "edge/http2/answer_fields.hpp"

#include <gtest/gtest.h>

#include <string>

namespace postern::edge {
namespace {

std::string taken_apart(std::string head) {
    answer_fields fields;
    if (!take_apart(head, fields))
        return "none";
    std::string text;
    for (const answer_field& f : fields)
        text.append(f.name).append("=").append(f.value).append("|");
    return text;
}

TEST(answer_fields, are_those_of_the_head_in_lower_case) {
    EXPECT_EQ(
        taken_apart(
            "HTTP/1.1 200 OK\r\nContent-Type: text/Plain\r\nX-A:\r\nset-cookie: A=b: C\r\n\r\n"),
        ":status=200|content-type=text/Plain|x-a=|set-cookie=A=b: C|");
    EXPECT_EQ(taken_apart("HTTP/1.1 204 \r\n\r\n"), ":status=204|");
}

TEST(answer_fields, lack_what_only_http_1_has) {
    EXPECT_EQ(taken_apart("HTTP/1.1 404 Not Found\r\nConnection: close\r\nKeep-Alive: "
                          "5\r\nTransfer-Encoding: chunked\r\n"
                          "Upgrade: x\r\nProxy-Connection: y\r\nSec-WebSocket-Accept: z\r\n\r\n"),
              ":status=404|sec-websocket-accept=z|");
}

TEST(answer_fields, of_a_switch_are_those_of_a_tunnel) {
    EXPECT_EQ(
        taken_apart(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: z\r\nSec-WebSocket-Protocol: vite-hmr\r\n\r\n"),
        ":status=200|sec-websocket-protocol=vite-hmr|");
}

TEST(answer_fields, are_none_of_what_is_no_head) {
    for (const char* text :
         {"", "\r\n\r\n", "HTTP/1.1 20", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n",
          "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\na\r\n\r\n", "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
          "HTTP/1.1 200 OK\r\na: b\r\n"})
        EXPECT_EQ(taken_apart(text), "none") << text;
}

} // namespace
} // namespace postern::edge
