// One slot's content as a private copy: what a reader takes out and what the writer puts in.
#pragma once

#include "cache/layout.hpp"
#include "cache/route.hpp"

#include <cstdint>
#include <string_view>

namespace postern::cache {

/// Words of one slot. `seal`'s sequence belongs to the table; the rest is content. Always a whole
/// copy: nothing in it can change while it is looked at.
struct slot_image {
    alignas(64) std::uint64_t words[slot_words];

    /// How many words are content, from what `shape` claims; 0 when it claims more than a slot
    /// holds.
    [[nodiscard]] std::size_t used_words() const noexcept;
    /// Whether the copy is what a writer finished in slot `slot_number`; anything else is damage.
    [[nodiscard]] bool is_whole(std::uint64_t slot_number) const noexcept {
        return (words[0] & 1) == 0 && used_words() != 0 &&
               checksum(slot_number) == words[0] >> 32 && state_known();
    }
    /// Requires: used_words() != 0, here and below.
    [[nodiscard]] std::uint32_t checksum(std::uint64_t slot_number) const noexcept;
    [[nodiscard]] std::string_view key() const noexcept;
    [[nodiscard]] std::string_view session_id() const noexcept;
    [[nodiscard]] std::uint64_t version() const noexcept { return words[1]; }
    [[nodiscard]] std::uint32_t epoch() const noexcept {
        return static_cast<std::uint32_t>(words[2]);
    }
    void set_epoch(std::uint32_t epoch) noexcept {
        words[2] = (words[2] & 0xffffffff00000000) | epoch;
    }
    /// Whether the state is one that route_state names.
    [[nodiscard]] bool state_known() const noexcept;
    void copy_to(route& out, std::uint32_t activity_line) const noexcept;

    /// False when key and session id do not fit; the reason is cut to what is left.
    [[nodiscard]] bool fill(std::string_view key, const route& value, std::uint32_t epoch) noexcept;
};

/// How many words a slot with this `shape` uses, fixed part included; 0 when it cannot be.
[[nodiscard]] inline std::size_t used_words_of(std::uint64_t shape) noexcept {
    const std::size_t key_bytes = (shape >> 16) & 0xff;
    const std::size_t id_bytes = (shape >> 8) & flag_id_is_key ? 0 : (shape >> 24) & 0xff;
    const std::size_t text_bytes = key_bytes + id_bytes + ((shape >> 32) & 0xffff);
    if (key_bytes == 0 || text_bytes > slot_text_bytes)
        return 0;
    return slot_fixed_words + (text_bytes + 7) / 8;
}

} // namespace postern::cache
