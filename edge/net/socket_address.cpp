#include "edge/net/socket_address.hpp"

#include <arpa/inet.h>
#include <cstring>
#include <netinet/in.h>

namespace postern::edge {

socklen_t write_socket_address(const base::ip_endpoint& from, sockaddr_storage& out) noexcept {
    std::memset(&out, 0, sizeof out);
    if (from.address.is_v4()) {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(from.port);
        std::memcpy(&v4.sin_addr, from.address.bytes.data() + 12, 4);
        std::memcpy(&out, &v4, sizeof v4);
        return sizeof v4;
    }
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(from.port);
    std::memcpy(&v6.sin6_addr, from.address.bytes.data(), 16);
    std::memcpy(&out, &v6, sizeof v6);
    return sizeof v6;
}

base::ip_endpoint read_socket_address(const sockaddr_storage& from) noexcept {
    base::ip_endpoint endpoint;
    if (from.ss_family == AF_INET) {
        sockaddr_in v4;
        std::memcpy(&v4, &from, sizeof v4);
        endpoint.address.bytes[10] = endpoint.address.bytes[11] = 0xff;
        std::memcpy(endpoint.address.bytes.data() + 12, &v4.sin_addr, 4);
        endpoint.port = ntohs(v4.sin_port);
    } else if (from.ss_family == AF_INET6) {
        sockaddr_in6 v6;
        std::memcpy(&v6, &from, sizeof v6);
        std::memcpy(endpoint.address.bytes.data(), &v6.sin6_addr, 16);
        endpoint.port = ntohs(v6.sin6_port);
    }
    return endpoint;
}

} // namespace postern::edge
