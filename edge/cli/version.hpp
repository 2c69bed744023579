// The version of this source; a test compares it with the build's.
#pragma once

#include <string_view>

namespace postern::edge {

inline constexpr std::string_view version = "0.1.0";

} // namespace postern::edge
