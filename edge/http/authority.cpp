#include "edge/http/authority.hpp"

#include "edge/http/field.hpp"
#include "edge/http/scan.hpp"

#include <arpa/inet.h>
#include <array>
#include <cstring>

namespace postern::edge {
namespace {

bool is_ipv6(std::string_view text) noexcept {
    std::array<char, INET6_ADDRSTRLEN> zero_ended{};
    if (text.empty() || text.size() >= zero_ended.size())
        return false;
    text.copy(zero_ended.data(), text.size());
    in6_addr parsed{};
    return ::inet_pton(AF_INET6, zero_ended.data(), &parsed) == 1;
}

bool is_host_name(std::string_view text) noexcept {
    if (text.empty() || text.size() > host_bytes_max || text.front() == '.')
        return false;
    char before = 0;
    for (const char c : text) {
        if (!is_capture_byte(c) || (c == '.' && before == '.'))
            return false;
        before = c;
    }
    return true;
}

std::optional<std::uint16_t> read_port(std::string_view text) noexcept {
    if (text.empty() || text.size() > 5)
        return std::nullopt;
    std::uint32_t port = 0;
    for (const char c : text) {
        if (!is_digit(c))
            return std::nullopt;
        port = port * 10 + static_cast<std::uint32_t>(c - '0');
    }
    if (port == 0 || port > 65'535)
        return std::nullopt;
    return static_cast<std::uint16_t>(port);
}

} // namespace

std::optional<authority> read_authority(std::string_view text) noexcept {
    authority parts;
    std::string_view after_host;
    if (!text.empty() && text.front() == '[') {
        const std::size_t close = text.find(']');
        if (close == std::string_view::npos || !is_ipv6(text.substr(1, close - 1)))
            return std::nullopt;
        parts.host = text.substr(0, close + 1);
        after_host = text.substr(close + 1);
    } else {
        const std::size_t colon = text.find(':');
        parts.host = text.substr(0, colon);
        if (!is_host_name(parts.host))
            return std::nullopt;
        after_host = text.substr(parts.host.size());
    }
    if (after_host.empty())
        return parts;
    if (after_host.front() != ':')
        return std::nullopt;
    const auto port = read_port(after_host.substr(1));
    if (!port)
        return std::nullopt;
    parts.port = *port;
    return parts;
}

std::optional<absolute_url> read_absolute_url(std::string_view url) noexcept {
    absolute_url found;
    if (url.size() > 7 && equal_ignoring_case(url.substr(0, 7), "http://")) {
        url.remove_prefix(7);
    } else if (url.size() > 8 && equal_ignoring_case(url.substr(0, 8), "https://")) {
        found.secure = true;
        url.remove_prefix(8);
    } else {
        return std::nullopt;
    }
    const std::size_t end = url.find_first_of("/?#");
    found.authority_text = url.substr(0, end);
    if (end != std::string_view::npos)
        found.rest = url.substr(end);
    const auto parts = read_authority(found.authority_text);
    if (!parts)
        return std::nullopt;
    found.parts = *parts;
    return found;
}

bool same_authority(const authority& a, const authority& b, bool secure) noexcept {
    const std::uint16_t own = secure ? 443 : 80;
    return (a.port == 0 ? own : a.port) == (b.port == 0 ? own : b.port) &&
           equal_ignoring_case(a.host, b.host);
}

} // namespace postern::edge
