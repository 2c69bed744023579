#include "base/access_token.hpp"

#include <gtest/gtest.h>

#include <set>

namespace postern::base {
namespace {

constexpr std::int64_t now_s = 1'790'000'000;
const access_keys keys{"a key of thirty-two random bytes"};

access_grant grant(std::string_view scope = "acme-t1", access_use use = access_use::link) {
    return {.use = use, .scope = scope, .generation = 7, .expires_s = now_s + 60};
}

access_fault fault(std::string_view token, const access_grant& wanted = grant(),
                   const access_keys& with = keys, std::int64_t at_s = now_s) {
    return read_access_token(with, wanted, token, at_s).fault;
}

TEST(access_token, is_good_for_what_it_was_made_for) {
    const std::string token = make_access_token(keys, grant());
    EXPECT_EQ(token.substr(0, 11), "6ab13bbc-7-");
    EXPECT_EQ(token.size(), 11 + 64U);
    const access_reading read = read_access_token(keys, grant(), token, now_s);
    EXPECT_EQ(read.fault, access_fault::none);
    EXPECT_EQ(read.expires_s, now_s + 60);
    EXPECT_EQ(fault(token, grant("acme-t2")), access_fault::forged);
    EXPECT_EQ(fault(token, grant("acme-t1x")), access_fault::forged);
    EXPECT_EQ(fault(token, grant("")), access_fault::forged);
    EXPECT_EQ(fault(token, grant("acme-t1", access_use::cookie)), access_fault::forged);
    const std::string cookie = make_access_token(keys, grant("acme-t1", access_use::cookie));
    EXPECT_EQ(fault(cookie), access_fault::forged);
    EXPECT_EQ(fault(cookie, grant("acme-t1", access_use::cookie)), access_fault::none);
}

TEST(access_token, ends_at_its_time) {
    const std::string token = make_access_token(keys, grant());
    EXPECT_EQ(fault(token, grant(), keys, now_s + 59), access_fault::none);
    EXPECT_EQ(fault(token, grant(), keys, now_s + 60), access_fault::expired);
    EXPECT_EQ(fault(token, grant(), keys, now_s + 1'000'000), access_fault::expired);
}

TEST(access_token, ends_with_its_generation) {
    const std::string token = make_access_token(keys, grant());
    for (const std::uint32_t other : {0U, 6U, 8U, 0xffff'ffffU}) {
        access_grant now = grant();
        now.generation = other;
        EXPECT_EQ(fault(token, now), access_fault::revoked);
    }
}

TEST(access_token, every_mutation_is_refused) {
    for (const access_grant& made :
         {grant(), access_grant{access_use::link, "x", 0, (std::int64_t{1} << 40) - 1},
          access_grant{access_use::link, "x", 0xffff'ffff, now_s + 1}}) {
        const std::string token = make_access_token(keys, made);
        ASSERT_EQ(fault(token, made), access_fault::none);
        for (std::size_t at = 0; at < token.size(); ++at) {
            for (int byte = 0; byte < 256; ++byte) {
                std::string other = token;
                other[at] = static_cast<char>(byte);
                EXPECT_EQ(fault(other, made) == access_fault::none, other == token) << other;
                other = token;
                other.insert(at, 1, static_cast<char>(byte));
                EXPECT_EQ(fault(other, made), access_fault::forged) << other;
            }
            std::string shorter = token;
            shorter.erase(at, 1);
            EXPECT_EQ(fault(shorter, made), access_fault::forged) << shorter;
            EXPECT_EQ(fault(token.substr(0, at), made), access_fault::forged);
        }
        EXPECT_EQ(fault(token + "0", made), access_fault::forged);
        EXPECT_EQ(fault(token + token, made), access_fault::forged);
    }
}

TEST(access_token, fields_do_not_run_into_each_other) {
    // The same digits, cut elsewhere, are another grant.
    std::set<std::string> macs;
    const access_grant grants[] = {{access_use::link, "1", 0x23, 0x4},
                                   {access_use::link, "11", 0x23, 0x4},
                                   {access_use::link, "1", 0x2, 0x34},
                                   {access_use::link, "", 0x231, 0x4},
                                   {access_use::cookie, "1", 0x23, 0x4}};
    for (const access_grant& one : grants) {
        const std::string token = make_access_token(keys, one);
        macs.insert(token.substr(token.rfind('-')));
    }
    EXPECT_EQ(macs.size(), std::size(grants));
}

TEST(access_token, keys_change_one_after_the_other) {
    const access_keys both{"the new key", keys[0]};
    const std::string old_one = make_access_token(keys, grant());
    const std::string new_one = make_access_token(both, grant());
    EXPECT_NE(old_one, new_one);
    EXPECT_EQ(fault(old_one, grant(), both), access_fault::none);
    EXPECT_EQ(fault(new_one, grant(), both), access_fault::none);
    EXPECT_EQ(fault(new_one, grant(), {"the new key"}), access_fault::none);
    EXPECT_EQ(fault(old_one, grant(), {"the new key"}), access_fault::forged);
    EXPECT_EQ(fault(old_one, grant(), {}), access_fault::forged);
}

TEST(access_token, generations_never_come_back) {
    EXPECT_EQ(next_access_generation(0, now_s), static_cast<std::uint32_t>(now_s));
    EXPECT_EQ(next_access_generation(now_s - 5, now_s), static_cast<std::uint32_t>(now_s));
    EXPECT_EQ(next_access_generation(now_s, now_s), static_cast<std::uint32_t>(now_s + 1));
    EXPECT_EQ(next_access_generation(now_s + 9, now_s), static_cast<std::uint32_t>(now_s + 10));
    EXPECT_EQ(next_access_generation(0xffff'ffff, now_s), static_cast<std::uint32_t>(now_s));
}

TEST(access_token, in_urls) {
    EXPECT_EQ(with_access_token("http://x/a/", "T"), "http://x/a/?postern_access=T");
    EXPECT_EQ(with_access_token("http://x/?a=1#top", "T"), "http://x/?a=1&postern_access=T#top");
    const struct {
        std::string_view query, rest;
        std::optional<std::string_view> token;
    } rows[] = {
        {"", "?", std::nullopt},
        {"a=1&b", "?", std::nullopt},
        {"my_postern_access=T", "?", std::nullopt},
        {"postern_accessible=T", "?", std::nullopt},
        {"a=postern_access=T", "?", std::nullopt},
        {"postern_access=T", "", "T"},
        {"postern_access=", "", ""},
        {"postern_access", "", ""},
        {"a=1&postern_access=T", "a=1", "T"},
        {"postern_access=T&a=1", "a=1", "T"},
        {"a&postern_access=T&b&&c=%20+", "a&b&&c=%20+", "T"},
        {"postern_access=T&postern_access=U", "", "T"},
        {"&postern_access=T&", "&", "T"},
        {"&&postern_access=T", "&", "T"},
        {"%70ostern_access=T&a=1", "a=1", "T"},
        {"a=%20&p%6fstern%5Faccess=T", "a=%20", "T"},
        {"%70%6f%73%74%65%72%6e%5f%61%63%63%65%73%73", "", ""},
        {"%50ostern_access=T", "?", std::nullopt},
        {"%70ostern_accessible=T", "?", std::nullopt},
        {"%7ostern_access=T&%", "?", std::nullopt},
        {"postern_access%3DT", "?", std::nullopt},
    };
    for (const auto& row : rows) {
        std::string rest = "?";
        EXPECT_EQ(take_access_token(row.query, rest), row.token) << row.query;
        EXPECT_EQ(rest, row.rest) << row.query;
    }
}

TEST(access_token, is_seen_wherever_its_name_stands) {
    const struct {
        std::string_view text;
        std::size_t at;
    } rows[] = {
        {"", 0},
        {"/a?b=postern_acces", 18},
        {"/a?postern_access=T", 3},
        {"/a%3Fpostern_access=T", 5},
        {"/a?x&amp;%70ostern_acces%73=T", 9},
        {"/ppostern_access", 2},
        {"/%70%70ostern_access", 4},
        {"/%7postern_access", 3},
        {"/postern%", 9},
    };
    for (const auto& row : rows)
        EXPECT_EQ(find_access_parameter(row.text), row.at) << row.text;
}

TEST(access_token, a_cookie_for_each_session) {
    EXPECT_EQ(access_cookie_name("acme-t1"), access_cookie_name("acme-t1"));
    EXPECT_NE(access_cookie_name("acme-t1"), access_cookie_name("acme-t2"));
    EXPECT_EQ(access_cookie_name("").size(), access_cookie_prefix.size() + 16);
}

} // namespace
} // namespace postern::base
