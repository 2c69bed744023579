#include "sync/redis/byte_stream.hpp"

#include "sync/redis/redis_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace postern::sync::redis {

using base::failure;
using base::result;
using base::unique_fd;

namespace {

failure broken(std::string_view what) {
    return {redis_error::away, fmt::format("{}: {}", what, base::last_errno().message())};
}

class plain_stream final : public byte_stream {
  public:
    plain_stream(unique_fd socket, int stop_fd) : socket_{std::move(socket)}, stop_fd_{stop_fd} {}

    result<std::size_t> read_some(std::span<char> into, deadline until) override {
        for (;;) {
            const ssize_t got = ::recv(socket_.get(), into.data(), into.size(), 0);
            if (got > 0)
                return static_cast<std::size_t>(got);
            if (got == 0)
                return failure{redis_error::away, "it has closed the connection"};
            if (errno != EAGAIN && errno != EINTR)
                return broken("the connection broke");
            if (auto ready = wait_for(socket_.get(), POLLIN, stop_fd_, until); !ready)
                return ready.error();
        }
    }

    result<void> write(std::string_view bytes, deadline until) override {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent >= 0) {
                bytes.remove_prefix(static_cast<std::size_t>(sent));
                continue;
            }
            if (errno != EAGAIN && errno != EINTR)
                return broken("the connection broke");
            if (auto ready = wait_for(socket_.get(), POLLOUT, stop_fd_, until); !ready)
                return ready.error();
        }
        return {};
    }

  private:
    const unique_fd socket_;
    const int stop_fd_;
};

result<unique_fd> connect_to(int family, const sockaddr* address, socklen_t size, int stop_fd,
                             deadline until) {
    unique_fd socket{::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!socket)
        return broken("no socket");
    if (family != AF_UNIX) {
        // A command leaves at once, and a peer that went away without a word is noticed.
        const int on = 1;
        ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        ::setsockopt(socket.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    }
    if (::connect(socket.get(), address, size) == 0)
        return socket;
    if (errno != EINPROGRESS)
        return broken("it cannot be connected to");
    if (auto ready = wait_for(socket.get(), POLLOUT, stop_fd, until); !ready)
        return ready.error();
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error == 0)
        return socket;
    errno = error;
    return broken("it cannot be connected to");
}

result<unique_fd> connect_unix(const std::string& path, int stop_fd, deadline until) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return failure{redis_error::away, "the socket's path is too long"};
    std::memcpy(address.sun_path, path.data(), path.size());
    return connect_to(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address, stop_fd,
                      until);
}

result<unique_fd> connect_tcp(const server_options& to, int stop_fd, deadline until) {
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    wanted.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int error =
        ::getaddrinfo(to.host.c_str(), std::to_string(to.port).c_str(), &wanted, &found);
    if (error != 0)
        return failure{redis_error::away,
                       fmt::format("its name cannot be looked up: {}", ::gai_strerror(error))};
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all{found, ::freeaddrinfo};
    result<unique_fd> socket = failure{redis_error::away, "its name has no address"};
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
        socket = connect_to(one->ai_family, one->ai_addr, one->ai_addrlen, stop_fd, until);
        if (socket || socket.error().code == redis_error::stopped)
            return socket;
    }
    return socket;
}

} // namespace

result<void> wait_for(int socket, short events, int stop_fd, deadline until) {
    for (;;) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        std::array<pollfd, 2> both{{{socket, events, 0}, {stop_fd, POLLIN, 0}}};
        const int ready =
            ::poll(both.data(), both.size(), static_cast<int>(std::max<long>(left.count(), 0)));
        if (ready < 0 && errno != EINTR)
            return broken("poll");
        if (ready > 0 && both[1].revents != 0)
            return failure{redis_error::stopped, {}};
        if (ready > 0 && both[0].revents != 0)
            return {};
        if (left.count() <= 0)
            return failure{redis_error::away, "it did not answer in time"};
    }
}

result<std::unique_ptr<byte_stream>> open_stream(const server_options& to, int stop_fd,
                                                 deadline until) {
    auto socket = to.host.empty() ? connect_unix(to.socket_path, stop_fd, until)
                                  : connect_tcp(to, stop_fd, until);
    if (!socket)
        return socket.error();
    if (to.is_tls)
        return open_tls(std::move(*socket), to, stop_fd, until);
    return std::unique_ptr<byte_stream>{
        std::make_unique<plain_stream>(std::move(*socket), stop_fd)};
}

} // namespace postern::sync::redis
