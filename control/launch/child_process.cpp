#include "control/launch/child_process.hpp"

#include "control/launch/pidfd.hpp"
#include "control/launch/proc_files.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace postern::control {
namespace {

using base::failure;

base::error_code code_of(int number) {
    return {number, boost::system::system_category()};
}

std::vector<std::string>
environment_with(const std::vector<std::pair<std::string, std::string>>& added) {
    std::map<std::string, std::string> all;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text{*entry};
        const std::size_t equals = text.find('=');
        if (equals != std::string_view::npos)
            all[std::string{text.substr(0, equals)}] = text.substr(equals + 1);
    }
    for (const auto& [name, value] : added)
        all[name] = value;
    std::vector<std::string> out;
    out.reserve(all.size());
    for (const auto& [name, value] : all)
        out.push_back(fmt::format("{}={}", name, value));
    return out;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> out;
    out.reserve(texts.size() + 1);
    for (std::string& text : texts)
        out.push_back(text.data());
    out.push_back(nullptr);
    return out;
}

/// Owners of posix_spawn's two opaque structs. Their calls fail only for lack of memory, which exec
/// would report too.
class spawn_settings {
  public:
    explicit spawn_settings(const program& what, int output) {
        ::posix_spawnattr_init(&attributes_);
        ::posix_spawn_file_actions_init(&actions_);
        sigset_t all, none;
        ::sigfillset(&all);
        ::sigemptyset(&none);
        ::posix_spawnattr_setsigdefault(&attributes_, &all);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setpgroup(&attributes_, 0);
        ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                                     POSIX_SPAWN_SETSIGMASK);
        ::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
        ::posix_spawn_file_actions_adddup2(&actions_, output, 1);
        ::posix_spawn_file_actions_adddup2(&actions_, output, 2);
        ::posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
        if (!what.directory.empty())
            ::posix_spawn_file_actions_addchdir_np(&actions_, what.directory.c_str());
    }
    spawn_settings(const spawn_settings&) = delete;
    spawn_settings& operator=(const spawn_settings&) = delete;
    ~spawn_settings() {
        ::posix_spawn_file_actions_destroy(&actions_);
        ::posix_spawnattr_destroy(&attributes_);
    }
    [[nodiscard]] const posix_spawnattr_t* attributes() const { return &attributes_; }
    [[nodiscard]] const posix_spawn_file_actions_t* actions() const { return &actions_; }

  private:
    posix_spawnattr_t attributes_{};
    posix_spawn_file_actions_t actions_{};
};

} // namespace

base::result<child_process> spawn(const program& what) {
    // exec's error would not say whether the directory or the program is missing.
    struct stat info {};
    if (!what.directory.empty() && ::stat(what.directory.c_str(), &info) != 0)
        return failure{base::last_errno(), "directory " + what.directory};
    const base::unique_fd output{::open(
        what.output_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!output)
        return failure{base::last_errno(), what.output_path};

    std::vector<std::string> arguments = what.command;
    std::vector<std::string> variables = environment_with(what.environment);
    const spawn_settings settings{what, output.get()};
    child_process child;
    const int error = ::posix_spawnp(&child.pid, arguments.front().c_str(), settings.actions(),
                                     settings.attributes(), pointers_to(arguments).data(),
                                     pointers_to(variables).data());
    if (error != 0)
        return failure{code_of(error), "cannot run " + arguments.front()};
    // Our child, not yet waited for: its pid cannot have been given to another.
    child.pidfd = open_pidfd(child.pid);
    const auto stat = stat_of(child.pid);
    if (!child.pidfd || !stat) {
        const failure reason{child.pidfd ? code_of(ENOENT) : base::last_errno(),
                             "cannot watch " + arguments.front()};
        ::kill(-child.pid, SIGKILL);
        ::waitpid(child.pid, nullptr, 0);
        return reason;
    }
    child.start_time = stat->start_time;
    return child;
}

base::result<child_process> find_process(pid_t pid, std::uint64_t start_time) {
    const failure gone{code_of(ESRCH), fmt::format("process {} is gone", pid)};
    child_process found;
    found.pid = pid;
    found.start_time = start_time;
    found.is_own = false;
    if (pid > 1)
        found.pidfd = open_pidfd(pid);
    if (!found.pidfd)
        return gone;
    const auto stat = stat_of(pid);
    if (!stat || stat->start_time != start_time || stat->state == 'Z' || stat->state == 'X')
        return gone;
    found.is_own = stat->parent == ::getpid();
    return found;
}

std::string ending_of(const child_process& child) {
    siginfo_t info{};
    if (!child.is_own ||
        ::waitid(P_PIDFD, static_cast<id_t>(child.pidfd.get()), &info,
                 WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid == 0)
        return "ended";
    if (info.si_code == CLD_EXITED)
        return fmt::format("exited with status {}", info.si_status);
    return fmt::format("was killed by signal {} ({})", info.si_status,
                       ::strsignal(info.si_status)); // one thread calls this
}

void reap(child_process& child) noexcept {
    siginfo_t info{};
    if (child.is_own && child.pidfd)
        ::waitid(P_PIDFD, static_cast<id_t>(child.pidfd.get()), &info, WEXITED | WNOHANG);
    child.pidfd.reset();
}

} // namespace postern::control
