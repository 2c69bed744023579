// Words and signs of a conf file: nginx's syntax, where a {name} inside a word belongs to the word.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace postern::edge {

inline constexpr std::size_t conf_word_bytes_max = 4096; // longer: an error

struct token {
    enum class kind { word, semicolon, open, close, end };
    enum kind kind = kind::end;
    std::string text;  // of a word, without quotes and escapes
    unsigned line = 1; // where it starts
};

/// Splits text into tokens. White space separates; '#' at the start of a word begins a comment; '…'
/// and "…" quote; a backslash keeps the next quote, backslash, space, ';', '{', '}' or '#' in the
/// word, and \t \r \n are what they are in C. A '{' with a '}' behind it and neither space, quote
/// nor one of ;{} between is a capture and part of the word, as in /session/{threadId}/; any other
/// '{' opens a block. The text must outlive the lexer.
class lexer {
  public:
    struct error {
        unsigned line;
        std::string reason;
    };

    explicit lexer(std::string_view text);
    /// The next token into `out`; at the end, and ever after, one of kind end. Errors: a quote that
    /// never ends, a '{' of a capture without its '}', a control byte, a word that is too long. Ask
    /// no further after an error.
    [[nodiscard]] std::optional<error> next(token& out);

  private:
    void skip_blanks();
    [[nodiscard]] std::optional<error> read_quoted(token& out);
    [[nodiscard]] std::optional<error> read_plain(token& out);
    [[nodiscard]] std::optional<error> append(token& out, char c) const;
    [[nodiscard]] std::size_t capture_bytes() const;
    [[nodiscard]] std::optional<error> check_open_brace(const token& word) const;
    [[nodiscard]] bool ended() const noexcept { return at_ >= text_.size(); }

    std::string_view text_;
    std::size_t at_ = 0;
    unsigned line_ = 1;
};

/// A word as an error message shows it: control and non-ASCII bytes as \xNN, cut to 80 bytes.
[[nodiscard]] std::string shown(std::string_view word, std::size_t bytes_max = 80);

} // namespace postern::edge
