// The bearer token of the session API: a file that only its owner can read.
#pragma once

#include "base/error.hpp"

#include <string>

namespace postern::edge {

/// The token in `path`; made there (32 random bytes as hex, mode 0600) when there is no such file.
/// Errors: invalid_argument with a sentence when others can read the file, or its content is no
/// token (16 to 512 printable characters on one line); the system's.
[[nodiscard]] base::result<std::string> control_token(const std::string& path);

} // namespace postern::edge
