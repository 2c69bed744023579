#include "edge/net/proxy_header.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <system_error>

namespace postern::edge {
namespace {

using base::ip_address;

constexpr std::string_view v1_start = "PROXY ";
constexpr std::string_view v2_start{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t v2_fixed_bytes = 16; // signature, version and command, family, length
constexpr proxy_header_outcome more{proxy_header_state::more, ""};
constexpr proxy_header_outcome done{proxy_header_state::done, ""};

constexpr proxy_header_outcome bad(const char* reason) {
    return {proxy_header_state::bad, reason};
}

std::uint8_t byte_at(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint8_t>(bytes[at]);
}

std::size_t two_bytes_at(std::string_view bytes, std::size_t at) {
    return std::size_t{byte_at(bytes, at)} << 8U | byte_at(bytes, at + 1);
}

/// 0.0.0.0 and :: are nobody's.
bool is_unspecified(const ip_address& address) {
    const auto first = address.bytes.begin() + (address.is_v4() ? 12 : 0);
    return std::all_of(first, address.bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

// --- version 1: "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n" ---

/// The next word of a line in which words are parted by exactly one space.
std::string_view take_word(std::string_view& line) {
    const std::size_t end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return word;
}

std::optional<std::uint16_t> port_of(std::string_view word) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), port);
    const bool padded = word.size() > 1 && word.front() == '0';
    if (error != std::errc{} || end != word.data() + word.size() || padded)
        return std::nullopt;
    return port;
}

std::optional<ip_address> address_of(std::string_view word, bool v4) {
    // inet_pton takes both families, and an IPv6 address may end like an IPv4 one.
    if (v4 != (word.find(':') == std::string_view::npos))
        return std::nullopt;
    return ip_address::parse(word);
}

proxy_header_outcome read_v1_line(std::string_view line, proxy_header& out) {
    const std::string_view whole = line;
    const std::string_view family = take_word(line);
    if (family == "UNKNOWN") {
        // Whatever else the line says is to be passed over.
        out.kind = proxy_header::kind::unknown;
        const bool printable =
            std::all_of(whole.begin(), whole.end(), [](char c) { return c >= ' ' && c <= '~'; });
        return printable ? done : bad("control bytes in the PROXY line");
    }
    if (family != "TCP4" && family != "TCP6")
        return bad("the PROXY line is of no known family");
    const bool v4 = family == "TCP4";
    const auto source = address_of(take_word(line), v4);
    const auto destination = address_of(take_word(line), v4);
    const auto source_port = port_of(take_word(line));
    const auto destination_port = port_of(line); // all that is left: no fifth word, no last space
    if (!source || !destination || !source_port || !destination_port)
        return bad("the PROXY line is malformed");
    if (is_unspecified(*source))
        return bad("the PROXY line's client is no address");
    out.kind = proxy_header::kind::address;
    out.source = {*source, *source_port};
    return done;
}

proxy_header_outcome read_v1(std::string_view bytes, proxy_header& out) {
    const std::string_view within = bytes.substr(0, proxy_header_v1_bytes_max);
    const std::size_t feed = within.find('\n');
    if (feed == std::string_view::npos) {
        const std::size_t turn = within.find('\r');
        if (turn != std::string_view::npos && turn + 1 < within.size())
            return bad("a bare CR in the PROXY line");
        return within.size() < proxy_header_v1_bytes_max ? more : bad("the PROXY line is too long");
    }
    if (within[feed - 1] != '\r') // the line has begun with "PROXY ": there is a byte before it
        return bad("a bare LF in the PROXY line");
    out.bytes = feed + 1;
    const std::string_view line = within.substr(v1_start.size(), feed - 1 - v1_start.size());
    return line.empty() ? bad("the PROXY line is malformed") : read_v1_line(line, out);
}

// --- version 2: binary ---

/// CRC32c (RFC 3720 B.4) of a header whose four bytes at `field` count as zero.
std::uint32_t checksum(std::string_view header, std::size_t field) {
    constexpr std::uint32_t polynomial = 0x82f63b78;
    std::uint32_t sum = ~0U;
    for (std::size_t i = 0; i < header.size(); ++i) {
        sum ^= i >= field && i < field + 4 ? 0U : byte_at(header, i);
        for (int bit = 0; bit < 8; ++bit)
            sum = (sum >> 1U) ^ ((sum & 1U) != 0 ? polynomial : 0U);
    }
    return ~sum;
}

/// What stands behind the addresses: type, length, value, to the header's end.
proxy_header_outcome read_extensions(std::string_view header, std::size_t at) {
    constexpr std::uint8_t crc32c_type = 0x03;
    bool checked = false;
    while (at < header.size()) {
        if (header.size() - at < 3)
            return bad("an extension of the PROXY header is cut off");
        const std::uint8_t type = byte_at(header, at);
        const std::size_t length = two_bytes_at(header, at + 1);
        at += 3;
        if (header.size() - at < length)
            return bad("an extension of the PROXY header is longer than the header");
        if (type == crc32c_type) {
            if (length != 4 || checked)
                return bad("the PROXY header's checksum is malformed");
            checked = true;
            const auto said = static_cast<std::uint32_t>(two_bytes_at(header, at) << 16U |
                                                         two_bytes_at(header, at + 2));
            if (said != checksum(header, at))
                return bad("the PROXY header's checksum is wrong");
        }
        at += length;
    }
    return done;
}

ip_address v4_at(std::string_view bytes, std::size_t at) {
    ip_address address;
    address.bytes[10] = address.bytes[11] = 0xff;
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), 4, address.bytes.begin() + 12);
    return address;
}

