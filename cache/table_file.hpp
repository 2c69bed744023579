// The table as a file: opening it without being led astray, judging its header, making a new one,
// and the writer's lock.
#pragma once

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "cache/hash.hpp"
#include "cache/layout.hpp"
#include "cache/segment.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <sys/stat.h>

namespace postern::cache {

/// What a good header says.
struct table_identity {
    geometry shape;
    hash_key key;
    std::array<std::uint64_t, fixed_header_words + 1> fixed{}; // its words, checksum included
};

/// Opens an existing table file without following a symlink or waiting for a FIFO. `flags`:
/// O_RDONLY or O_RDWR. Errors: not_a_file (also when others could write it, or own it); open(2)'s.
[[nodiscard]] base::result<base::unique_fd> open_table_file(const std::string& path, int flags);

/// Reads the header and the file's size and believes neither. Errors: bad_magic, other_layout,
/// bad_header, truncated; pread(2)'s.
[[nodiscard]] base::result<table_identity> identify(int fd, const std::string& path);

/// Makes an empty table at `beside`, of its full size on the disk, locked as by a writer until the
/// descriptor is closed. Errors: writer_busy when another process is making one; the system's.
/// `beside` is then gone.
[[nodiscard]] base::result<base::unique_fd>
make_table_file(const std::string& beside, std::uint64_t capacity, const file_owner& owner);

/// Gives the file its size and allocates every block of it, so that a store into the mapping never
/// finds a hole on a full disk; of the texts, as many as `text_groups` and what comes with them.
/// Errors: ENOSPC and others of posix_fallocate(3).
[[nodiscard]] base::result<void> allocate(int fd, const geometry& shape, std::uint64_t text_groups,
                                          const std::string& path);
/// A part of the file, within its size. No range is looked at twice for nothing: tmpfs goes through
/// it page by page.
[[nodiscard]] base::error_code allocate(int fd, std::uint64_t from, std::uint64_t to) noexcept;
/// What the header says of it, whether or not it can be; 0: it cannot be read.
[[nodiscard]] std::uint64_t text_groups_used(int fd) noexcept;

/// Takes the single writer's lock (an open-file-description lock: it goes with the descriptor,
/// however its process dies). Errors: writer_busy.
[[nodiscard]] base::result<void> lock_for_writing(int fd, const std::string& path);
/// Whether some writer holds the lock now. Takes no lock itself, so it disturbs nobody.
[[nodiscard]] bool has_writer(int fd) noexcept;

} // namespace postern::cache
