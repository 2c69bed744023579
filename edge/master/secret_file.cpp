#include "edge/master/secret_file.hpp"

#include "base/file.hpp"
#include "base/unique_fd.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

namespace postern::edge {
namespace {

base::failure bad(std::string sentence) {
    return {make_error_code(boost::system::errc::invalid_argument), std::move(sentence)};
}

base::result<std::string> made_at(const std::string& path, std::string_view directive) {
    std::array<unsigned char, 32> random{};
    if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
        return base::failure{base::last_errno(),
                             fmt::format("no random bytes for {} {}", directive, path)};
    std::string secret;
    for (const unsigned char byte : random)
        secret += fmt::format("{:02x}", byte);
    const base::unique_fd fd{
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!fd)
        return base::failure{base::last_errno(), fmt::format("cannot make {} {}", directive, path)};
    if (const auto written = base::write_all(fd.get(), secret + "\n"); !written) {
        ::unlink(path.c_str());
        return base::failure{written.error().code,
                             fmt::format("cannot write {} {}", directive, path)};
    }
    return secret;
}

bool is_printable(char c) {
    return c > 0x20 && c < 0x7f;
}

bool is_secret(const std::string& line, std::size_t bytes_min) {
    return line.size() >= bytes_min && line.size() <= secret_bytes_max &&
           std::all_of(line.begin(), line.end(), is_printable);
}

} // namespace

base::result<std::vector<std::string>> read_secret_file(const std::string& path,
                                                        const secret_rule& rule) {
    struct stat about {};
    if (::stat(path.c_str(), &about) != 0) {
        if (errno != ENOENT)
            return base::failure{base::last_errno(), fmt::format("{} {}", rule.directive, path)};
        auto made = made_at(path, rule.directive);
        if (!made)
            return made.error();
        return std::vector<std::string>{std::move(*made)};
    }
    if (!S_ISREG(about.st_mode))
        return bad(fmt::format("{} {} is no regular file", rule.directive, path));
    if ((about.st_mode & 077) != 0)
        return bad(fmt::format("{} {} has mode {:04o}, so that others can use it; make it "
                               "0600 (chmod 600 {})",
                               rule.directive, path, about.st_mode & 07777, path));
    auto content = base::read_file(path, 2 * rule.lines_max * secret_bytes_max);
    if (!content)
        return base::failure{content.error().code,
                             fmt::format("cannot read {} {}", rule.directive, path)};
    if (!content->empty() && content->back() == '\n')
        content->pop_back();
    std::vector<std::string> lines;
    for (std::size_t start = 0; start <= content->size();) {
        const std::size_t end = std::min(content->find('\n', start), content->size());
        lines.push_back(content->substr(start, end - start));
        start = end + 1;
    }
    if (lines.size() > rule.lines_max ||
        !std::all_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return is_secret(line, rule.bytes_min); }))
        return bad(fmt::format("{} {} must hold {}; remove it, and a new one is made",
                               rule.directive, path, rule.what));
    return lines;
}

} // namespace postern::edge
