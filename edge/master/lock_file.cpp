#include "edge/master/lock_file.hpp"

#include "base/file.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace postern::edge {
namespace {

using base::failure;

constexpr std::size_t content_bytes_max = 32;

/// Whether `path` still leads to the file that `fd` is: its last holder may have removed it between
/// open and lock.
bool still_there(const std::string& path, int fd) {
    struct stat by_path {};
    struct stat by_fd {};
    return ::stat(path.c_str(), &by_path) == 0 && ::fstat(fd, &by_fd) == 0 &&
           by_path.st_ino == by_fd.st_ino && by_path.st_dev == by_fd.st_dev;
}

} // namespace

base::result<base::unique_fd> lock_file(const std::string& path, const lock_file_kind& kind) {
    const auto cannot = [&](const char* what) {
        return failure{base::last_errno(), fmt::format("cannot {} {} {}", what, kind.name, path)};
    };
    for (;;) {
        base::unique_fd fd{::open(
            path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, kind.mode)};
        if (!fd)
            return cannot("open");
        if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
            if (errno != EWOULDBLOCK)
                return cannot("lock");
            return failure{make_error_code(boost::system::errc::device_or_resource_busy),
                           kind.taken(content_of_lock_file(fd.get()))};
        }
        if (!still_there(path, fd.get()))
            continue;
        if (::ftruncate(fd.get(), 0) != 0)
            return cannot("write");
        if (const auto written = base::write_all(fd.get(), fmt::format("{}\n", ::getpid()));
            !written)
            return failure{written.error().code,
                           fmt::format("cannot write {} {}", kind.name, path)};
        return fd;
    }
}

std::string content_of_lock_file(int fd) {
    std::array<char, content_bytes_max> bytes{};
    const ssize_t n = ::pread(fd, bytes.data(), bytes.size(), 0);
    std::string text{bytes.data(), n > 0 ? static_cast<std::size_t>(n) : 0};
    while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
        text.pop_back();
    return text;
}

} // namespace postern::edge
