#include "base/ip_endpoint.hpp"

#include <gtest/gtest.h>

namespace postern::base {
namespace {

TEST(ip_endpoint, reads_what_it_writes) {
    for (const char* text : {"127.0.0.1:4321", "10.0.0.7:1", "[::1]:65535", "[fe80::1]:80"}) {
        const auto parsed = ip_endpoint::parse(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(parsed->text(), text);
    }
}

TEST(ip_endpoint, refuses_what_is_not_one) {
    for (const char* text :
         {"", ":80", "10.0.0.7", "10.0.0.7:", "10.0.0.7:0", "10.0.0.7:65536", "10.0.0.7:8a",
          "localhost:80", "::1:80", "[10.0.0.7]:80", "[::1]", "10.0.0.7:+80", " 10.0.0.7:80"})
        EXPECT_FALSE(ip_endpoint::parse(text)) << text;
}

TEST(ip_address, ends_where_its_text_ends) {
    using namespace std::string_view_literals;
    EXPECT_FALSE(ip_address::parse("10.0.0.7\0"sv));
    EXPECT_FALSE(ip_address::parse("::1\0.example"sv));
}

TEST(ip_network, contains) {
    const auto net = [](const char* text) { return ip_network::parse(text).value(); };
    const auto ip = [](const char* text) { return ip_address::parse(text).value(); };
    EXPECT_TRUE(net("10.0.0.0/8").contains(ip("10.255.0.1")));
    EXPECT_FALSE(net("10.0.0.0/8").contains(ip("11.0.0.1")));
    EXPECT_TRUE(net("172.16.0.0/12").contains(ip("172.31.255.255")));
    EXPECT_FALSE(net("172.16.0.0/12").contains(ip("172.32.0.0")));
    EXPECT_TRUE(net("127.0.0.1").contains(ip("127.0.0.1")));
    EXPECT_FALSE(net("127.0.0.1").contains(ip("127.0.0.2")));
    EXPECT_TRUE(net("fd00::/8").contains(ip("fdab::1")));
    EXPECT_FALSE(net("fd00::/8").contains(ip("10.0.0.1")));
    EXPECT_TRUE(net("0.0.0.0/0").contains(ip("8.8.8.8")));
    EXPECT_FALSE(net("0.0.0.0/0").contains(ip("::1")));
    EXPECT_TRUE(net("fd00::/64").contains(ip("fd00::8000:0:0:0")));
    EXPECT_FALSE(net("fd00::/65").contains(ip("fd00::8000:0:0:0")));
    EXPECT_FALSE(net("fd00:0:0:1::/64").contains(ip("fd00::1")));
    EXPECT_TRUE(net("::/0").contains(ip("ffff::")));
    const ip_network networks[] = {net("10.0.0.0/8"), net("fd00::/8")};
    EXPECT_TRUE(is_in(networks, ip("10.255.0.1")));
    EXPECT_TRUE(is_in(networks, ip("fdab::1")));
    EXPECT_FALSE(is_in(networks, ip("11.0.0.1")));
    EXPECT_FALSE(is_in({}, ip("10.0.0.1")));
    EXPECT_EQ(net("10.0.0.0/8").text(), "10.0.0.0/8");
    for (const auto& [given, plain] : {std::pair{"10.1.2.3/8", "10.0.0.0/8"},
                                       {"10.255.0.0/12", "10.240.0.0/12"},
                                       {"1.2.3.4/0", "0.0.0.0/0"},
                                       {"1.2.3.4/32", "1.2.3.4/32"},
                                       {"fd12::1/9", "fd00::/9"},
                                       {"2001:db8::1/127", "2001:db8::/127"}})
        EXPECT_EQ(net(given).plain().text(), plain);
    EXPECT_FALSE(ip_network::parse("10.0.0.0/33"));
    EXPECT_FALSE(ip_network::parse("10.0.0.0/"));
    EXPECT_FALSE(ip_network::parse("x/8"));
}

} // namespace
} // namespace postern::base
