// What another program says on its standard output, within a time and a size.
#pragma once

#include "base/error.hpp"

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace postern::sync::aws {

/// A command line's words: blanks part them; '...' and "..." hold blanks, in the latter and outside
/// a backslash takes the next character as it is. No shell: nothing is expanded. Nothing: a quote
/// is open at the end.
[[nodiscard]] std::optional<std::vector<std::string>> words_of(std::string_view command_line);

struct child_limits {
    std::chrono::milliseconds time{30'000};
    std::size_t output_bytes_max = 64 * 1024;
};

/// Runs words[0] (looked up in PATH) and gives its output once it has ended with status 0. Its
/// input is empty, its error output is dropped: it may hold secrets. It, and all that it started in
/// its process group, is killed where it takes too long or says too much. Requires: a word. Errors:
/// misconfigured (not started, another status, too much), down (too long), cancelled.
[[nodiscard]] base::result<std::string> output_of(const std::vector<std::string>& words,
                                                  const child_limits& limits,
                                                  const std::stop_token& stop);

} // namespace postern::sync::aws
