// Patterns with {captures} as `location` and `server_name` have them.
#include "edge/settings/values.hpp"

#include <algorithm>

namespace postern::edge {
namespace {

constexpr bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_name(std::string_view name) {
    return !name.empty() && is_letter(name.front()) &&
           std::all_of(name.begin(), name.end(),
                       [](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
}

/// Splits at braces; what the literals may hold is the caller's matter.
parsed<capture_pattern> split(std::string_view text) {
    capture_pattern out;
    out.text = text;
    const auto wrong = [&](std::string reason) {
        return complaint{fmt::format("\"{}\": {}", shown(out.text), reason)};
    };
    while (!text.empty()) {
        const std::size_t brace = text.find_first_of("{}");
        if (brace > 0) {
            out.pieces.push_back({std::string{text.substr(0, brace)}, false});
            if (brace == std::string_view::npos)
                break;
            text.remove_prefix(brace);
        }
        const std::size_t close = text.find('}');
        if (text.front() == '}')
            return wrong("'}' without its '{'");
        if (close == std::string_view::npos)
            return wrong("'{' without its '}'");
        const std::string_view name = text.substr(1, close - 1);
        if (!is_name(name))
            return wrong(
                fmt::format("\"{}\" is no name for a capture; letters, digits and _", shown(name)));
        for (const capture_pattern::piece& p : out.pieces)
            if (p.is_capture && p.text == name)
                return wrong(fmt::format("{{{}}} is there twice", name));
        if (!out.pieces.empty() && out.pieces.back().is_capture)
            return wrong(fmt::format("nothing stands between {{{}}} and {{{}}}",
                                     out.pieces.back().text, name));
        out.pieces.push_back({std::string{name}, true});
        text.remove_prefix(close + 1);
    }
    return out;
}

bool has_dot_segment(std::string_view path) {
    while (!path.empty()) {
        path.remove_prefix(1); // the slash
        const std::string_view segment = path.substr(0, path.find('/'));
        if (segment == "." || segment == "..")
            return true;
        path.remove_prefix(segment.size());
    }
    return false;
}

} // namespace

parsed<capture_pattern> path_pattern_of(std::string_view text) {
    if (!text.starts_with('/'))
        return complaint{fmt::format("\"{}\" is no path; it starts with /", shown(text))};
    auto pattern = split(text);
    if (!pattern)
        return pattern;
    if (has_dot_segment(text))
        return complaint{
            fmt::format("\"{}\": no path has the segments . or .. here: browsers resolve "
                        "them, and who sends them is answered 400",
                        shown(text))};
    for (const capture_pattern::piece& p : pattern->pieces) {
        if (p.is_capture)
            continue;
        for (const char c : p.text)
            if (static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7f)
                return complaint{fmt::format("\"{}\": paths are compared as browsers send them; "
                                             "write %20 for a blank and the like",
                                             shown(text))};
        if (p.text.find_first_of("?#") != std::string::npos)
            return complaint{fmt::format("\"{}\": a path ends before ? and #", shown(text))};
    }
    return pattern;
}

parsed<capture_pattern> host_pattern_of(std::string_view text) {
    if (text.empty())
        return complaint{"\"\" is no host name"};
    if (text.find('*') != std::string_view::npos)
        return complaint{fmt::format("\"{}\": write a capture for *, such as {{name}}.example.com",
                                     shown(text))};
    if (text.starts_with('~'))
        return complaint{fmt::format("\"{}\": regular expressions are not known; write a name with "
                                     "captures, such as {{name}}.example.com",
                                     shown(text))};
    if (text.starts_with('.') || text.ends_with('.') || text.find("..") != std::string_view::npos)
        return complaint{
            fmt::format("\"{}\" is no host name: nothing stands before, behind or between "
                        "some of its dots",
                        shown(text))};
    auto pattern = split(text);
    if (!pattern)
        return pattern;
    for (capture_pattern::piece& p : pattern->pieces) {
        if (p.is_capture)
            continue;
        for (char& c : p.text) {
            if (!is_letter(c) && !is_digit(c) &&
                std::string_view{".-_[]:"}.find(c) == std::string_view::npos)
                return complaint{fmt::format("\"{}\" is no host name; write it as browsers send "
                                             "it, without scheme, port or path",
                                             shown(text))};
            if (c >= 'A' && c <= 'Z')
                c = static_cast<char>(c - 'A' + 'a');
        }
        if (p.text.find(':') != std::string::npos && !text.starts_with('['))
            return complaint{
                fmt::format("\"{}\" is no host name; ports stand in listen", shown(text))};
    }
    return pattern;
}

} // namespace postern::edge
