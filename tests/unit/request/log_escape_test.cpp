#include "edge/request/log_escape.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>

namespace postern::edge {
namespace {

std::string as_default(std::string_view text, std::size_t bytes_max = 2048) {
    std::string out;
    append_escaped_default(out, text, bytes_max);
    return out;
}
std::string as_json(std::string_view text, std::size_t bytes_max = 2048) {
    std::string out;
    append_escaped_json(out, text, bytes_max);
    return out;
}

TEST(log_escape, as_nginx_does) {
    EXPECT_EQ(as_default("GET /a?b=c d~"), "GET /a?b=c d~");
    EXPECT_EQ(as_default("a\"b\\c"), R"(a\x22b\x5Cc)");
    EXPECT_EQ(as_default("a\r\nb\t\x7f"), R"(a\x0D\x0Ab\x09\x7F)");
    EXPECT_EQ(as_default("\u00e9\xff"), R"(\xC3\xA9\xFF)");
    EXPECT_EQ(as_default(std::string_view{"\0", 1}), R"(\x00)");
    EXPECT_EQ(as_default(""), "");
}

TEST(log_escape, as_json) {
    EXPECT_EQ(as_json("GET /a?b=c d~"), "GET /a?b=c d~");
    EXPECT_EQ(as_json("a\"b\\c/"), R"(a\"b\\c/)");
    EXPECT_EQ(as_json("a\r\nb\t\x01\x7f"), R"(a\r\nb\t\u0001\u007f)");
    EXPECT_EQ(as_json("\u00e9\u65e5\U0001f600"), "\u00e9\u65e5\U0001f600");
}

TEST(log_escape, what_is_no_utf8_is_replaced) {
    const struct {
        std::string_view text;
        std::string_view expected;
    } rows[] = {
        {"\xff", R"(\ufffd)"},
        {"a\x80z", R"(a\ufffdz)"},
        {"\xc3", R"(\ufffd)"},                               // cut off
        {"\xc3(", R"(\ufffd()"},                             // no tail
        {"\xc0\xaf", R"(\ufffd\ufffd)"},                     // overlong '/'
        {"\xe0\x80\xaf", R"(\ufffd\ufffd\ufffd)"},           // overlong
        {"\xed\xa0\x80", R"(\ufffd\ufffd\ufffd)"},           // surrogate
        {"\xf0\x80\x80\xaf", R"(\ufffd\ufffd\ufffd\ufffd)"}, // overlong
        {"\xf4\x90\x80\x80", R"(\ufffd\ufffd\ufffd\ufffd)"}, // past U+10FFFF
        {"\xf5\x80\x80\x80", R"(\ufffd\ufffd\ufffd\ufffd)"},
        {"\xe6\x97", R"(\ufffd\ufffd)"},
        {"\xf0\x9f\x98", R"(\ufffd\ufffd\ufffd)"},
        {"\xed\x9f\xbf", "\xed\x9f\xbf"}, // the last before the surrogates
        {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
    };
    for (const auto& row : rows)
        EXPECT_EQ(as_json(row.text), row.expected);
}

TEST(log_escape, bounded_and_cut_at_whole_characters) {
    const std::string long_text(10'000, 'a');
    EXPECT_EQ(as_default(long_text, 16), "aaaaaaaaaaaaa...");
    EXPECT_EQ(as_json(long_text, 16), "aaaaaaaaaaaaa...");
    EXPECT_EQ(as_default(std::string(100, '\n'), 16), R"(\x0A\x0A\x0A...)");
    EXPECT_EQ(as_json(std::string(100, '\x01'), 16), R"(\u0001\u0001...)");
    EXPECT_EQ(as_json("\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5", 16), "\u65e5\u65e5\u65e5\u65e5...");
}

TEST(log_escape, any_bytes_fit_the_bound_and_stay_on_a_line) {
    std::mt19937 random{42};
    for (int round = 0; round < 20'000; ++round) {
        std::string text(random() % 64, '\0');
        for (char& c : text)
            c = static_cast<char>(random());
        const std::size_t bytes_max = 8 + random() % 64;
        for (const std::string& out : {as_default(text, bytes_max), as_json(text, bytes_max)}) {
            EXPECT_LE(out.size(), bytes_max);
            for (const char c : out)
                EXPECT_GE(static_cast<unsigned char>(c), 0x20);
        }
    }
}

} // namespace
} // namespace postern::edge
