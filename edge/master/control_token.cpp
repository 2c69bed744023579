#include "edge/master/control_token.hpp"

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

constexpr std::size_t token_bytes_min = 16;
constexpr std::size_t token_bytes_max = 512;

base::failure bad(std::string sentence) {
    return {make_error_code(boost::system::errc::invalid_argument), std::move(sentence)};
}

base::result<std::string> made_at(const std::string& path) {
    std::array<unsigned char, 32> random{};
    if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
        return base::failure{base::last_errno(), "no random bytes for token_file " + path};
    std::string token;
    for (const unsigned char byte : random)
        token += fmt::format("{:02x}", byte);
    const base::unique_fd fd{
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!fd)
        return base::failure{base::last_errno(), "cannot make token_file " + path};
    if (const auto written = base::write_all(fd.get(), token + "\n"); !written) {
        ::unlink(path.c_str());
        return base::failure{written.error().code, "cannot write token_file " + path};
    }
    return token;
}

bool is_printable(char c) {
    return c > 0x20 && c < 0x7f;
}

} // namespace

base::result<std::string> control_token(const std::string& path) {
    struct stat about {};
    if (::stat(path.c_str(), &about) != 0) {
        if (errno == ENOENT)
            return made_at(path);
        return base::failure{base::last_errno(), "token_file " + path};
    }
    if (!S_ISREG(about.st_mode))
        return bad("token_file " + path + " is no regular file");
    if ((about.st_mode & 077) != 0)
        return bad(fmt::format("token_file {} has mode {:04o}, so that others can use it; make it "
                               "0600 (chmod 600 {})",
                               path, about.st_mode & 07777, path));
    auto content = base::read_file(path, 2 * token_bytes_max);
    if (!content)
        return base::failure{content.error().code, "cannot read token_file " + path};
    std::string token = std::move(*content);
    if (!token.empty() && token.back() == '\n')
        token.pop_back();
    if (token.size() < token_bytes_min || token.size() > token_bytes_max ||
        !std::all_of(token.begin(), token.end(), is_printable))
        return bad(fmt::format("token_file {} must hold one line of {} to {} printable characters; "
                               "remove it, and a new one is made",
                               path, token_bytes_min, token_bytes_max));
    return token;
}

} // namespace postern::edge
