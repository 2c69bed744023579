#include "edge/master/pid_file.hpp"

#include "base/file.hpp"
#include "edge/master/master.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <utility>

namespace postern::edge {
namespace {

using base::failure;
using boost::system::errc::make_error_code;
namespace errc = boost::system::errc;

constexpr std::size_t content_bytes_max = 32;

std::string content_of(int fd) {
    std::array<char, content_bytes_max> bytes{};
    const ssize_t n = ::pread(fd, bytes.data(), bytes.size(), 0);
    std::string text{bytes.data(), n > 0 ? static_cast<std::size_t>(n) : 0};
    while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
        text.pop_back();
    return text;
}

/// Whether `path` still leads to the file that `fd` is: its last holder may have removed it between
/// open and lock.
bool still_there(const std::string& path, int fd) {
    struct stat by_path {};
    struct stat by_fd {};
    return ::stat(path.c_str(), &by_path) == 0 && ::fstat(fd, &by_fd) == 0 &&
           by_path.st_ino == by_fd.st_ino && by_path.st_dev == by_fd.st_dev;
}

} // namespace

base::result<pid_file> pid_file::take(const std::string& path) {
    if (path.empty())
        return pid_file{};
    for (;;) {
        base::unique_fd fd{
            ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644)};
        if (!fd)
            return failure{base::last_errno(), "cannot open pid file " + path};
        if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
            if (errno != EWOULDBLOCK)
                return failure{base::last_errno(), "cannot lock pid file " + path};
            return failure{make_error_code(errc::device_or_resource_busy),
                           fmt::format("postern runs already as process {} with pid file {}; stop "
                                       "it, or give this one a pid file of its own",
                                       content_of(fd.get()), path)};
        }
        if (!still_there(path, fd.get()))
            continue;
        if (::ftruncate(fd.get(), 0) != 0)
            return failure{base::last_errno(), "cannot write pid file " + path};
        if (const auto written = base::write_all(fd.get(), fmt::format("{}\n", ::getpid()));
            !written)
            return failure{written.error().code, "cannot write pid file " + path};
        return pid_file{path, std::move(fd)};
    }
}

pid_file& pid_file::operator=(pid_file&& other) noexcept {
    if (this != &other) {
        remove();
        path_ = std::move(other.path_);
        fd_ = std::move(other.fd_);
    }
    return *this;
}

pid_file::~pid_file() {
    remove();
}

void pid_file::remove() noexcept {
    // While still locked, so that nobody else's file can be meant.
    if (fd_)
        ::unlink(path_.c_str());
    fd_.reset();
}

base::result<pid_t> holder_of(const std::string& path) {
    const base::unique_fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (!fd && errno == ENOENT)
        return failure{make_error_code(errc::no_such_process),
                       fmt::format("postern does not run: there is no pid file {}", path)};
    if (!fd)
        return failure{base::last_errno(), "cannot open pid file " + path};
    if (::flock(fd.get(), LOCK_SH | LOCK_NB) == 0)
        return failure{make_error_code(errc::no_such_process),
                       fmt::format("postern does not run: nobody holds pid file {}", path)};
    const std::string text = content_of(fd.get());
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
    if (error != std::errc{} || end != text.data() + text.size() || pid <= 1)
        return failure{make_error_code(errc::invalid_argument),
                       fmt::format("pid file {} holds \"{}\", which is no process id", path, text)};
    return pid;
}

std::optional<master_signal> master_signal_named(std::string_view name) noexcept {
    if (name == "stop")
        return master_signal::stop;
    if (name == "quit")
        return master_signal::quit;
    if (name == "reload")
        return master_signal::reload;
    if (name == "reopen")
        return master_signal::reopen;
    return std::nullopt;
}

base::result<void> signal_master(const std::string& pid_file, master_signal what) {
    if (pid_file.empty())
        return failure{
            make_error_code(errc::invalid_argument),
            "the conf has no \"pid FILE;\"; add one, or use kill(1) with the master's id"};
    const auto pid = holder_of(pid_file);
    if (!pid)
        return pid.error();
    constexpr std::array<int, 4> numbers{SIGTERM, SIGQUIT, SIGHUP, SIGUSR1};
    if (::kill(*pid, numbers[static_cast<std::size_t>(what)]) != 0)
        return failure{base::last_errno(), fmt::format("cannot signal process {}", *pid)};
    return {};
}

} // namespace postern::edge