ip_address v6_at(std::string_view bytes, std::size_t at) {
    ip_address address;
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), 16, address.bytes.begin());
    return address;
}

proxy_header_outcome read_v2_addresses(std::string_view header, std::uint8_t family,
                                       proxy_header& out) {
    constexpr std::uint8_t tcp4 = 0x11, tcp6 = 0x21;
    constexpr unsigned family_max = 3, transport_max = 2; // a local socket, datagrams
    if (family >> 4U > family_max || (family & 0x0fU) > transport_max)
        return bad("the PROXY header's addresses are of no known family");
    if (family != tcp4 && family != tcp6)
        return done; // none that could be the client's here: all of it is passed over
    const std::size_t address_bytes = family == tcp4 ? 4 : 16;
    const std::size_t end = v2_fixed_bytes + 2 * address_bytes + 4;
    if (header.size() < end)
        return bad("the PROXY header is too short for its addresses");
    out.kind = proxy_header::kind::address;
    out.source.address =
        family == tcp4 ? v4_at(header, v2_fixed_bytes) : v6_at(header, v2_fixed_bytes);
    out.source.port =
        static_cast<std::uint16_t>(two_bytes_at(header, v2_fixed_bytes + 2 * address_bytes));
    if (is_unspecified(out.source.address))
        return bad("the PROXY header's client is no address");
    return read_extensions(header, end);
}

proxy_header_outcome read_v2(std::string_view bytes, proxy_header& out) {
    constexpr std::uint8_t local = 0x20, proxied = 0x21; // version in the upper half
    if (bytes.size() > 12 && byte_at(bytes, 12) != local && byte_at(bytes, 12) != proxied)
        return bad("the PROXY header is of no known version and command");
    if (bytes.size() < v2_fixed_bytes)
        return more;
    const std::size_t whole = v2_fixed_bytes + two_bytes_at(bytes, 14);
    if (whole > proxy_header_bytes_max)
        return bad("the PROXY header is too long");
    if (bytes.size() < whole)
        return more;
    out.bytes = whole;
    if (byte_at(bytes, 12) == local) {
        out.kind = proxy_header::kind::local;
        return done;
    }
    return read_v2_addresses(bytes.substr(0, whole), byte_at(bytes, 13), out);
}

bool begins_like(std::string_view bytes, std::string_view start) {
    return bytes.substr(0, start.size()) == start.substr(0, bytes.size());
}

} // namespace

proxy_header_outcome read_proxy_header(std::string_view bytes, proxy_header& out) {
    out = {};
    const bool v1 = begins_like(bytes, v1_start);
    const bool v2 = begins_like(bytes, v2_start);
    if (!v1 && !v2)
        return bad("no PROXY header");
    if (bytes.size() < (v1 ? v1_start.size() : v2_start.size()))
        return more;
    return v1 ? read_v1(bytes, out) : read_v2(bytes, out);
}

} // namespace postern::edge
