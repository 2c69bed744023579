#include "edge/request/client_address.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace postern::edge {
namespace {

using lines = std::vector<std::pair<known, std::string_view>>;

std::string client(const lines& said) {
    const std::vector<base::ip_network> trusted{*base::ip_network::parse("10.0.0.0/8"),
                                                *base::ip_network::parse("fd00::/8")};
    field_list fields;
    for (const auto& [id, value] : said)
        fields.push_back({.id = id, .name = "x", .value = value});
    return client_behind(fields, *base::ip_address::parse("10.0.0.1"), trusted).text();
}

constexpr known forwarded = known::x_forwarded_for;

TEST(client_behind, is_the_last_address_that_is_no_proxy) {
    EXPECT_EQ(client({{forwarded, "192.0.2.7"}}), "192.0.2.7");
    EXPECT_EQ(client({{forwarded, "6.6.6.6, 192.0.2.7"}}), "192.0.2.7");
    EXPECT_EQ(client({{forwarded, "6.6.6.6,192.0.2.7 , 10.9.9.9,\tfd00::1"}}), "192.0.2.7");
    EXPECT_EQ(client({{forwarded, "6.6.6.6"}, {forwarded, "192.0.2.7, 10.2.2.2"}}), "192.0.2.7");
    EXPECT_EQ(client({{forwarded, "192.0.2.7"}, {forwarded, "10.2.2.2"}}), "192.0.2.7");
}

TEST(client_behind, is_the_first_of_proxies_that_are_all_trusted) {
    EXPECT_EQ(client({{forwarded, "10.3.3.3, 10.2.2.2"}}), "10.3.3.3");
}

TEST(client_behind, believes_nothing_that_stands_before_what_is_no_address) {
    EXPECT_EQ(client({{forwarded, "192.0.2.7, unknown"}}), "10.0.0.1");
    EXPECT_EQ(client({{forwarded, "192.0.2.7, _hidden, 10.2.2.2"}}), "10.2.2.2");
    EXPECT_EQ(client({{forwarded, "192.0.2.7 10.2.2.2"}}), "10.0.0.1");
    EXPECT_EQ(client({{forwarded, "192.0.2.7"}, {forwarded, "evil"}}), "10.0.0.1");
}

TEST(client_behind, takes_addresses_with_a_port) {
    EXPECT_EQ(client({{forwarded, "192.0.2.7:5000"}}), "192.0.2.7");
    EXPECT_EQ(client({{forwarded, "[2001:db8::7]:5000"}}), "2001:db8::7");
    EXPECT_EQ(client({{forwarded, "[2001:db8::7]"}}), "2001:db8::7");
    EXPECT_EQ(client({{forwarded, "2001:db8::7"}}), "2001:db8::7");
    EXPECT_EQ(client({{forwarded, "192.0.2.7:99999"}}), "10.0.0.1");
}

TEST(client_behind, is_what_x_real_ip_says_where_nothing_was_forwarded) {
    EXPECT_EQ(client({{known::x_real_ip, "192.0.2.7"}}), "192.0.2.7");
    EXPECT_EQ(client({{known::x_real_ip, "192.0.2.7"}, {forwarded, " , "}}), "192.0.2.7");
    EXPECT_EQ(client({{known::x_real_ip, "6.6.6.6"}, {forwarded, "192.0.2.7"}}), "192.0.2.7");
    EXPECT_EQ(client({{known::x_real_ip, "6.6.6.6"}, {forwarded, "unknown"}}), "10.0.0.1");
    EXPECT_EQ(client({{known::x_real_ip, "nobody"}}), "10.0.0.1");
    EXPECT_EQ(client({}), "10.0.0.1");
}

} // namespace
} // namespace postern::edge
