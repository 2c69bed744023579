// A client as small as the tests need: one request a connection, raw bytes where wanted.
#pragma once

#include "test_support.hpp"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

namespace postern::control::test {

struct reply {
    int status = 0; // 0: closed without an answer
    std::string head;
    std::string body;
    bool was_closed = false; // by the server, and not given up after 30 s of silence
    [[nodiscard]] nlohmann::json json() const {
        return nlohmann::json::parse(body, nullptr, false);
    }
    [[nodiscard]] bool has_field(const std::string& line) const {
        return head.find("\r\n" + line + "\r\n") != std::string::npos;
    }
    [[nodiscard]] std::string error_code() const {
        const auto j = json();
        return j.is_object() && j.contains("error") ? j["error"].value("code", "?") : "none";
    }
};

inline base::unique_fd connect_to(std::uint16_t port) {
    base::unique_fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{30, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        fd.reset();
    return fd;
}

/// As recv, also for a process that was stopped and goes on meanwhile: with a time-out it ends
/// then.
inline ssize_t receive(const base::unique_fd& from, char* into, std::size_t bytes_max) {
    for (;;) {
        const ssize_t n = ::recv(from.get(), into, bytes_max, 0);
        if (n >= 0 || errno != EINTR)
            return n;
    }
}

/// Everything up to the server's close (or 30 s of silence).
inline reply send_raw(std::uint16_t port, const std::string& bytes) {
    const base::unique_fd fd = connect_to(port);
    std::string all;
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        const ssize_t n = ::send(fd.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        sent += static_cast<std::size_t>(n);
    }
    char chunk[16384];
    ssize_t n = 0;
    while ((n = receive(fd, chunk, sizeof chunk)) > 0)
        all.append(chunk, static_cast<std::size_t>(n));
    reply r;
    r.was_closed = n == 0 || errno == ECONNRESET;
    const std::size_t end = all.find("\r\n\r\n");
    if (end == std::string::npos || all.size() < 12)
        return r;
    r.status = std::atoi(all.c_str() + 9);
    r.head = all.substr(0, end + 2);
    r.body = all.substr(end + 4);
    return r;
}

inline constexpr const char* test_token = "the-token-of-the-tests";

struct call {
    std::string method = "GET";
    std::string path;
    std::string body{};
    std::string type = "application/json";
    std::string authorization = std::string{"Bearer "} + test_token;
};

inline reply send(std::uint16_t port, const call& c) {
    std::string bytes = c.method + " " + c.path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    if (!c.authorization.empty())
        bytes += "Authorization: " + c.authorization + "\r\n";
    if (!c.body.empty() && !c.type.empty())
        bytes += "Content-Type: " + c.type + "\r\n";
    if (!c.body.empty() || c.method == "POST")
        bytes += "Content-Length: " + std::to_string(c.body.size()) + "\r\n";
    return send_raw(port, bytes + "\r\n" + c.body);
}

inline std::string activation(const std::string& thread, const std::string& more = "") {
    return R"({"clientId":"acme","userId":"scott","threadId":")" + thread + "\"" + more + "}";
}

} // namespace postern::control::test
