#include "edge/http/head_lines.hpp"

#include "edge/http/scan.hpp"

namespace postern::edge {
namespace {

lines_outcome bad(const char* reason) {
    return {.state = read_state::bad, .reason = reason};
}

/// Why the byte after a field name is not a colon.
const char* reason_for_name(const char* name, const char* at) {
    const bool at_start = name == at;
    switch (*at) {
    case ' ':
    case '\t':
        return at_start ? "a folded header line" : "a space before the colon of a header";
    case '\n':
        return "a bare LF";
    case '\r':
        return "a header line without a colon";
    case ':':
        return "a header without a name";
    case '\0':
        return "a NUL in a header name";
    default:
        return "a byte that no header name may have";
    }
}

const char* reason_for_value(char byte) {
    switch (byte) {
    case '\n':
        return "a bare LF";
    case '\r':
        return "a CR without its LF";
    case '\0':
        return "a NUL in a header value";
    default:
        return "a control byte in a header value";
    }
}

} // namespace

lines_outcome read_field_lines(const char* at, const char* end, std::size_t fields_max,
                               field_list& out) {
    for (;;) {
        const char* const name = at;
        at = find_name_end(at, end);
        if (at == end)
            return {};
        if (*at == '\r' && at == name) {
            if (++at == end)
                return {};
            if (*at != '\n')
                return bad("a CR without its LF");
            return {.state = read_state::done, .at = at + 1};
        }
        const std::string_view name_text{name, static_cast<std::size_t>(at - name)};
        if (*at != ':' || at == name)
            return bad(reason_for_name(name, at));
        // A name that is known is a token; the others are looked at byte by byte.
        const known id = known_field(name_text);
        const bool looked_at =
            id != known::other && id != known::x_forwarded && id != known::x_postern;
        if (!looked_at && !is_token(name_text))
            return bad("a byte that no header name may have");
        ++at;
        while (at != end && is_blank(*at))
            ++at;
        const char* const value = at;
        at = find_value_end(at, end);
        if (at == end)
            return {};
        if (*at != '\r')
            return bad(reason_for_value(*at));
        if (at + 1 == end)
            return {};
        if (at[1] != '\n')
            return bad("a CR without its LF");
        const char* value_end = at;
        while (value_end != value && is_blank(value_end[-1]))
            --value_end;
        if (out.size() == fields_max)
            return {.state = read_state::bad, .too_many = true, .reason = "too many header fields"};
        const char* const name_end = name + name_text.size();
        const bool verbatim = value - name_end == 2 && name_end[1] == ' ' && value_end == at;
        out.push_back(
            {id, verbatim, name_text, {value, static_cast<std::size_t>(value_end - value)}});
        at += 2;
    }
}

std::optional<std::uint64_t> read_length(std::string_view text) noexcept {
    constexpr std::uint64_t length_max = (std::uint64_t{1} << 63U) - 1;
    if (text.empty())
        return std::nullopt;
    std::uint64_t value = 0;
    for (const char c : text) {
        if (!is_digit(c))
            return std::nullopt;
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (value > (length_max - digit) / 10)
            return std::nullopt;
        value = value * 10 + digit;
    }
    return value;
}

std::optional<http_version> read_version(std::string_view text) noexcept {
    if (text.size() != 8 || text.substr(0, 5) != "HTTP/" || !is_digit(text[5]) || text[6] != '.' ||
        !is_digit(text[7]))
        return std::nullopt;
    return http_version{text[5] - '0', text[7] - '0'};
}

void add_connection_options(std::string_view value, connection_options& out) noexcept {
    if (equal_ignoring_case(value, "keep-alive")) { // nearly all of them
        out.keep_alive = true;
        return;
    }
    for_each_member(value, [&](std::string_view option) {
        if (equal_ignoring_case(option, "keep-alive"))
            out.keep_alive = true;
        else if (equal_ignoring_case(option, "close"))
            out.close = true;
        else if (equal_ignoring_case(option, "upgrade"))
            out.upgrade = true;
        else
            ++out.nominated;
        return true;
    });
}

coding read_transfer_coding(std::string_view value) noexcept {
    if (equal_ignoring_case(value, "chunked"))
        return coding::chunked;
    bool malformed = value.empty() || value.front() == ',' || value.back() == ',';
    bool chunked = false;
    for_each_member(value, [&](std::string_view member) {
        // Nothing may follow "chunked", not even itself (RFC 9112 6.1).
        malformed = malformed || chunked || !is_token(member);
        chunked = equal_ignoring_case(member, "chunked");
        return true;
    });
    return malformed || !chunked ? coding::malformed : coding::unsupported;
}

} // namespace postern::edge
