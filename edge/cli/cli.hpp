// The command line's entry: reads arguments, does what they say, gives the exit code.
#pragma once

#include "edge/cli/arguments.hpp"
#include "edge/settings/settings.hpp"

#include <iosfwd>
#include <string>
#include <vector>

namespace postern::edge {

inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 64; // EX_USAGE

/// Where a command writes: what was asked for, and what went wrong.
struct console {
    std::ostream& out;
    std::ostream& err;

    /// One line "postern: SENTENCE" on `err`; returns `exit_code`.
    [[nodiscard]] int refuse(int exit_code, const std::string& sentence) const;
};

/// `words` are the arguments without the program's name. Requires: no other thread runs (it may
/// become the master).
[[nodiscard]] int run_command_line(const std::vector<std::string>& words, const console& to);

// The commands, a file each.
[[nodiscard]] int run_sessions(const command_line& line, const settings& conf, const console& to);
[[nodiscard]] int run_store(const command_line& line, const settings& conf, const console& to);
[[nodiscard]] int run_table(const command_line& line, const settings& conf, const console& to);
[[nodiscard]] int run_explain(const command_line& line, const settings& conf, const console& to);

} // namespace postern::edge
