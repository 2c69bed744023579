// Between our addresses and the kernel's.
#pragma once

#include "base/ip_endpoint.hpp"

#include <sys/socket.h>

namespace postern::edge {

/// Fills `out`; the bytes of it that count.
[[nodiscard]] socklen_t write_socket_address(const base::ip_endpoint& from,
                                             sockaddr_storage& out) noexcept;
/// IPv4 also where it comes as ::ffff:a.b.c.d. Other families: no address.
[[nodiscard]] base::ip_endpoint read_socket_address(const sockaddr_storage& from) noexcept;

} // namespace postern::edge
