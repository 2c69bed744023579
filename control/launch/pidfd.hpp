// pidfd calls by number: glibc 2.36 declares them without C linkage, so that C++ cannot link to
// them.
#pragma once

#include "base/unique_fd.hpp"

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

namespace postern::control {

/// Close-on-exec; readable once the process has ended. None when there is no such process.
[[nodiscard]] inline base::unique_fd open_pidfd(pid_t pid) noexcept {
    return base::unique_fd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U))};
}

inline void signal_pidfd(const base::unique_fd& fd, int signal) noexcept {
    ::syscall(SYS_pidfd_send_signal, fd.get(), signal, nullptr, 0U);
}

} // namespace postern::control
