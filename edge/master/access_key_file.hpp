// The keys that links to sessions are signed with: a file that only its owner can read.
#pragma once

#include "base/access_token.hpp"
#include "base/error.hpp"

#include <string>

namespace postern::edge {

/// The keys in `path`, the signing one first; made there when there is no such file. Errors: those
/// of read_secret_file.
[[nodiscard]] base::result<base::access_keys> read_access_keys(const std::string& path);

} // namespace postern::edge
