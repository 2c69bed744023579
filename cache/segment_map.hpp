// A table file mapped into this process.
#pragma once

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "cache/segment.hpp"
#include "cache/table_file.hpp"
#include "cache/table_view.hpp"

#include <boost/interprocess/mapped_region.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace postern::cache {

/// Owns the mapping and, for a writer, the lock. The address stays the same for as long as it
/// lives, so views into it may be copied. Thread-safe once made.
class segment {
  public:
    enum class role { reader, writer };

    /// Errors: those of open_table_file and identify; writer_busy; mmap(2)'s.
    [[nodiscard]] static base::result<std::unique_ptr<segment>> map(const std::string& path,
                                                                    role as);

    [[nodiscard]] const table_view& view() const noexcept { return view_; }
    /// As it was when the file was opened.
    [[nodiscard]] const table_identity& identity() const noexcept { return identity_; }
    /// A writer's descriptor; -1 for a reader.
    [[nodiscard]] int file() const noexcept { return fd_.get(); }

  private:
    segment(base::unique_fd fd, boost::interprocess::mapped_region region,
            const table_identity& identity, const table_view& view) noexcept
        : fd_{std::move(fd)}, region_{std::move(region)}, identity_{identity}, view_{view} {}

    base::unique_fd fd_; // a writer's: holds the lock
    boost::interprocess::mapped_region region_;
    table_identity identity_;
    table_view view_;
};

} // namespace postern::cache
