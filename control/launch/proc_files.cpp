#include "control/launch/proc_files.hpp"

#include "base/file.hpp"
#include "base/unique_fd.hpp"
#include "control/launch/pidfd.hpp"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <set>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

namespace postern::control {
namespace {

constexpr std::size_t proc_file_bytes_max = 16UL * 1024 * 1024; // /proc/net/tcp of a busy host

template <class Number>
std::optional<Number> number(std::string_view text, int base = 10) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

std::string proc_path(pid_t pid, std::string_view file) {
    return "/proc/" + std::to_string(pid) + "/" + std::string{file};
}

template <class Visit>
void for_each_process(Visit&& visit) {
    std::error_code error;
    for (auto it = std::filesystem::directory_iterator{"/proc", error};
         !error && it != std::filesystem::directory_iterator{}; it.increment(error))
        if (const auto pid = number<pid_t>(it->path().filename().native()))
            visit(*pid);
}

bool is_dead(const process_stat& stat) {
    return stat.state == 'Z' || stat.state == 'X';
}

struct listener {
    std::uint16_t port = 0;
    std::uint64_t inode = 0;
};

/// Adds the listening sockets of one /proc/net/tcp file. False: it cannot be read.
bool add_listeners(const char* path, std::vector<listener>& found) {
    const auto text = base::read_file(path, proc_file_bytes_max);
    if (!text)
        return false;
    std::istringstream lines{*text};
    std::string line;
    std::getline(lines, line); // the heading
    while (std::getline(lines, line)) {
        std::istringstream words{line};
        std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
        if (!(words >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >>
              timeout >> inode) ||
            state != "0A")
            continue;
        const auto port = number<std::uint16_t>(
            std::string_view{local}.substr(std::min(local.size(), local.rfind(':') + 1)), 16);
        const auto id = number<std::uint64_t>(inode);
        if (port && id)
            found.push_back({*port, *id});
    }
    return true;
}

/// Adds the inodes of the sockets that a process has open. False: they cannot be read.
bool add_socket_inodes(pid_t pid, std::set<std::uint64_t>& inodes) {
    std::error_code error;
    auto it = std::filesystem::directory_iterator{proc_path(pid, "fd"), error};
    if (error)
        return error == std::errc::no_such_file_or_directory; // gone is fine
    for (; !error && it != std::filesystem::directory_iterator{}; it.increment(error)) {
        std::error_code gone;
        const std::string link = std::filesystem::read_symlink(it->path(), gone).native();
        constexpr std::string_view socket = "socket:[";
        if (gone || !link.starts_with(socket) || !link.ends_with(']'))
            continue;
        if (const auto inode = number<std::uint64_t>(
                std::string_view{link}.substr(socket.size(), link.size() - socket.size() - 1)))
            inodes.insert(*inode);
    }
    return true;
}

} // namespace

std::optional<process_stat> stat_of(pid_t pid) {
    const auto text = base::read_file(proc_path(pid, "stat"), 4096);
    if (!text)
        return std::nullopt;
    // The second field is the program's name in parentheses, with any bytes in it: read on from the
    // last ')'.
    const std::size_t after_name = text->rfind(')');
    if (after_name == std::string::npos)
        return std::nullopt;
    std::istringstream words{text->substr(after_name + 1)};
    process_stat stat;
    stat.pid = pid;
    words >> stat.state >> stat.parent >> stat.group;
    std::string skipped;
    for (int field = 6; field < 22; ++field)
        words >> skipped;
    words >> stat.start_time;
    if (!words)
        return std::nullopt;
    return stat;
}

std::optional<std::string> environment_of(pid_t pid, std::string_view name) {
    const auto block = base::read_file(proc_path(pid, "environ"), proc_file_bytes_max);
    if (!block)
        return std::nullopt;
    for (std::size_t begin = 0; begin < block->size();) {
        const std::size_t end = std::min(block->find('\0', begin), block->size());
        const std::string_view entry = std::string_view{*block}.substr(begin, end - begin);
        if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=')
            return std::string{entry.substr(name.size() + 1)};
        begin = end + 1;
    }
    return std::nullopt;
}

std::vector<marked_process> marked_processes(std::string_view prefix) {
    std::vector<marked_process> found;
    for_each_process([&](pid_t pid) {
        auto mark = environment_of(pid, launch_mark);
        if (!mark || !mark->starts_with(prefix))
            return;
        const auto stat = stat_of(pid);
        if (stat && !is_dead(*stat))
            found.push_back({pid, std::move(*mark)});
    });
    return found;
}

std::vector<pid_t> members_of(pid_t group, std::string_view mark) {
    std::vector<pid_t> found;
    for_each_process([&](pid_t pid) {
        const auto stat = stat_of(pid);
        if (!stat || is_dead(*stat))
            return;
        if ((group != 0 && stat->group == group) || environment_of(pid, launch_mark) == mark)
            found.push_back(pid);
    });
    return found;
}

void signal_marked(pid_t pid, std::string_view mark, int signal) {
    const base::unique_fd fd = open_pidfd(pid);
    // The descriptor pins the process; only then is its mark worth looking at.
    if (fd && environment_of(pid, launch_mark) == mark)
        signal_pidfd(fd, signal);
}

listening listening_on(std::uint16_t port, const std::vector<pid_t>& members) {
    listening answer;
    std::vector<listener> all;
    const bool v4 = add_listeners("/proc/net/tcp", all);
    const bool v6 = add_listeners("/proc/net/tcp6", all);
    answer.unknown = !v4 && !v6;
    std::set<std::uint64_t> inodes;
    for (const pid_t pid : members)
        if (!add_socket_inodes(pid, inodes))
            answer.unknown = true;
    for (const listener& l : all) {
        const bool own = inodes.contains(l.inode);
        if (l.port == port)
            (own ? answer.ours : answer.others) = true;
        else if (own)
            answer.elsewhere.push_back(l.port);
    }
    std::sort(answer.elsewhere.begin(), answer.elsewhere.end());
    answer.elsewhere.erase(std::unique(answer.elsewhere.begin(), answer.elsewhere.end()),
                           answer.elsewhere.end());
    return answer;
}

} // namespace postern::control
