// Files that one master holds locked for as long as it lives: they tell others that it is there,
// and who it is.
#pragma once

#include "base/error.hpp"
#include "base/unique_fd.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace postern::edge {

/// How a lock file is made, and what its errors say.
struct lock_file_kind {
    std::string name; // what the file is, for sentences: "pid file"
    mode_t mode = 0600;
    /// The sentence for one that another process holds; takes the file's content, which is its id.
    std::function<std::string(std::string_view)> taken;
};

/// Makes or takes over `path`, locks it and writes this process's id into it. The lock goes with
/// the descriptor, however its process dies; children must not inherit it: the lock would outlive
/// us. Errors: device_or_resource_busy with the sentence of `taken`, or the system's.
[[nodiscard]] base::result<base::unique_fd> lock_file(const std::string& path,
                                                      const lock_file_kind& kind);

/// What a lock file says of its holder, without the end of its line.
[[nodiscard]] std::string content_of_lock_file(int fd);

} // namespace postern::edge
