// The log files of one generation: opened by the master, written by all its children.
#pragma once

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "edge/settings/settings.hpp"

#include <string>

namespace postern::edge {

/// Opened to append, so that many processes write whole lines and a file cut short by logrotate's
/// copytruncate goes on.
class log_files {
  public:
    log_files() = default;
    /// Errors: open(2)'s, with the directive and the path in the sentence.
    [[nodiscard]] static base::result<log_files> open(const settings& conf);

    [[nodiscard]] int error_fd() const noexcept { return error_ ? error_.get() : error_std_; }
    /// -1: off.
    [[nodiscard]] int access_fd() const noexcept { return access_ ? access_.get() : access_std_; }

  private:
    base::unique_fd error_;
    base::unique_fd access_;
    int error_std_ = 2;
    int access_std_ = -1;
};

} // namespace postern::edge
