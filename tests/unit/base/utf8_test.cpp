#include "base/utf8.hpp"

#include <gtest/gtest.h>

namespace postern::base {
namespace {

TEST(utf8, lengths_of_what_is_well_formed) {
    struct row {
        std::string_view text;
        std::size_t length;
    };
    using namespace std::string_view_literals;
    for (const row& r : {
             row{"", 0},
             {"\0"sv, 1},
             {"a\xff", 1},
             {"\x7f", 1},
             {"\x80", 0},
             {"\xbf\xbf", 0},
             {"\xc0\x80", 0},
             {"\xc1\xbf", 0},
             {"\xc2\x80", 2},
             {"\xc2", 0},
             {"\xc2\xc0", 0},
             {"\xdf\xbf", 2},
             {"\xe0\x9f\xbf", 0}, // longer than it need be
             {"\xe0\xa0\x80", 3},
             {"\xe1\x80", 0},
             {"\xe1\x80\x41", 0},
             {"\xed\x9f\xbf", 3},
             {"\xed\xa0\x80", 0}, // a surrogate
             {"\xef\xbf\xbf", 3},
             {"\xf0\x8f\xbf\xbf", 0},
             {"\xf0\x90\x80\x80", 4},
             {"\xf4\x8f\xbf\xbf", 4},
             {"\xf4\x90\x80\x80", 0}, // past U+10FFFF
             {"\xf5\x80\x80\x80", 0},
             {"\xf1\x80\x80", 0},
         }) {
        EXPECT_EQ(utf8_length(r.text), r.length) << printable(r.text);
        EXPECT_EQ(is_utf8("\u00fc" + std::string{r.text}), r.length == r.text.size());
    }
    EXPECT_TRUE(is_utf8(""));
}

TEST(utf8, control_bytes_are_c0_and_del) {
    for (const char* text : {"a\n", "\t", "\x1f", "\x7f", "\u00e9\x01"})
        EXPECT_TRUE(has_control_bytes(text)) << printable(text);
    for (const char* text : {"", " ~", "\u00e9\u20ac", "\x80\xff"})
        EXPECT_FALSE(has_control_bytes(text)) << printable(text);
}

TEST(utf8, a_prefix_cuts_no_character) {
    const std::string text = "a\u00e9\u20ac\U0001f600";
    for (const auto& [bytes, kept] : std::initializer_list<std::pair<std::size_t, std::size_t>>{
             {0, 0}, {1, 1}, {2, 1}, {3, 3}, {5, 3}, {6, 6}, {9, 6}, {10, 10}, {99, 10}})
        EXPECT_EQ(utf8_prefix(text, bytes), text.substr(0, kept)) << bytes;
    EXPECT_EQ(utf8_prefix("\x80\x80\x80\x80\x80\x80", 5).size(), 5U) << "no UTF-8";
}

TEST(utf8, nothing_that_is_shown_steers_a_terminal) {
    struct row {
        std::string_view text, shown;
    };
    for (const row& r : {
             row{"a\r\n\x7f\x1b[0m", "a\\x0d\\x0a\\x7f\\x1b[0m"},
             {"\u00e9\u20ac\U0001f600", "\u00e9\u20ac\U0001f600"},
             {"\xc2\x9b"
              "31m",
              "\\xc2\\x9b31m"}, // CSI as one character
             {"\u00a0", "\u00a0"},
             {"\xc3", "\\xc3"},
             {"\xed\xa0\x80x", "\\xed\\xa0\\x80x"},
             {"exe\u202etxt.", "exe\\xe2\\x80\\xaetxt."},
             {"\u2066a\u2069\u200f\u2028",
              "\\xe2\\x81\\xa6a\\xe2\\x81\\xa9\\xe2\\x80\\x8f\\xe2\\x80\\xa8"},
             {"\u200d\u2027\u202f\u2065\u206a", "\u200d\u2027\u202f\u2065\u206a"},
         })
        EXPECT_EQ(printable(r.text), r.shown);
}

} // namespace
} // namespace postern::base
