// Whole files: read one, replace one so that a reader never sees half of it.
#pragma once

#include "base/error.hpp"

#include <string>
#include <string_view>
#include <sys/types.h>

namespace postern::base {

/// The file's content. Errors: open(2), read(2); file_too_large past `bytes_max`.
[[nodiscard]] result<std::string> read_file(const std::string& path, std::size_t bytes_max);

/// Writes `content` beside `path`, syncs it and renames it over `path`.
/// Errors: open(2), write(2), fsync(2), rename(2); `path` is then as it was.
[[nodiscard]] result<void> replace_file(const std::string& path, std::string_view content,
                                        mode_t mode);

/// All bytes of `content` into `fd`, however many writes it takes. Errors: write(2).
[[nodiscard]] result<void> write_all(int fd, std::string_view content);

} // namespace postern::base
