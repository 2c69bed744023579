#include "edge/master/child_process.hpp"

#include "base/file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace postern::edge {
namespace {

constexpr int exit_broken = 70; // EX_SOFTWARE

void nothing(int) {}

/// Handlers and not SIG_IGN: exec(2) takes handlers back to the default, so that control's children
/// can be ended.
void take_own_signals() {
    struct sigaction act {};
    act.sa_handler = nothing;
    act.sa_flags = SA_RESTART;
    for (const int number :
         std::array{SIGINT, SIGQUIT, SIGHUP, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM})
        ::sigaction(number, &act, nullptr);
    act.sa_handler = SIG_DFL;
    ::sigaction(SIGCHLD, &act, nullptr);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void close_others(std::vector<int> keep) {
    std::sort(keep.begin(), keep.end());
    unsigned first = STDERR_FILENO + 1;
    for (const int fd : keep) {
        const auto kept = static_cast<unsigned>(fd);
        if (fd < 0 || kept < first)
            continue;
        if (kept > first)
            ::close_range(first, kept - 1, 0);
        first = kept + 1;
    }
    ::close_range(first, ~0U, 0);
}

/// Field `number` (from 1) of /proc/self/stat that is past the name, as an address; nullptr when it
/// is not to be had.
char* address_in_stat(std::string_view stat, int number) {
    const std::size_t name_end = stat.rfind(')');
    if (name_end == std::string_view::npos)
        return nullptr;
    stat.remove_prefix(name_end + 2);
    for (int field = 3; field < number; ++field) {
        const std::size_t space = stat.find(' ');
        if (space == std::string_view::npos)
            return nullptr;
        stat.remove_prefix(space + 1);
    }
    std::uintptr_t address = 0;
    std::from_chars(stat.data(), stat.data() + stat.size(), address);
    return reinterpret_cast<char*>(address); // NOLINT(performance-no-int-to-ptr): proc(5) has it so
}

/// As `ps` shows it. Only the place of the old arguments is written to; the environment behind it
/// is still in use.
void set_title(const std::string& title) {
    const std::string comm = "postern:" + title.substr(0, 1) + title.substr(title.find(' ') + 1);
    const bool numbered = title.find(' ') != std::string::npos;
    ::prctl(PR_SET_NAME, numbered ? comm.c_str() : ("postern:" + title).c_str());
    const auto stat = base::read_file("/proc/self/stat", 4096);
    if (!stat)
        return;
    char* const begin = address_in_stat(*stat, 48); // arg_start, proc(5)
    char* const end = address_in_stat(*stat, 49);   // arg_end
    if (begin == nullptr || end <= begin)
        return;
    const std::string text = "postern: " + title;
    const auto room = static_cast<std::size_t>(end - begin);
    std::memset(begin, 0, room);
    // NOLINTNEXTLINE(bugprone-not-null-terminated-result): the zeros are there
    std::memcpy(begin, text.data(), std::min(text.size(), room - 1));
}

[[noreturn]] void be(const child_duty& duty, pid_t master) {
    take_own_signals();
    close_others(duty.keep);
    set_title(duty.title);
    if (duty.who) {
        if (const auto became = become(*duty.who); !became) {
            std::fprintf(stderr, "postern: %s\n", became.error().text().c_str());
            ::_exit(exit_broken);
        }
    }
    if (duty.stays_unprivileged)
        ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    // After the change of user, which takes it back.
    if (duty.killed_with_master)
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != master)
        ::_exit(exit_broken);
    try {
        ::_exit(duty.run());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "postern: %s ended by an exception: %s\n", duty.title.c_str(),
                     error.what());
    }
    ::_exit(exit_broken);
}

} // namespace

base::result<pid_t> fork_child(const child_duty& duty) {
    const pid_t master = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0)
        return base::failure{base::last_errno(), "cannot fork " + duty.title};
    if (pid == 0)
        be(duty, master);
    return pid;
}

} // namespace postern::edge
