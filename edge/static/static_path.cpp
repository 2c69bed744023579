#include "edge/static/static_path.hpp"

namespace postern::edge {
namespace {

constexpr bool is_pchar(char c) noexcept { // RFC 3986 3.3, without pct-encoded
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return std::string_view{"-._~!$&'()*+,;=:@"}.find(c) != std::string_view::npos;
}

constexpr int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/// The byte that raw[at] stands for ("%41" or itself); `at` moves on to its last character.
/// Negative: a bad escape.
int decoded_byte(std::string_view raw, std::size_t& at) noexcept {
    if (raw[at] != '%')
        return static_cast<unsigned char>(raw[at]);
    if (at + 2 >= raw.size())
        return -1;
    const int high = hex_digit(raw[at + 1]);
    const int low = hex_digit(raw[at + 2]);
    at += 2;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool is_dot_segment(std::string_view segment) noexcept {
    return segment == "." || segment == "..";
}

} // namespace

void append_encoded_path(std::string& out, std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    for (const char c : text) {
        if (is_pchar(c) || c == '/') {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
}

std::optional<static_path> static_path_of(std::string_view raw) {
    static_path path;
    path.file.reserve(raw.size());
    std::size_t segment_start = 0; // in path.file
    for (std::size_t at = 0; at < raw.size(); ++at) {
        if (raw[at] == '/') {
            if (is_dot_segment(std::string_view{path.file}.substr(segment_start)))
                return std::nullopt;
            const bool empty_segment = path.file.empty() ? at > 0 : path.file.back() == '/';
            if (empty_segment)
                path.is_renamed = true;
            else if (!path.file.empty())
                path.file += '/';
            segment_start = path.file.size();
            continue;
        }
        const bool escaped = raw[at] == '%';
        const int byte = decoded_byte(raw, at);
        // An escaped '/' would make one segment into two after the location was chosen on the one.
        if (byte < 0x20 || byte == 0x7f || byte == '\\' || byte == '/')
            return std::nullopt;
        const char c = static_cast<char>(byte);
        if (escaped && is_pchar(c))
            path.is_renamed = true;
        path.file += c;
    }
    if (is_dot_segment(std::string_view{path.file}.substr(segment_start)))
        return std::nullopt;
    path.is_folder = raw.ends_with('/');
    path.canonical = "/";
    append_encoded_path(path.canonical, path.file);
    if (path.file.ends_with('/'))
        path.file.pop_back();
    return path;
}

} // namespace postern::edge
