#include "base/ip_endpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <arpa/inet.h>
#include <bit>
#include <charconv>
#include <cstring>
#include <endian.h>

namespace postern::base {
namespace {

constexpr std::array<std::uint8_t, 12> v4_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::uint64_t big_endian(const std::uint8_t* eight_bytes) noexcept {
    std::uint64_t value = 0;
    std::memcpy(&value, eight_bytes, sizeof value);
    return be64toh(value);
}

template <class Number>
std::optional<Number> number(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

} // namespace

std::optional<ip_address> ip_address::parse(std::string_view text) {
    std::array<char, INET6_ADDRSTRLEN> zero_ended{};
    // A NUL would be the end for inet_pton, and not for whoever reads the text again.
    if (text.empty() || text.size() >= zero_ended.size() ||
        text.find('\0') != std::string_view::npos)
        return std::nullopt;
    std::copy(text.begin(), text.end(), zero_ended.begin());
    ip_address address;
    if (::inet_pton(AF_INET, zero_ended.data(), address.bytes.data() + 12) == 1) {
        std::copy(v4_prefix.begin(), v4_prefix.end(), address.bytes.begin());
        return address;
    }
    if (::inet_pton(AF_INET6, zero_ended.data(), address.bytes.data()) == 1)
        return address;
    return std::nullopt;
}

bool ip_address::is_v4() const noexcept {
    return std::equal(v4_prefix.begin(), v4_prefix.end(), bytes.begin());
}

std::string ip_address::text() const {
    if (is_v4()) // once a request, and inet_ntop does it by way of printf
        return fmt::format("{}.{}.{}.{}", bytes[12], bytes[13], bytes[14], bytes[15]);
    std::array<char, INET6_ADDRSTRLEN> out{};
    ::inet_ntop(AF_INET6, bytes.data(), out.data(), out.size());
    return out.data();
}

std::optional<ip_endpoint> ip_endpoint::parse(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos)
        return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed)
        host = host.substr(1, host.size() - 2);
    const auto address = ip_address::parse(host);
    const auto port = number<std::uint16_t>(text.substr(colon + 1));
    if (!address || !port || *port == 0 || bracketed != (host.find(':') != std::string_view::npos))
        return std::nullopt;
    return ip_endpoint{*address, *port};
}

std::string ip_endpoint::text() const {
    const std::string host = address.text();
    return (address.is_v4() ? host : "[" + host + "]") + ":" + std::to_string(port);
}

std::optional<ip_network> ip_network::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const auto address = ip_address::parse(text.substr(0, slash));
    if (!address)
        return std::nullopt;
    if (slash == std::string_view::npos)
        return ip_network{*address, 128};
    const auto bits = number<unsigned>(text.substr(slash + 1));
    const unsigned bits_max = address->is_v4() ? 32 : 128;
    if (!bits || *bits > bits_max)
        return std::nullopt;
    return ip_network{*address, static_cast<std::uint8_t>(*bits + (128 - bits_max))};
}

bool ip_network::contains(const ip_address& address) const noexcept {
    int bits = 0; // that the two have in common before the first one that differs
    for (std::size_t at = 0; at < 16 && bits == static_cast<int>(at * 8); at += 8)
        bits += std::countl_zero(big_endian(base.bytes.data() + at) ^
                                 big_endian(address.bytes.data() + at));
    return bits >= prefix_bits;
}

ip_network ip_network::plain() const noexcept {
    ip_network out = *this;
    for (std::size_t bit = prefix_bits; bit < 128; ++bit)
        out.base.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> bit % 8));
    return out;
}

std::string ip_network::text() const {
    const unsigned bits = base.is_v4() ? prefix_bits - 96U : prefix_bits;
    return base.text() + "/" + std::to_string(bits);
}

bool is_in(std::span<const ip_network> networks, const ip_address& address) noexcept {
    return std::any_of(networks.begin(), networks.end(),
                       [&](const ip_network& network) { return network.contains(address); });
}

} // namespace postern::base
