#include "base/text_template.hpp"

#include <fmt/format.h>

namespace postern::base {
namespace {

constexpr bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool is_name_part(char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
}

bool is_name(std::string_view name) {
    if (name.empty() || !is_letter(name.front()))
        return false;
    for (const char c : name)
        if (!is_name_part(c))
            return false;
    return true;
}

failure bad(std::string sentence) {
    return {make_error_code(boost::system::errc::invalid_argument), std::move(sentence)};
}

} // namespace

result<text_template> text_template::parse(std::string_view text) {
    text_template parsed;
    parsed.text_ = text;
    std::string literal;
    const auto end_literal = [&] {
        if (!literal.empty())
            parsed.pieces_.push_back({std::exchange(literal, {}), false});
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if ((c == '{' || c == '}') && i + 1 < text.size() && text[i + 1] == c) {
            literal += c;
            ++i;
        } else if (c == '}') {
            return bad(
                fmt::format("\"{}\": '}}' without its '{{'; write '}}}}' for a brace", text));
        } else if (c == '{') {
            const std::size_t close = text.find('}', i);
            if (close == std::string_view::npos)
                return bad(fmt::format("\"{}\": '{{' without its '}}'", text));
            const std::string_view name = text.substr(i + 1, close - i - 1);
            if (!is_name(name))
                return bad(
                    fmt::format("\"{}\": \"{}\" is no name; letters, digits and _", text, name));
            end_literal();
            parsed.pieces_.push_back({std::string{name}, true});
            i = close;
        } else {
            literal += c;
        }
    }
    end_literal();
    return parsed;
}

std::optional<std::string> text_template::fill(const lookup& value_of) const {
    std::string out;
    if (!fill_into(out, value_of))
        return std::nullopt;
    return out;
}

std::vector<std::string_view> text_template::names() const {
    std::vector<std::string_view> found;
    for (const piece& p : pieces_)
        if (p.is_name)
            found.emplace_back(p.text);
    return found;
}

} // namespace postern::base
