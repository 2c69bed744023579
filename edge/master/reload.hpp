// What a new conf can change while postern runs, and what has to wait for a restart.
#pragma once

#include "edge/settings/settings.hpp"

#include <string>
#include <vector>

namespace postern::edge {

/// Puts the running values of all that only a restart can change (session_table, user, pid_file)
/// into `next`, and returns a sentence for each that differed. Everything else of `next` stays.
[[nodiscard]] std::vector<std::string> carry_over(const settings& running, settings& next);

} // namespace postern::edge
