// Field names, lists, lengths, versions, codings, authorities.
#include "edge/http/authority.hpp"
#include "edge/http/field.hpp"
#include "edge/http/head_lines.hpp"
#include "edge/http/scan.hpp"

#include <gtest/gtest.h>

namespace postern::edge {
namespace {

TEST(field, known_names_in_any_case) {
    const std::pair<std::string_view, known> cases[] = {
        {"Host", known::host},
        {"HOST", known::host},
        {"content-length", known::content_length},
        {"Content-Length", known::content_length},
        {"TE", known::te},
        {"Transfer-Encoding", known::transfer_encoding},
        {"Sec-Fetch-Dest", known::sec_fetch_dest},
        {"Sec-Fetch-Mode", known::sec_fetch_mode},
        {"Sec-Fetch-Site", known::sec_fetch_site},
        {"Sec-WebSocket-Extensions", known::sec_websocket_extensions},
        {"If-Unmodified-Since", known::if_unmodified_since},
        {"ETag", known::etag},
        {"X-Forwarded-For", known::x_forwarded_for},
        {"X-Forwarded-Proto", known::x_forwarded_proto},
        {"X-Forwarded-Port", known::x_forwarded},
        {"x-forwarded-", known::other},
        {"X-Session-Id", known::x_session_id},
        {"X-Postern-Page", known::x_postern},
        {"x-postern-anything-at-all-however-long", known::x_postern},
        {"", known::other},
        {"x-postern-", known::other},
        {"x", known::other},
        {"hos", known::other},
        {"hosts", known::other},
        {"content_length", known::other},
        {"content-lengthx", known::other},
        {"sec-websocket-accept", known::other},
    };
    for (const auto& [name, id] : cases)
        EXPECT_EQ(known_field(name), id) << name;
}

TEST(field, no_name_is_mistaken_for_a_known_one) {
    for (const std::string_view name : {"host", "te", "content-length", "x-session-id", "cookie"}) {
        const known id = known_field(name);
        for (std::size_t i = 0; i < name.size(); ++i) {
            for (int byte = 0; byte < 256; ++byte) {
                std::string other{name};
                other[i] = static_cast<char>(byte);
                if (!is_token(other))
                    continue;
                const bool same = equal_ignoring_case(other, name);
                EXPECT_EQ(known_field(other) == id, same) << other;
            }
        }
    }
}

TEST(field, lists) {
    EXPECT_TRUE(list_has("a, Upgrade ,b", "upgrade"));
    EXPECT_TRUE(list_has(",,upgrade", "upgrade"));
    EXPECT_TRUE(list_has("\tupgrade\t", "upgrade"));
    EXPECT_FALSE(list_has("upgrades", "upgrade"));
    EXPECT_FALSE(list_has("up grade", "upgrade"));
    EXPECT_FALSE(list_has("", "upgrade"));
    EXPECT_FALSE(list_has("a b", "b"));
}

TEST(field, scanners_find_the_first_such_byte_at_every_distance) {
    for (std::size_t n = 0; n < 40; ++n) {
        for (int byte = 0; byte < 256; ++byte) {
            std::string text(n, '\x80'); // must not count as control, nor hide one
            text += static_cast<char>(byte);
            text += std::string(9, '\xff');
            const char* const end = text.data() + text.size();
            const bool control = byte < 0x20 || byte == 0x7f;
            EXPECT_EQ(find_control(text.data(), end), control ? text.data() + n : end);
            const bool low = control || byte == 0x20;
            EXPECT_EQ(find_control_or_space(text.data(), end), low ? text.data() + n : end);
            const bool name_end = low || byte == ':';
            EXPECT_EQ(find_name_end(text.data(), end), name_end ? text.data() + n : end);
            std::string ascii(n, 'a');
            ascii += static_cast<char>(byte);
            ascii += std::string(20, 'b');
            const char* const ascii_end = ascii.data() + ascii.size();
            EXPECT_EQ(find_target_end(ascii.data(), ascii_end),
                      low || byte >= 0x80 ? ascii.data() + n : ascii_end);
            const bool unprintable = control || byte >= 0x80 || byte == '"' || byte == '\\';
            EXPECT_EQ(find_unprintable(ascii.data(), ascii_end),
                      unprintable ? ascii.data() + n : ascii_end);
        }
    }
}

TEST(field, lengths) {
    EXPECT_EQ(read_length("0"), 0U);
    EXPECT_EQ(read_length("000018"), 18U);
    EXPECT_EQ(read_length("9223372036854775807"), 9223372036854775807U);
    for (const char* bad :
         {"", "9223372036854775808", "99999999999999999999", "+1", "-1", "1 ", "a"})
        EXPECT_FALSE(read_length(bad)) << bad;
}

TEST(field, authorities) {
    const auto plain = read_authority("Example.com");
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->host, "Example.com");
    EXPECT_EQ(plain->port, 0);
    const auto six = read_authority("[2001:db8::1]:8443");
    ASSERT_TRUE(six);
    EXPECT_EQ(six->host, "[2001:db8::1]");
    EXPECT_EQ(six->port, 8443);

    const auto same = [](std::string_view a, std::string_view b, bool secure) {
        return same_authority(*read_authority(a), *read_authority(b), secure);
    };
    EXPECT_TRUE(same("h", "H:80", false));
    EXPECT_TRUE(same("h", "h:443", true));
    EXPECT_FALSE(same("h", "h:443", false));
    EXPECT_FALSE(same("h", "i", false));
    EXPECT_FALSE(same("h:1", "h:2", false));
}

TEST(field, absolute_urls) {
    const auto url = read_absolute_url("HTTPS://h:1/x?y#z");
    ASSERT_TRUE(url);
    EXPECT_TRUE(url->secure);
    EXPECT_EQ(url->authority_text, "h:1");
    EXPECT_EQ(url->rest, "/x?y#z");
    EXPECT_EQ(read_absolute_url("http://h?x")->rest, "?x");
    EXPECT_EQ(read_absolute_url("http://h")->rest, "");
    for (const char* bad : {"", "http:", "http://", "https://", "http:///x", "//h/", "/x",
                            "ws://h/", "about:blank", "null", "http://u@h/"})
        EXPECT_FALSE(read_absolute_url(bad)) << bad;
}

} // namespace
} // namespace postern::edge
