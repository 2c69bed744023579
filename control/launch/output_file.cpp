#include "control/launch/output_file.hpp"

#include "base/file.hpp"
#include "base/unique_fd.hpp"
#include "base/utf8.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace postern::control {
namespace {

constexpr std::size_t file_name_bytes_max =
    200; // a file system takes 255; ".log.1" and a hash must fit

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '~' || c == '.';
}

std::uint64_t fnv1a(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text)
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return hash;
}

std::string tail_of(int fd, std::size_t bytes_max) {
    struct stat info {};
    if (::fstat(fd, &info) != 0)
        return {};
    const auto size = static_cast<std::size_t>(info.st_size);
    std::string tail(std::min(size, bytes_max), '\0');
    const ssize_t n = ::pread(fd, tail.data(), tail.size(), static_cast<off_t>(size - tail.size()));
    tail.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return tail;
}

/// Bytes of the terminal escape sequence that `text` begins with (ECMA-48: CSI ... final byte, OSC
/// ... BEL, ESC x).
std::size_t escape_length(std::string_view text) {
    if (text.size() < 2)
        return text.size();
    if (text[1] == '[') {
        const auto final = std::find_if(text.begin() + 2, text.end(),
                                        [](char c) { return c >= 0x40 && c <= 0x7e; });
        return static_cast<std::size_t>(final - text.begin()) + (final == text.end() ? 0 : 1);
    }
    if (text[1] == ']')
        return std::min(text.find('\a'), text.size() - 1) + 1;
    return 2;
}

} // namespace

std::string output_path_of(std::string_view directory, std::string_view session_id) {
    std::string name;
    for (const char c : session_id) {
        if (is_plain(c) && !(c == '.' && name.empty()))
            name += c;
        else
            name += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    if (name.size() > file_name_bytes_max) {
        name.resize(file_name_bytes_max);
        name += fmt::format("-{:016x}", fnv1a(session_id));
    }
    return fmt::format("{}/{}.log", directory, name);
}

void set_output_aside(const std::string& path) noexcept {
    ::rename(path.c_str(), (path + ".1").c_str()); // no file yet is as good
}

void cap_output(const std::string& path) noexcept {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0 || info.st_size <= static_cast<off_t>(output_bytes_max))
        return;
    const base::unique_fd fd{::open(path.c_str(), O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC)};
    if (!fd)
        return;
    const std::string tail = tail_of(fd.get(), output_bytes_kept);
    if (::ftruncate(fd.get(), 0) != 0)
        return;
    // A full disk here only costs old output.
    [[maybe_unused]] const auto written =
        base::write_all(fd.get(), "[postern: older output was cut here]\n" + tail);
}

std::string plain_text(std::string_view raw) {
    std::string out;
    while (!raw.empty()) {
        std::size_t length = 1;
        if (raw.front() == '\x1b') {
            length = escape_length(raw);
        } else if (const std::size_t sequence = base::utf8_length(raw); sequence == 0) {
            out += '?';
        } else if (sequence > 1) {
            out += raw.substr(0, length = sequence);
        } else if (raw.front() == '\t') {
            out += ' ';
        } else if (raw.front() >= 0x20 && raw.front() != 0x7f) {
            out += raw.front();
        }
        raw.remove_prefix(length);
    }
    return out;
}

std::vector<std::string> last_output_lines(const std::string& path, std::size_t count_max) {
    std::vector<std::string> lines;
    const base::unique_fd fd{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
    if (!fd)
        return lines;
    const std::string tail = tail_of(fd.get(), output_bytes_kept);
    std::string_view rest = tail;
    while (!rest.empty() && lines.size() < count_max) {
        const std::size_t newline = rest.rfind('\n');
        const std::size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
        const std::string line = plain_text(rest.substr(begin));
        if (line.find_first_not_of(' ') != std::string::npos)
            lines.emplace_back(base::utf8_prefix(line, output_line_bytes_max));
        rest = rest.substr(0, newline == std::string_view::npos ? 0 : newline);
    }
    std::reverse(lines.begin(), lines.end());
    return lines;
}

} // namespace postern::control
