#include "control/launch/port_range.hpp"

#include "base/unique_fd.hpp"

#include <cerrno>
#include <netinet/in.h>
#include <sys/socket.h>

namespace postern::control {
namespace {

enum class bound { yes, no, no_such_family };

bound try_bind(int family, std::uint16_t port) {
    const base::unique_fd fd{::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!fd)
        return bound::no_such_family;
    // A port in TIME_WAIT is as good as free: servers set the same option.
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_storage address{};
    socklen_t length = 0;
    if (family == AF_INET6) {
        ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        length = sizeof v6;
    } else {
        auto& v4 = reinterpret_cast<sockaddr_in&>(address);
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        length = sizeof v4;
    }
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0)
        return bound::yes;
    return errno == EADDRNOTAVAIL ? bound::no_such_family : bound::no;
}

} // namespace

bool port_is_free(std::uint16_t port) {
    // Each family by itself: a dual-stack bind would not see a listener on one address of the
    // other.
    return try_bind(AF_INET, port) == bound::yes && try_bind(AF_INET6, port) != bound::no;
}

std::optional<std::uint16_t> port_range::take() {
    const unsigned count = 1U + last_ - first_;
    for (unsigned tried = 0; tried < count; ++tried) {
        const std::uint16_t port = next_;
        next_ = port == last_ ? first_ : static_cast<std::uint16_t>(port + 1);
        if (held_.contains(port) || !port_is_free(port))
            continue;
        held_.insert(port);
        return port;
    }
    return std::nullopt;
}

} // namespace postern::control
