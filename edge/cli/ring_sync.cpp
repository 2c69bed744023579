#include "edge/cli/ring_sync.hpp"

#include "base/file.hpp"
#include "base/unique_fd.hpp"
#include "cache/layout.hpp"
#include "cache/session_reader.hpp"

#include <fmt/format.h>

#include <csignal>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

namespace postern::edge {

void ring_sync(const std::string& table_path) {
    const auto table = cache::session_reader::open(table_path, cache::master_process_slot);
    if (!table)
        return;
    const auto pid = static_cast<pid_t>(table->status().sync_pid);
    if (pid <= 1)
        return;
    // The descriptor first, then the name: the process that is signalled is the one that was
    // looked at, whoever gets its number.
    // (By number: Debian 12's <sys/pidfd.h> is no C++ header.)
    const base::unique_fd process{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
    if (!process)
        return;
    // A table outlives its postern; a stranger would die of the signal.
    const auto name = base::read_file(fmt::format("/proc/{}/comm", pid), 64);
    if (name && *name == "postern:sync\n")
        ::syscall(SYS_pidfd_send_signal, process.get(), SIGUSR1, nullptr, 0);
}

} // namespace postern::edge
