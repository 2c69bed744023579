// The master process: loads the conf, owns sockets, the mapped file and the children, and reads no
// peer's bytes.
#pragma once

#include "base/error.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace postern::edge {

/// Exit codes of `postern`: sysexits(3) where it has one.
inline constexpr int exit_ok = 0;
inline constexpr int exit_cannot_start = 1; // a port is taken, a folder is missing, ...
inline constexpr int exit_bad_conf = 78;    // EX_CONFIG

/// Runs postern in the foreground with this conf until it is told to stop, and returns the exit
/// code. What keeps it from starting is one line on stderr. Call it once, from main, with no other
/// thread running. Signals: TERM, INT stop at once; QUIT after the requests in flight; HUP loads
/// the conf again; USR1 opens the log files again.
[[nodiscard]] int run_master(const std::string& conf_file);

enum class master_signal { stop, quit, reload, reopen };

/// The signal with this name (`postern -s NAME`), or nothing.
[[nodiscard]] std::optional<master_signal> master_signal_named(std::string_view name) noexcept;

/// Sends `what` to the master that holds `pid_file`; does not wait for what comes of it.
/// Errors: no_such_process when nobody holds the file (a stale one is no target), invalid_argument
/// when `pid_file` is empty or its content is no process id, or the system's (EPERM, ...). Nothing
/// was sent then.
[[nodiscard]] base::result<void> signal_master(const std::string& pid_file, master_signal what);

} // namespace postern::edge
