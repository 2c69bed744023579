#include "edge/settings/lexer.hpp"

#include <gtest/gtest.h>

#include <string>

namespace postern::edge {
namespace {

/// Tokens as text: words in [], signs as they are; an error as "line: reason".
std::string tokens_of(std::string_view text) {
    lexer words{text};
    std::string out;
    for (;;) {
        token t;
        if (const auto wrong = words.next(t))
            return out + "!" + std::to_string(wrong->line) + ": " + wrong->reason;
        switch (t.kind) {
        case token::kind::word:
            out += "[" + t.text + "]";
            break;
        case token::kind::semicolon:
            out += ";";
            break;
        case token::kind::open:
            out += "{";
            break;
        case token::kind::close:
            out += "}";
            break;
        case token::kind::end:
            return out;
        }
    }
}

struct sample {
    const char* text;
    const char* tokens;
};

class lexer_words : public testing::TestWithParam<sample> {};

TEST_P(lexer_words, are_told_apart) {
    EXPECT_EQ(tokens_of(GetParam().text), GetParam().tokens) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    samples, lexer_words,
    testing::Values(
        sample{"", ""}, sample{" \t\r\n", ""}, sample{"a b;", "[a][b];"}, sample{"a#b;", "[a#b];"},
        sample{"a # b;\nc;", "[a][c];"}, sample{"# only", ""},
        sample{"server{listen 80;}", "[server]{[listen][80];}"}, sample{"server {}", "[server]{}"},
        sample{"server{}", "[server]{}"}, sample{"a{\nb;}", "[a]{[b];}"},
        sample{"location /session/{threadId}/ {", "[location][/session/{threadId}/]{"},
        sample{"route_key {clientId}-{threadId};", "[route_key][{clientId}-{threadId}];"},
        sample{"location /{a}{return 204;}", "[location][/{a}]{[return][204];}"},
        sample{"location /x/{1a}/ {", "[location][/x/{1a}/]{"}, // what names may be is said later
        sample{"x {a} {b} ;", "[x][{a}][{b}];"},
        sample{R"(a "b c" 'd "e"';)", R"([a][b c][d "e"];)"},
        sample{R"(a "b\"c\\d" 'e\'f';)", R"([a][b"c\d][e'f];)"},
        sample{R"(a "\t\n\x";)", "[a][\t\n\\x];"},
        sample{R"(a b\ c\;d\{e\#;)", R"([a][b c;d{e#];)"}, sample{"a \"\";", "[a][];"},
        sample{"a \"{\";", "[a][{];"}, sample{"a 'b'{", "[a][b]{"},
        sample{"\xEF\xBB\xBF"
               "a;",
               "[a];"},
        sample{"a\\", "[a\\]"}, sample{"a \"b\nc\";d;", "[a][b\nc];[d];"},
        sample{"a \"b", "[a]!1: the \" that opens here is never closed"},
        sample{"a;\n'b\n\n", "[a];!2: the ' that opens here is never closed"},
        sample{"a \"b\"c", "[a]!1: \"c\" follows a closing quote; a space or ; is missing"},
        sample{"\n/session/{threadId/ {", "!2: \"/session/{threadId/\": '{' without its '}'"},
        sample{"a \x01;", "[a]!1: byte 0x01; a conf file is text"},
        sample{"a 'b\x1b';", "[a]!1: byte 0x1b; a conf file is text"}));

TEST(lexer, lines_are_counted_through_quotes_and_comments) {
    lexer words{"a\n# b\n'c\n\nd' e"};
    token t;
    ASSERT_FALSE(words.next(t));
    EXPECT_EQ(t.line, 1U);
    ASSERT_FALSE(words.next(t));
    EXPECT_EQ(t.line, 3U);
    ASSERT_FALSE(words.next(t));
    EXPECT_EQ(t.line, 5U);
}

TEST(lexer, a_nul_is_no_text) {
    using namespace std::string_literals;
    EXPECT_EQ(tokens_of("a\0b;"s), "!1: byte 0x00; a conf file is text");
}

TEST(lexer, a_word_has_a_bound) {
    EXPECT_EQ(tokens_of(std::string(conf_word_bytes_max, 'x')),
              "[" + std::string(conf_word_bytes_max, 'x') + "]");
    const std::string reason = "!1: a word of more than 4096 bytes; is a quote or ; missing?";
    EXPECT_EQ(tokens_of(std::string(conf_word_bytes_max + 1, 'x')), reason);
    EXPECT_EQ(tokens_of("'" + std::string(conf_word_bytes_max + 1, 'x')), reason);
    EXPECT_EQ(tokens_of("{" + std::string(conf_word_bytes_max + 1, 'x') + "}"), reason);
}

TEST(lexer, what_is_shown_is_one_short_line_of_ascii) {
    EXPECT_EQ(shown("a\nb\xC3\xA9"), "a\\x0ab\\xc3\\xa9");
    EXPECT_EQ(shown(std::string(81, 'x')), std::string(80, 'x') + "...");
}

} // namespace
} // namespace postern::edge
