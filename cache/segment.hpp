// The mapped file itself: made at its full size, checked when opened, set aside when it is not ours.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.hpp"

namespace postern::cache {

/// What is wrong with a table file or a request to it.
enum class error {
    bad_magic = 1, // not a session table
    other_layout,  // a session table of another version or build
    bad_header,    // header checksum wrong
    truncated,     // shorter than its header says
    writer_busy,   // another process writes this table
    not_a_file,    // a directory, a FIFO, a symlink, or owned by someone else
};
[[nodiscard]] const boost::system::error_category& error_category() noexcept;
[[nodiscard]] inline boost::system::error_code make_error_code(error e) noexcept {
    return {static_cast<int>(e), error_category()};
}

/// What became of the file in `prepare`.
enum class prepared { opened, created, rebuilt };

/// Makes sure that `path` is a good table of `capacity` sessions: opens it if it is (warm start), creates it if there is
/// none, and sets a bad or differently sized one aside as PATH.bad and creates anew. Space is allocated in full, so that
/// a full disk is an error here and never a SIGBUS later. Run by master before the fork. Mode 0600.
/// Errors: the system's (ENOSPC, EACCES, ...), not_a_file; the old file is then untouched.
[[nodiscard]] base::result<prepared> prepare(const std::string& path, std::uint64_t capacity);

} // namespace postern::cache

template <>
struct boost::system::is_error_code_enum<postern::cache::error> : std::true_type {};
