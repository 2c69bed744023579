// A file with secrets of one line each that only its owner can read: made on the first start.
#pragma once

#include "base/error.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace postern::edge {

/// What a secret file is called in messages, and what may stand in it.
struct secret_rule {
    std::string_view directive;
    std::size_t lines_max = 1;
    std::size_t bytes_min = 16; // of a line
    std::string_view what;      // "one line of 16 to 512 printable characters"
};
inline constexpr std::size_t secret_bytes_max = 512; // of a line

/// The secrets in `path`, in order; made there (32 random bytes as hex, mode 0600) when there is no
/// such file. Errors: invalid_argument with a sentence when others can read the file, or its
/// content is not what `rule` says; the system's.
[[nodiscard]] base::result<std::vector<std::string>> read_secret_file(const std::string& path,
                                                                      const secret_rule& rule);

} // namespace postern::edge
