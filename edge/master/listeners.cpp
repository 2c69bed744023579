#include "edge/master/listeners.hpp"

#include "base/check.hpp"
#include "edge/net/socket_address.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace postern::edge {
namespace {

using base::ip_endpoint;

constexpr int backlog = 511; // nginx's; the kernel cuts it to net.core.somaxconn

/// port 0 is shown as such, which ip_endpoint::text() does as well.
base::failure cannot_listen(const ip_endpoint& address) {
    const base::error_code code = base::last_errno();
    std::string sentence = "cannot listen on " + address.text();
    if (code.value() == EACCES && address.port < 1024)
        sentence += " (ports below 1024 need root or CAP_NET_BIND_SERVICE)";
    if (code.value() == EADDRNOTAVAIL)
        sentence += " (no interface of this host has that address)";
    return {code, std::move(sentence)};
}

base::result<base::unique_fd> bound_socket(const ip_endpoint& address, bool shared) {
    const int family = address.address.is_v4() ? AF_INET : AF_INET6;
    base::unique_fd fd{::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!fd)
        return cannot_listen(address);
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (shared)
        ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (family == AF_INET6)
        ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_storage where;
    const socklen_t size = write_socket_address(address, where);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&where), size) != 0)
        return cannot_listen(address);
    return fd;
}

/// SO_REUSEPORT would let a second postern of the same user share the address without a word. A
/// plain bind does not.
base::result<void> check_not_taken(const ip_endpoint& address,
                                   const listener_set::try_again& again) {
    for (;;) {
        const auto probe = bound_socket(address, false);
        if (probe)
            return {};
        if (probe.error().code.value() != EADDRINUSE || !again || !again())
            return probe.error();
    }
}

} // namespace

base::result<base::unique_fd> listen_on(const ip_endpoint& address, bool shared) {
    auto fd = bound_socket(address, shared);
    if (fd && ::listen(fd->get(), backlog) != 0)
        return cannot_listen(address);
    return fd;
}

ip_endpoint bound_to(int fd) {
    sockaddr_storage where{};
    socklen_t size = sizeof where;
    POSTERN_CHECK(::getsockname(fd, reinterpret_cast<sockaddr*>(&where), &size) == 0);
    return read_socket_address(where);
}

base::result<std::vector<ip_endpoint>> listener_set::open(const std::vector<ip_endpoint>& addresses,
                                                          std::uint32_t positions,
                                                          const try_again& again) {
    std::vector<group> added;
    for (const ip_endpoint& address : addresses) {
        if (find(address) != nullptr)
            continue;
        if (address.port != 0 && !have_port(address.port))
            if (const auto free = check_not_taken(address, again); !free)
                return free.error();
        added.push_back({address, address, {}});
    }
    // All checks come before the first real bind: "0.0.0.0:80" and "127.0.0.1:80" are one conf's
    // good right.
    const auto fill = [positions](group& g, std::vector<base::unique_fd>& sockets) {
        while (g.sockets.size() + sockets.size() < positions) {
            auto fd = listen_on(g.bound, true);
            if (!fd)
                return base::result<void>{fd.error()};
            g.bound = bound_to(fd->get());
            sockets.push_back(std::move(*fd));
        }
        return base::result<void>{};
    };
    std::vector<ip_endpoint> bound;
    for (group& g : added) {
        std::vector<base::unique_fd> sockets;
        if (const auto filled = fill(g, sockets); !filled)
            return filled.error();
        g.sockets = std::move(sockets);
        bound.push_back(g.bound);
    }
    std::vector<std::vector<base::unique_fd>> more(groups_.size());
    for (std::size_t i = 0; i < groups_.size(); ++i)
        if (const auto filled = fill(groups_[i], more[i]); !filled)
            return filled.error();
    for (std::size_t i = 0; i < groups_.size(); ++i)
        std::move(more[i].begin(), more[i].end(), std::back_inserter(groups_[i].sockets));
    std::move(added.begin(), added.end(), std::back_inserter(groups_));
    return bound;
}

void listener_set::steer(std::uint32_t positions) {
    // A = a random number; return A % positions: the index in the kernel's group, which is the
    // order of listen(2).
    std::array<sock_filter, 3> code{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_RANDOM)),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, positions),
        BPF_STMT(BPF_RET | BPF_A, 0),
    }};
    const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    // Where the kernel cannot do it, connections may be lost when workers become fewer, and only
    // then.
    for (const group& g : groups_)
        if (!g.sockets.empty())
            ::setsockopt(g.sockets.front().get(), SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program,
                         sizeof program);
}

void listener_set::keep(const std::vector<ip_endpoint>& addresses, std::uint32_t positions) {
    std::erase_if(groups_, [&](const group& g) {
        return std::find(addresses.begin(), addresses.end(), g.wanted) == addresses.end();
    });
    for (group& g : groups_) // the last first: the kernel fills a gap with the last of its group
        while (g.sockets.size() > positions)
            g.sockets.pop_back();
}

std::vector<int> listener_set::of_position(const std::vector<ip_endpoint>& addresses,
                                           std::uint32_t position) const {
    std::vector<int> sockets;
    for (const ip_endpoint& address : addresses) {
        const auto at = std::find_if(groups_.begin(), groups_.end(),
                                     [&](const group& g) { return g.wanted == address; });
        POSTERN_CHECK(at != groups_.end() && position < at->sockets.size());
        sockets.push_back(at->sockets[position].get());
    }
    return sockets;
}

listener_set::group* listener_set::find(const ip_endpoint& wanted) {
    const auto at = std::find_if(groups_.begin(), groups_.end(),
                                 [&](const group& g) { return g.wanted == wanted; });
    return at == groups_.end() ? nullptr : &*at;
}

bool listener_set::have_port(std::uint16_t port) const {
    return std::any_of(groups_.begin(), groups_.end(),
                       [port](const group& g) { return g.bound.port == port; });
}

} // namespace postern::edge
