#include "edge/static/open_beneath.hpp"

#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace postern::edge {
namespace {

constexpr int open_flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
constexpr int races_max = 8; // openat2 says EAGAIN when a folder was moved during the walk

int open_by_kernel(int root, const char* path) noexcept {
    struct open_how how {};
    how.flags = open_flags;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    for (int i = 0;; ++i) {
        const long fd = ::syscall(SYS_openat2, root, path, &how, sizeof how);
        if (fd >= 0 || i == races_max || (errno != EAGAIN && errno != EINTR))
            return static_cast<int>(fd);
    }
}

int open_by_components(int root, const std::string& path) noexcept {
    base::unique_fd folder;
    std::size_t start = 0;
    for (;;) {
        const std::size_t slash = path.find('/', start);
        const std::string name = path.substr(start, slash - start);
        if (name.empty() || name == "..") {
            errno = EXDEV; // an absolute path, or one that could climb
            return -1;
        }
        const int at = folder ? folder.get() : root;
        if (slash == std::string::npos)
            return ::openat(at, name.c_str(), open_flags | O_NOFOLLOW);
        base::unique_fd next{
            ::openat(at, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
        if (!next)
            return -1;
        folder = std::move(next);
        start = slash + 1;
    }
}

int open_either_way(int root, const std::string& path, beneath how) noexcept {
    static std::atomic<bool> refused{false}; // asked once: a kernel does not learn it later
    if (how == beneath::kernel && !refused.load(std::memory_order_relaxed)) {
        const int fd = open_by_kernel(root, path.c_str());
        // ENOSYS: before Linux 5.6, or a sandbox. EPERM: an old seccomp profile; reading a file
        // never gives it otherwise.
        if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
            return fd;
        refused.store(true, std::memory_order_relaxed);
    }
    return open_by_components(root, path);
}

} // namespace

base::result<opened_file> open_beneath(int root, const std::string& path, beneath how) {
    opened_file file;
    file.fd.reset(open_either_way(root, path.empty() ? "." : path, how));
    if (!file.fd || ::fstat(file.fd.get(), &file.info) != 0)
        return base::failure{base::last_errno(), {}};
    return file;
}

} // namespace postern::edge
