// One JSON string, where a whole document would be too much.
#pragma once

#include <string>
#include <string_view>

namespace postern::base {

/// With its quotes (RFC 8259 7). Bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string json_string(std::string_view text);

} // namespace postern::base
