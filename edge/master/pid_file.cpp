#include "edge/master/pid_file.hpp"

#include "edge/master/lock_file.hpp"
#include "edge/master/master.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <utility>

namespace postern::edge {
namespace {

using base::failure;
using boost::system::errc::make_error_code;
namespace errc = boost::system::errc;

} // namespace

base::result<pid_file> pid_file::take(const std::string& path) {
    if (path.empty())
        return pid_file{};
    auto fd = lock_file(path, {"pid file", 0644, [&](std::string_view holder) {
                                   return fmt::format(
                                       "postern runs already as process {} with pid file {}; stop "
                                       "it (postern -s stop). A second postern beside it needs a "
                                       "pid file, a session_table and a store of its own",
                                       holder, path);
                               }});
    if (!fd)
        return fd.error();
    return pid_file{path, std::move(*fd)};
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
    const std::string text = content_of_lock_file(fd.get());
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
