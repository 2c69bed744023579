// The read path over a mapped table: no lock, no system call, no waiting.
#pragma once

#include "cache/slot_image.hpp"
#include "cache/table_view.hpp"

#include <cstdint>
#include <string_view>

namespace postern::cache {

/// What one attempt to take a slot's content found.
enum class slot_read {
    good,  // a whole published content
    moved, // the index entry or the slot changed meanwhile: look at the entry again
    bad,   // damaged: checksum, sequence, size or slot number cannot be
};

/// Copies the slot that `seen`, an earlier value of `entry`, points to. Good means: at one moment
/// during the call `entry` was `seen` and its slot held what `image` now holds.
[[nodiscard]] slot_read read_slot(const table_view& table, std::uint64_t& entry, std::uint64_t seen,
                                  slot_image& image) noexcept;

/// What a look-up came to.
struct look_up_result {
    bool found = false;
    std::uint32_t bad_slots = 0; // damaged ones met on the way
};

/// Requires: `hash` is the table's hash of `key`.
[[nodiscard]] look_up_result look_up(const table_view& table, std::string_view key,
                                     std::uint64_t hash, route& out) noexcept;

} // namespace postern::cache
