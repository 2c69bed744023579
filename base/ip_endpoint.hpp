// An IP address with a port, and networks of addresses: plain values, without a socket library.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace postern::base {

/// An IPv4 or IPv6 address; IPv4 is held as ::ffff:a.b.c.d (RFC 4291 2.5.5.2). All zero: none.
struct ip_address {
    std::array<std::uint8_t, 16> bytes{};

    /// "10.0.0.7" or "fe80::1", no names, no zone, no port.
    [[nodiscard]] static std::optional<ip_address> parse(std::string_view text);
    [[nodiscard]] bool is_v4() const noexcept;
    [[nodiscard]] bool is_none() const noexcept { return bytes == decltype(bytes){}; }
    /// "10.0.0.7" or "fe80::1".
    [[nodiscard]] std::string text() const;
    auto operator<=>(const ip_address&) const = default; // NOLINT(modernize-use-nullptr)
};

struct ip_endpoint {
    ip_address address;
    std::uint16_t port = 0;

    /// "10.0.0.7:4321" or "[fe80::1]:4321"; the port is 1..65535.
    [[nodiscard]] static std::optional<ip_endpoint> parse(std::string_view text);
    [[nodiscard]] std::string text() const;
    auto operator<=>(const ip_endpoint&) const = default; // NOLINT(modernize-use-nullptr)
};

/// A network such as 10.0.0.0/8 or fd00::/8; a bare address is a network of one.
struct ip_network {
    ip_address base;
    std::uint8_t prefix_bits = 128; // over the 16-byte form: 10.0.0.0/8 is 104

    [[nodiscard]] static std::optional<ip_network> parse(std::string_view text);
    [[nodiscard]] bool contains(const ip_address& address) const noexcept;
    /// This network with its own base: 10.0.0.1/8 is 10.0.0.0/8.
    [[nodiscard]] ip_network plain() const noexcept;
    [[nodiscard]] std::string text() const;
    auto operator<=>(const ip_network&) const = default;
};

/// Whether one of the networks contains the address.
[[nodiscard]] bool is_in(std::span<const ip_network> networks, const ip_address& address) noexcept;

} // namespace postern::base
