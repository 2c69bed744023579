// HOST[:PORT] as it stands in Host, Origin, Referer and absolute targets (RFC 3986 3.2, the part
// that web servers use).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace postern::edge {

struct authority {
    std::string_view host;  // as sent: a name, an IPv4 address, or an IPv6 address in its brackets
    std::uint16_t port = 0; // 0: none given
};

inline constexpr std::size_t host_bytes_max = 255;

/// The parts of an authority. Nothing for user information, percent-encoding, sub-delimiters, empty
/// labels, an empty host, a port outside 1..65535, or more than 255 bytes of host: no such host can
/// be served, and each has been an attack.
[[nodiscard]] std::optional<authority> read_authority(std::string_view text) noexcept;

/// An absolute http or https URL, split. `rest` starts with '/', '?' or '#', or is empty.
struct absolute_url {
    bool secure = false;
    std::string_view authority_text;
    authority parts;
    std::string_view rest;
};
/// Nothing for any other scheme or a bad authority.
[[nodiscard]] std::optional<absolute_url> read_absolute_url(std::string_view url) noexcept;

/// Equal hosts without case, and equal ports, where none given stands for the scheme's own.
[[nodiscard]] bool same_authority(const authority& a, const authority& b, bool secure) noexcept;

} // namespace postern::edge
