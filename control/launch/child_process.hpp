// Starting one program in a process group of its own, and knowing it again later.
#pragma once

#include "base/error.hpp"
#include "base/unique_fd.hpp"

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace postern::control {

struct program {
    std::vector<std::string> command; // program and arguments; not empty
    std::string directory;            // empty: the current one
    std::vector<std::pair<std::string, std::string>> environment; // over this process's own
    std::string output_path; // stdout and stderr are appended there; made with mode 0600
};

/// A running program by identity: the pidfd stays with the process that was meant, whatever becomes
/// of its pid.
struct child_process {
    pid_t pid = 0;                // and its process group
    std::uint64_t start_time = 0; // /proc/PID/stat field 22
    base::unique_fd pidfd;        // readable once it has ended
    bool is_own = true;           // our child: its exit status is ours to collect
};

/// Starts the program: own process group, default signals, stdin from /dev/null, no other
/// descriptors. Errors: open, chdir or exec failed; the sentence names the file.
[[nodiscard]] base::result<child_process> spawn(const program& what);

/// The process `pid` if it is the one that started at `start_time`. Errors: no_such_process.
[[nodiscard]] base::result<child_process> find_process(pid_t pid, std::uint64_t start_time);

/// How an ended child of ours ended: "exited with status 1", "was killed by signal 9 (Killed)"; of
/// another's, only "ended". A child of ours stays a zombie, which keeps its pid and its group's
/// number from being used again, until `reap`.
[[nodiscard]] std::string ending_of(const child_process& child);
void reap(child_process& child) noexcept;

} // namespace postern::control
