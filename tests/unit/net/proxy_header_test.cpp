#include "edge/net/proxy_header.hpp"

#include <gtest/gtest.h>

#include <string>

namespace postern::edge {
namespace {

using state = proxy_header_state;
using kind = enum proxy_header::kind;

const std::string signature{"\r\n\r\n\0\r\nQUIT\n", 12};

std::string from_hex(std::string_view hex) {
    std::string out;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        out += static_cast<char>(std::stoi(std::string{hex.substr(i, 2)}, nullptr, 16));
    return out;
}

/// A version 2 header; its length field is that of `payload`.
std::string v2(int command, int family, const std::string& payload) {
    std::string out = signature;
    out += static_cast<char>(command);
    out += static_cast<char>(family);
    out += static_cast<char>(payload.size() >> 8U);
    out += static_cast<char>(payload.size() & 0xffU);
    return out + payload;
}

const std::string v4_pair = from_hex("c0000207c6336401dc0401bb"); // 192.0.2.7:56324 -> :443
const std::string v6_pair = from_hex("20010db8000000000000000000000007"
                                     "20010db8000000000000000000000001dc0401bb");
// Of 192.0.2.7:56324, with an extension before its checksum; summed up by another program.
const std::string checked = from_hex("0d0a0d0a000d0a515549540a21110019c0000207c6336401dc0401bb"
                                     "040003000000030004623c6d82");

struct good {
    const char* name;
    std::string bytes;
    kind what;
    const char* source; // "" where it is none
};

class good_headers : public testing::TestWithParam<good> {};

TEST_P(good_headers, are_read_in_every_cut_and_not_beyond_their_end) {
    const good& c = GetParam();
    proxy_header header;
    for (std::size_t n = 0; n < c.bytes.size(); ++n)
        EXPECT_EQ(read_proxy_header(c.bytes.substr(0, n), header).state, state::more) << n;
    for (const char* const behind : {"", "GET / HTTP/1.1\r\n", "PROXY TCP4"}) {
        const proxy_header_outcome outcome = read_proxy_header(c.bytes + behind, header);
        ASSERT_EQ(outcome.state, state::done) << outcome.reason;
        EXPECT_EQ(header.bytes, c.bytes.size());
        EXPECT_EQ(header.kind, c.what);
        EXPECT_EQ(header.source.address.is_none() ? "" : header.source.text(), c.source);
    }
}

INSTANTIATE_TEST_SUITE_P(
    proxy_header, good_headers,
    testing::Values(
        good{"v1 tcp4", "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n", kind::address,
             "192.0.2.7:56324"},
        good{"v1 tcp6", "PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n", kind::address,
             "[2001:db8::7]:56324"},
        good{"v1 mapped", "PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n", kind::address, "192.0.2.7:1"},
        good{"v1 largest ports", "PROXY TCP4 255.255.255.255 1.2.3.4 65535 0\r\n", kind::address,
             "255.255.255.255:65535"},
        good{"v1 unknown", "PROXY UNKNOWN\r\n", kind::unknown, ""},
        good{"v1 unknown with more", "PROXY UNKNOWN ::1 ::2 what ever\r\n", kind::unknown, ""},
        good{"v1 longest", "PROXY UNKNOWN " + std::string(91, 'x') + "\r\n", kind::unknown, ""},
        good{"v2 tcp4", v2(0x21, 0x11, v4_pair), kind::address, "192.0.2.7:56324"},
        good{"v2 tcp6", v2(0x21, 0x21, v6_pair), kind::address, "[2001:db8::7]:56324"},
        good{"v2 local", v2(0x20, 0x00, ""), kind::local, ""},
        good{"v2 local with addresses", v2(0x20, 0x11, v4_pair), kind::local, ""},
        good{"v2 unspecified", v2(0x21, 0x00, "any bytes"), kind::unknown, ""},
        good{"v2 extensions", v2(0x21, 0x11, v4_pair + from_hex("ea00050176706365040000")),
             kind::address, "192.0.2.7:56324"},
        good{"v2 checksum", checked, kind::address, "192.0.2.7:56324"},
        good{"v2 of UDP", v2(0x21, 0x12, v4_pair), kind::unknown, ""},
        good{"v2 of UDP in IPv6", v2(0x21, 0x22, v6_pair), kind::unknown, ""},
        good{"v2 of a local socket", v2(0x21, 0x31, std::string(216, 'x')), kind::unknown, ""},
        good{"v2 of no transport", v2(0x21, 0x10, v4_pair), kind::unknown, ""},
        good{"v2 of a certificate's client",
             v2(0x21, 0x11, v4_pair + from_hex("200fe1") + std::string(0x0fe1, 'c')), kind::address,
             "192.0.2.7:56324"},
        good{"v2 longest", v2(0x21, 0x00, std::string(4080, 'x')), kind::unknown, ""}));

struct malformed {
    const char* name;
    std::string bytes;
};

class bad_headers : public testing::TestWithParam<malformed> {};

TEST_P(bad_headers, are_refused) {
    proxy_header header;
    const proxy_header_outcome outcome = read_proxy_header(GetParam().bytes, header);
    EXPECT_EQ(outcome.state, state::bad) << GetParam().name;
    EXPECT_STRNE(outcome.reason, "");
}

INSTANTIATE_TEST_SUITE_P(
    proxy_header, bad_headers,
    testing::Values(
        malformed{"a request", "GET / HTTP/1.1\r\n"}, malformed{"a handshake", from_hex("160301")},
        malformed{"lower case", "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n"},
        malformed{"a space first", " PROXY"},
        malformed{"two spaces", "PROXY  TCP4"
                                " 1.2.3.4 1.2.3.4 1 2\r\n"},
        malformed{"a tab", "PROXY\tTCP4 1.2.3.4 1.2.3.4 1 2\r\n"},
        malformed{"an empty line", "PROXY \r\n"},
        malformed{"a bare LF", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n"},
        malformed{"an early LF", "PROXY \n"},
        malformed{"a bare CR", "PROXY TCP4 1.2.3.4\r1.2.3.4 1 2\r\n"},
        malformed{"UDP", "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n"},
        malformed{"no address", "PROXY TCP4\r\n"},
        malformed{"one address", "PROXY TCP4 1.2.3.4\r\n"},
        malformed{"no ports", "PROXY TCP4 1.2.3.4 1.2.3.4\r\n"},
        malformed{"one port", "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n"},
        malformed{"an empty port", "PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n"},
        malformed{"three ports", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n"},
        malformed{"a space last", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n"},
        malformed{"a large port", "PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n"},
        malformed{"a padded port", "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n"},
        malformed{"a signed port", "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n"},
        malformed{"a port with a plus", "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n"},
        malformed{"a hexadecimal port", "PROXY TCP4 1.2.3.4 1.2.3.4 0x1 2\r\n"},
        malformed{"a padded address", "PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n"},
        malformed{"a short address", "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n"},
        malformed{"a name", "PROXY TCP4 localhost 1.2.3.4 1 2\r\n"},
        malformed{"the other family", "PROXY TCP4 ::1 ::1 1 2\r\n"},
        malformed{"the other family still", "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n"},
        malformed{"a zone", "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n"},
        malformed{"brackets", "PROXY TCP6 [::1] ::1 1 2\r\n"},
        malformed{"nobody", "PROXY TCP4 0.0.0.0 1.2.3.4 1 2\r\n"},
        malformed{"nobody of IPv6", "PROXY TCP6 :: ::1 1 2\r\n"},
        malformed{"NUL", std::string{"PROXY TCP4 1.2.3.4\0 1.2.3.4 1 2\r\n", 34}},
        malformed{"control bytes behind UNKNOWN", "PROXY UNKNOWN \x01\r\n"},
        malformed{"UNKNOWN and no space", "PROXY UNKNOWNX\r\n"},
        malformed{"too long", "PROXY UNKNOWN " + std::string(92, 'x') + "\r\n"},
        malformed{"endless", "PROXY UNKNOWN " + std::string(500, 'x')},
        malformed{"half a signature", signature.substr(0, 11) + "X"},
        malformed{"version 1 in binary", signature + "\x11"},
        malformed{"version 3", signature + "\x31"},
        malformed{"an unknown command", signature + "\x22"},
        malformed{"an unknown family", v2(0x21, 0x41, v4_pair)},
        malformed{"an unknown transport", v2(0x21, 0x13, v4_pair)},
        malformed{"no addresses", v2(0x21, 0x11, "")},
        malformed{"cut addresses", v2(0x21, 0x11, v4_pair.substr(0, 11))},
        malformed{"the addresses of IPv4", v2(0x21, 0x21, v4_pair)},
        malformed{"nobody in binary", v2(0x21, 0x11, std::string(12, '\0'))},
        malformed{"nobody of IPv6 in binary", v2(0x21, 0x21, std::string(36, '\0'))},
        malformed{"half an extension", v2(0x21, 0x11, v4_pair + "\x04" + std::string(1, '\0'))},
        malformed{"an extension too long", v2(0x21, 0x11, v4_pair + from_hex("04000200"))},
        malformed{"a short checksum", v2(0x21, 0x11, v4_pair + from_hex("030003000000"))},
        malformed{"a wrong checksum", v2(0x21, 0x11, v4_pair + from_hex("03000400000000"))},
        malformed{"two checksums", v2(0x21, 0x11, checked.substr(16) + checked.substr(34))},
        malformed{"too long in binary", v2(0x21, 0x00, std::string(4081, 'x'))},
        malformed{"as long as can be said", v2(0x21, 0x11, std::string(65535, 'x'))}));

TEST(proxy_header, any_changed_bit_of_an_address_is_seen_where_there_is_a_checksum) {
    for (std::size_t bit = 16UL * 8; bit < 28UL * 8; ++bit) {
        std::string changed = checked;
        changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1U << (bit % 8)));
        proxy_header header;
        EXPECT_EQ(read_proxy_header(changed, header).state, state::bad) << bit;
    }
}

} // namespace
} // namespace postern::edge
