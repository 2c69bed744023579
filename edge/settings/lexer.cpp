#include "edge/settings/lexer.hpp"

#include <fmt/format.h>

namespace postern::edge {
namespace {

constexpr bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
/// Signs that end a plain word.
constexpr bool ends_word(char c) {
    return is_blank(c) || c == ';' || c == '}';
}
constexpr bool is_directive_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
constexpr bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
}

} // namespace

lexer::lexer(std::string_view text) : text_{text} {
    if (text_.starts_with("\xEF\xBB\xBF"))
        text_.remove_prefix(3); // editors leave a byte order mark
}

std::optional<lexer::error> lexer::next(token& out) {
    skip_blanks();
    out.text.clear();
    out.line = line_;
    out.kind = token::kind::end;
    if (ended())
        return std::nullopt;
    switch (text_[at_]) {
    case ';':
        out.kind = token::kind::semicolon;
        ++at_;
        return std::nullopt;
    case '}':
        out.kind = token::kind::close;
        ++at_;
        return std::nullopt;
    case '"':
    case '\'':
        return read_quoted(out);
    default:
        return read_plain(out);
    }
}

void lexer::skip_blanks() {
    while (!ended()) {
        const char c = text_[at_];
        if (c == '#') {
            const std::size_t end = text_.find('\n', at_);
            at_ = end == std::string_view::npos ? text_.size() : end;
        } else if (is_blank(c)) {
            line_ += c == '\n';
            ++at_;
        } else {
            return;
        }
    }
}

std::optional<lexer::error> lexer::read_quoted(token& out) {
    out.kind = token::kind::word;
    const char quote = text_[at_++];
    while (!ended() && text_[at_] != quote) {
        char c = text_[at_++];
        line_ += c == '\n';
        if (c == '\\' && !ended()) {
            const char escaped = text_[at_];
            const std::string_view plain = "\"'\\";
            const std::size_t control = std::string_view{"trn"}.find(escaped);
            if (plain.find(escaped) != std::string_view::npos) {
                c = escaped;
                ++at_;
            } else if (control != std::string_view::npos) {
                out.text += "\t\r\n"[control];
                ++at_;
                continue;
            }
        }
        if (c == '\n' || c == '\r') {
            out.text += c;
            continue;
        }
        if (auto wrong = append(out, c))
            return wrong;
    }
    if (ended())
        return error{out.line, fmt::format("the {} that opens here is never closed", quote)};
    ++at_;
    if (!ended() && !ends_word(text_[at_]) && text_[at_] != '{')
        return error{line_, fmt::format("\"{}\" follows a closing quote; a space or ; is missing",
                                        shown(text_.substr(at_, 1)))};
    return std::nullopt;
}

std::optional<lexer::error> lexer::read_plain(token& out) {
    out.kind = token::kind::word;
    while (!ended() && !ends_word(text_[at_])) {
        const char c = text_[at_];
        if (c == '{') {
            const std::size_t capture = capture_bytes();
            if (capture == 0) {
                if (!out.text.empty())
                    return check_open_brace(out);
                out.kind = token::kind::open;
                ++at_;
                return std::nullopt;
            }
            for (const char of_capture : text_.substr(at_, capture))
                if (auto wrong = append(out, of_capture))
                    return wrong;
            at_ += capture;
            continue;
        }
        ++at_;
        if (c == '\\' && !ended()) {
            const char escaped = text_[at_];
            const std::size_t control = std::string_view{"trn"}.find(escaped);
            if (std::string_view{"\"'\\ ;{}#"}.find(escaped) != std::string_view::npos) {
                out.text += escaped;
                ++at_;
                continue;
            }
            if (control != std::string_view::npos) {
                out.text += "\t\r\n"[control];
                ++at_;
                continue;
            }
        }
        if (auto wrong = append(out, c))
            return wrong;
    }
    return std::nullopt;
}

std::optional<lexer::error> lexer::append(token& out, char c) const {
    if (is_control(c) && c != '\t')
        return error{line_, fmt::format("byte 0x{:02x}; a conf file is text",
                                        static_cast<unsigned>(static_cast<unsigned char>(c)))};
    if (out.text.size() >= conf_word_bytes_max)
        return error{out.line, fmt::format("a word of more than {} bytes; is a quote or ; missing?",
                                           conf_word_bytes_max)};
    out.text += c;
    return std::nullopt;
}

/// Bytes of "{name}" at the current place, or 0 if the brace opens a block. What the name may be is
/// the template's matter.
std::size_t lexer::capture_bytes() const {
    std::size_t end = at_ + 1;
    while (end < text_.size() && !is_blank(text_[end]) &&
           std::string_view{";{}\"'"}.find(text_[end]) == std::string_view::npos)
        ++end;
    return end < text_.size() && text_[end] == '}' && end > at_ + 1 ? end + 1 - at_ : 0;
}

/// `server{listen 80;` is right, `/session/{threadId/ {` is a capture that lost its end.
std::optional<lexer::error> lexer::check_open_brace(const token& word) const {
    std::size_t end = at_ + 1;
    while (end < text_.size() && is_directive_byte(text_[end]))
        ++end;
    const bool closed = end == text_.size() || is_blank(text_[end]) ||
                        std::string_view{";{}\"'#"}.find(text_[end]) != std::string_view::npos;
    if (closed)
        return std::nullopt;
    return error{word.line,
                 fmt::format("\"{}\": '{{' without its '}}'",
                             shown(word.text + std::string{text_.substr(at_, end + 1 - at_)}))};
}

std::string shown(std::string_view word, std::size_t bytes_max) {
    std::string out;
    for (const char c : word.substr(0, bytes_max)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte >= 0x7f)
            out += fmt::format("\\x{:02x}", static_cast<unsigned>(byte));
        else
            out += c;
    }
    if (word.size() > bytes_max)
        out += "...";
    return out;
}

} // namespace postern::edge
