// What /proc says about processes: who belongs to a launch, and who listens on a port. Read by the
// process launcher. Source: proc(5). Where /proc is missing or closed, the answers are empty or
// `unknown`, never an error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace postern::control {

struct process_stat {
    pid_t pid = 0;
    pid_t parent = 0;
    pid_t group = 0;
    char state = '?'; // 'Z' and 'X' are dead
    std::uint64_t start_time =
        0; // clock ticks after boot; tells a reused pid from the one that was meant
};

[[nodiscard]] std::optional<process_stat> stat_of(pid_t pid);

/// The value of an environment variable as it was at exec; nothing when unset or not to be read.
[[nodiscard]] std::optional<std::string> environment_of(pid_t pid, std::string_view name);

/// The environment variable that marks every process of a launch, so that those which left its
/// group are found too.
inline constexpr std::string_view launch_mark = "POSTERN_LAUNCH";

struct marked_process {
    pid_t pid = 0;
    std::string mark; // the variable's value
};
/// Living processes whose mark begins with `prefix`.
[[nodiscard]] std::vector<marked_process> marked_processes(std::string_view prefix);

/// Living processes of a launch: those with exactly this mark, and, where `group` is not 0, those
/// of that group.
[[nodiscard]] std::vector<pid_t> members_of(pid_t group, std::string_view mark);

/// Sends a signal to one process if it still carries the mark; a pid that was reused meanwhile is
/// left alone.
void signal_marked(pid_t pid, std::string_view mark, int signal);

struct listening {
    bool ours = false;    // one of the members listens on the port
    bool others = false;  // somebody else does
    bool unknown = false; // a member's descriptors cannot be read, or /proc/net cannot
    std::vector<std::uint16_t> elsewhere; // other ports on which the members listen
};
[[nodiscard]] listening listening_on(std::uint16_t port, const std::vector<pid_t>& members);

} // namespace postern::control
