// A table file read by pread(2) and not through a mapping: a file that someone cuts short meanwhile
// is then a short read and no SIGBUS. For the tools of inspect.hpp.
#pragma once

#include "base/error.hpp"
#include "cache/slot_image.hpp"
#include "cache/table_file.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace postern::cache {

/// Does not own its descriptor. Every call's errors: read(2)'s, and truncated when the file has
/// become shorter.
class table_reading {
  public:
    /// Requires: `identity` is what `identify` said of `fd`.
    table_reading(int fd, const table_identity& identity, std::string path);

    [[nodiscard]] const geometry& shape() const noexcept { return shape_; }
    [[nodiscard]] hash_key key() const noexcept { return key_; }

    [[nodiscard]] base::result<void> header_into(file_header& to) const;
    [[nodiscard]] base::result<std::vector<bucket>> index() const;
    /// The entry as it is now; `index` may be older.
    [[nodiscard]] base::result<std::uint64_t> entry(std::uint64_t place) const;
    [[nodiscard]] base::result<activity_line> line(std::uint64_t place) const;
    /// True: a whole route. Requires: the entry's slot number is in range.
    [[nodiscard]] base::result<bool> slot_into(std::uint64_t entry, slot_image& image) const;

  private:
    [[nodiscard]] base::result<void> read(std::uint64_t offset, void* to, std::size_t bytes) const;

    int fd_;
    geometry shape_;
    hash_key key_;
    std::string path_;
};

} // namespace postern::cache
