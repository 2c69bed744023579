// What `postern -t` looks at besides the conf itself: the files and folders that a start would
// need.
#pragma once

#include "edge/settings/settings.hpp"

#include <string>
#include <vector>

namespace postern::edge {

/// What would keep postern from starting with this conf, a sentence each. Asks the start's own
/// checks; nothing is made, and a postern that runs is not disturbed. Not looked at: whether the
/// addresses can be listened at, since a running postern has them.
[[nodiscard]] std::vector<std::string> start_obstacles(const settings& conf);

} // namespace postern::edge
