// The pid file: one master holds it locked for as long as it lives, so that a second one on the
// same conf is refused and a file left behind by a dead one is recognised.
#pragma once

#include "base/error.hpp"
#include "base/unique_fd.hpp"

#include <string>
#include <sys/types.h>

namespace postern::edge {

/// Holds the file locked and removes it when it goes. Children must not inherit the descriptor: the
/// lock would outlive us.
class pid_file {
  public:
    /// No file at all.
    pid_file() = default;
    /// Creates or takes over `path` and writes this process's id into it; an empty path is no file.
    /// Errors: device_or_resource_busy (another postern holds it; its id is in the sentence), or
    /// the system's.
    [[nodiscard]] static base::result<pid_file> take(const std::string& path);
    pid_file(pid_file&&) noexcept = default;
    pid_file& operator=(pid_file&& other) noexcept;
    ~pid_file();

  private:
    pid_file(std::string path, base::unique_fd fd) : path_{std::move(path)}, fd_{std::move(fd)} {}
    void remove() noexcept;
    std::string path_;
    base::unique_fd fd_;
};

/// The process that holds `path`. Errors: no_such_process when nobody does, invalid_argument when
/// the content is no process id, or the system's.
[[nodiscard]] base::result<pid_t> holder_of(const std::string& path);

} // namespace postern::edge
