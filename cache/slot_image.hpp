// One slot's content as a private copy: what a reader takes out and what the writer puts in.
#pragma once

#include "cache/hash.hpp"
#include "cache/layout.hpp"
#include "cache/route.hpp"

#include <bit>
#include <cstdint>
#include <string_view>

namespace postern::cache {

/// The parts of `slot::shape`: bits 0-7 state, 8-15 flags, 16-23 key bytes, 24-31 id bytes, 32-47
/// reason bytes, 48-63 port.
struct slot_shape {
    std::uint64_t word;

    [[nodiscard]] std::uint8_t state() const noexcept { return static_cast<std::uint8_t>(word); }
    [[nodiscard]] bool id_is_key() const noexcept { return ((word >> 8) & flag_id_is_key) != 0; }
    [[nodiscard]] std::size_t key_bytes() const noexcept { return (word >> 16) & 0xff; }
    /// Of the id that is stored: 0 when it is the key.
    [[nodiscard]] std::size_t id_bytes() const noexcept {
        return id_is_key() ? 0 : (word >> 24) & 0xff;
    }
    [[nodiscard]] std::size_t reason_bytes() const noexcept { return (word >> 32) & 0xffff; }
    [[nodiscard]] std::uint16_t port() const noexcept {
        return static_cast<std::uint16_t>(word >> 48);
    }

    /// How many words of the slot are content, fixed part included; 0 when the shape cannot be.
    [[nodiscard]] std::size_t used_words() const noexcept {
        const std::size_t text_bytes = key_bytes() + id_bytes() + reason_bytes();
        if (key_bytes() == 0 || text_bytes > slot_text_bytes || state() == 0 ||
            state() > static_cast<std::uint8_t>(route_state::failed))
            return 0;
        return slot_fixed_words + (text_bytes + 7) / 8;
    }
};

/// Words of one slot. `seal`'s sequence belongs to the table; the rest is content. Always a whole
/// copy: nothing in it can change while it is looked at.
struct slot_image {
    alignas(64) std::uint64_t words[slot_words];

    [[nodiscard]] slot_shape shape() const noexcept { return {words[offsetof(slot, shape) / 8]}; }
    /// Whether the copy is what a writer finished in slot `slot_number`; anything else is damage.
    /// Requires: used == shape().used_words().
    [[nodiscard]] bool is_whole(std::uint64_t slot_number, std::size_t used) const noexcept {
        return (words[0] & 1) == 0 && used != 0 && checksum(slot_number, used) == words[0] >> 32;
    }
    /// The slot's number is in it, so that a page written to the wrong place is noticed.
    [[nodiscard]] std::uint32_t checksum(std::uint64_t slot_number,
                                         std::size_t used) const noexcept {
        return checksum32(words + 1, used - 1, slot_number);
    }
    /// Requires: a whole slot, here and below.
    [[nodiscard]] std::string_view key() const noexcept;
    [[nodiscard]] std::string_view session_id() const noexcept;
    [[nodiscard]] std::uint64_t version() const noexcept { return words[1]; }
    [[nodiscard]] std::uint32_t epoch() const noexcept {
        return static_cast<std::uint32_t>(words[2]);
    }
    void set_epoch(std::uint32_t epoch) noexcept {
        words[2] = (words[2] & 0xffffffff00000000) | epoch;
    }
    /// How many text lines a slot of `used` words takes: 0, 1, 2 or 4.
    [[nodiscard]] static constexpr std::uint32_t lines_for(std::size_t used) noexcept {
        return used <= slot_near_words
                   ? 0
                   : static_cast<std::uint32_t>(std::bit_ceil(
                         (used - slot_near_words + text_line_words - 1) / text_line_words));
    }
    [[nodiscard]] std::uint32_t first_line() const noexcept {
        return static_cast<std::uint32_t>(words[offsetof(slot, access) / 8] >> 32);
    }
    void set_first_line(std::uint32_t line) noexcept {
        std::uint64_t& word = words[offsetof(slot, access) / 8];
        word = (word & 0xffffffff) | std::uint64_t{line} << 32;
    }
    void copy_to(route& out, std::uint32_t activity_line) const noexcept;

    /// False when key and session id do not fit; the reason is cut to what is left.
    [[nodiscard]] bool fill(std::string_view key, const route& value, std::uint32_t epoch) noexcept;
};

} // namespace postern::cache
