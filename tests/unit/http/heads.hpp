// Heads for tests: read from text that outlives them.
#pragma once

#include "edge/http/request_head.hpp"
#include "edge/http/response_head.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <string_view>

namespace postern::edge::tests {

/// A request head with the bytes it points into.
struct owned_request {
    explicit owned_request(std::string text) : bytes{std::move(text)} {
        const read_outcome outcome = read_request_head(bytes, {}, head);
        EXPECT_EQ(outcome.state, read_state::done) << bytes << "\n" << outcome.reason;
    }
    owned_request(const owned_request&) = delete;
    owned_request& operator=(const owned_request&) = delete;
    std::string bytes;
    request_head head;
};

struct owned_response {
    explicit owned_response(std::string text, enum method to = method::get)
        : bytes{std::move(text)} {
        const read_outcome outcome = read_response_head(bytes, {}, to, head);
        EXPECT_EQ(outcome.state, read_state::done) << bytes << "\n" << outcome.reason;
    }
    owned_response(const owned_response&) = delete;
    owned_response& operator=(const owned_response&) = delete;
    std::string bytes;
    response_head head;
};

/// "GET TARGET HTTP/1.1" to Host "h" with further lines, each ended by CR LF.
inline std::string get(std::string_view target, std::string_view lines = "",
                       std::string_view host = "h") {
    std::string text{"GET "};
    text.append(target).append(" HTTP/1.1\r\nHost: ").append(host).append("\r\n");
    return text.append(lines).append("\r\n");
}

/// A WebSocket handshake with further lines.
inline std::string handshake(std::string_view target, std::string_view lines = "",
                             std::string_view host = "h") {
    return get(target,
               std::string{"Connection: Upgrade\r\nUpgrade: websocket\r\n"
                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                           "Sec-WebSocket-Version: 13\r\n"}
                   .append(lines),
               host);
}

} // namespace postern::edge::tests
