#include "edge/static/static_path.hpp"

#include "base/percent.hpp"

namespace postern::edge {
namespace {

constexpr bool is_pchar(char c) noexcept { // RFC 3986 3.3, without pct-encoded
    return base::is_unreserved(c) ||
           std::string_view{"!$&'()*+,;=:@"}.find(c) != std::string_view::npos;
}

bool is_dot_segment(std::string_view segment) noexcept {
    return segment == "." || segment == "..";
}

} // namespace

void append_encoded_path(std::string& out, std::string_view text) {
    for (const char c : text) {
        if (is_pchar(c) || c == '/')
            out += c;
        else
            base::append_escape(out, c);
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
        const int byte =
            escaped ? base::escaped_byte(raw, at) : static_cast<unsigned char>(raw[at]);
        // An escaped '/' would make one segment into two after the location was chosen on the one.
        if (byte < 0x20 || byte == 0x7f || byte == '\\' || byte == '/')
            return std::nullopt;
        const char c = static_cast<char>(byte);
        if (escaped && is_pchar(c))
            path.is_renamed = true;
        path.file += c;
        if (escaped)
            at += 2;
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
