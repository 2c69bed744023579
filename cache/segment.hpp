// The mapped file itself: made at its full size, checked when opened, set aside when it is not
// ours.
#pragma once

#include "base/error.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <sys/types.h>

namespace postern::cache {

/// What is wrong with a table file or a request to it.
enum class error {
    bad_magic = 1, // not a session table
    other_layout,  // a session table of another version or build
    bad_header,    // header checksum wrong
    truncated,     // shorter than its header says
    writer_busy,   // another process writes this table
    not_a_file,    // a directory, a FIFO, a symlink, or owned by someone else
    replaced,      // deleted, or another file put in its place, while it was in use
};
[[nodiscard]] const boost::system::error_category& error_category() noexcept;
[[nodiscard]] inline boost::system::error_code make_error_code(error e) noexcept {
    return {static_cast<int>(e), error_category()};
}

/// What became of the file in `prepare`.
enum class prepared { opened, created, rebuilt };

/// Whom a new table file is given to; for a master that runs as root and workers that do not.
struct file_owner {
    uid_t uid = static_cast<uid_t>(-1); // -1: left as it is
    gid_t gid = static_cast<gid_t>(-1);
    [[nodiscard]] bool given() const noexcept {
        return uid != static_cast<uid_t>(-1) || gid != static_cast<gid_t>(-1);
    }
};

/// Makes sure that `path` is a good table of `capacity` sessions: opens it if it is (warm start),
/// creates it if there is none, and sets a bad or differently sized one aside as PATH.bad and
/// creates anew. Space is allocated in full, so that a full disk is an error here and never a
/// SIGBUS later. Run by master before the fork. Mode 0600. Errors: the system's (ENOSPC, EACCES,
/// invalid_argument for a capacity of 0 or above capacity_max, ...), not_a_file, writer_busy when a
/// table that is in use would have to be set aside; the old file is then untouched.
[[nodiscard]] base::result<prepared> prepare(const std::string& path, std::uint64_t capacity,
                                             const file_owner& owner = {});

/// `prepare` for a table that was lost while postern runs. Others may still have it mapped: what is
/// set aside is cut to nothing, so that they end at the next touch (SIGBUS) and, started again,
/// open the new one. Run by sync, which could not open it. Errors: as prepare.
[[nodiscard]] base::result<prepared> replace_lost(const std::string& path, std::uint64_t capacity);

} // namespace postern::cache

template <>
struct boost::system::is_error_code_enum<postern::cache::error> : std::true_type {};
