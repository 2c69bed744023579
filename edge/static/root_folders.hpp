// Open root folders, kept for a moment: under load, a root is opened some times a second and not
// for every request.
#pragma once

#include "base/unique_fd.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <string>

namespace postern::edge {

/// A worker has one. A name may lead to another folder the next moment (a new release is put in
/// place by renaming or by moving a link): what is kept is believed for `kept_for` only, and not at
/// all where a file is missing in it (`reopen`). At most `folders_max` descriptors.
class root_folders {
  public:
    using time = std::chrono::steady_clock::time_point;
    static constexpr std::size_t folders_max = 16;
    static constexpr std::chrono::milliseconds kept_for{100};

    struct opened {
        int fd = -1;       // stays this object's; until the next call. -1: see error
        bool kept = false; // opened for an earlier request
        int error = 0;     // errno of open(2)
    };

    /// The folder `path`, O_PATH.
    [[nodiscard]] opened open(const std::string& path, time now);
    /// The same, opened now.
    [[nodiscard]] opened reopen(const std::string& path, time now);
    /// Closes what is too old to be believed, so that an idle worker keeps no file system busy.
    void sweep(time now) noexcept;

  private:
    struct entry {
        std::string path;
        base::unique_fd fd;
        time since{};
    };
    [[nodiscard]] entry* find(const std::string& path) noexcept;

    std::array<entry, folders_max> entries_;
    std::size_t next_ = 0; // whose place a new one takes
};

} // namespace postern::edge
