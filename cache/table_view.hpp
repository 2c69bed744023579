// A mapped table as typed pointers, and the only ways in which shared words are read and written.
// Every shared word is an atomic 64-bit word; LAYOUT.md, "Memory order", says why these orders are
// enough.
#pragma once

#include "cache/hash.hpp"
#include "cache/layout.hpp"

#include <atomic>
#include <cstdint>

namespace postern::cache {

/// Points into a mapping that outlives it. The numbers in `shape` and `key` are copies taken when
/// the header had been checked; the file's own are not looked at again.
struct table_view {
    geometry shape;
    hash_key key;
    file_header* header = nullptr;
    counter_block* counters = nullptr;
    bucket* buckets = nullptr;
    slot* slots = nullptr;
    activity_line* lines = nullptr;
    asked_queue* asked = nullptr; // by process slot of a worker
    answer_line* answers = nullptr;
    text_line* texts = nullptr;

    /// Requires: `base` is a mapping of `shape_.file_bytes` bytes.
    [[nodiscard]] static table_view over(void* base, const geometry& shape_,
                                         hash_key key_) noexcept {
        auto* const at = static_cast<std::byte*>(base);
        return {shape_,
                key_,
                reinterpret_cast<file_header*>(at),
                reinterpret_cast<counter_block*>(at + shape_.counters_offset),
                reinterpret_cast<bucket*>(at + shape_.index_offset),
                reinterpret_cast<slot*>(at + shape_.slots_offset),
                reinterpret_cast<activity_line*>(at + shape_.activity_offset),
                reinterpret_cast<asked_queue*>(at + shape_.asked_offset),
                reinterpret_cast<answer_line*>(at + shape_.asked_offset +
                                               worker_process_slots * sizeof(asked_queue)),
                reinterpret_cast<text_line*>(at + shape_.texts_offset)};
    }

    [[nodiscard]] std::uint64_t probes_max() const noexcept {
        return shape.bucket_count < probe_buckets_max ? shape.bucket_count : probe_buckets_max;
    }
    [[nodiscard]] std::uint64_t bucket_after(std::uint64_t b) const noexcept {
        return b + 1 == shape.bucket_count ? 0 : b + 1;
    }
    /// Word `i`, as slot_image counts them, of a slot whose own words are `own` and whose lines
    /// begin at `first_line`.
    [[nodiscard]] std::uint64_t& slot_word(slot& own, std::uint64_t first_line,
                                           std::size_t i) const noexcept {
        return i < slot_near_words
                   ? reinterpret_cast<std::uint64_t*>(&own)[i]
                   : reinterpret_cast<std::uint64_t*>(texts + first_line)[i - slot_near_words];
    }
    [[nodiscard]] std::uint64_t& entry_at(std::uint64_t place) const noexcept {
        return buckets[place / bucket_entries].entries[place % bucket_entries];
    }
};

using shared_word = std::atomic_ref<std::uint64_t>;
static_assert(shared_word::is_always_lock_free && shared_word::required_alignment <= 8);

[[nodiscard]] inline std::uint64_t load_relaxed(std::uint64_t& word) noexcept {
    return shared_word{word}.load(std::memory_order_relaxed);
}
[[nodiscard]] inline std::uint64_t load_acquire(std::uint64_t& word) noexcept {
    return shared_word{word}.load(std::memory_order_acquire);
}
inline void store_relaxed(std::uint64_t& word, std::uint64_t value) noexcept {
    shared_word{word}.store(value, std::memory_order_relaxed);
}
inline void store_release(std::uint64_t& word, std::uint64_t value) noexcept {
    shared_word{word}.store(value, std::memory_order_release);
}

/// Adds to a process's own counter.
inline void count_in(const table_view& table, std::uint32_t process_slot, counter which,
                     std::uint64_t by) noexcept {
    auto& value = table.counters[process_slot].values[static_cast<std::size_t>(which)];
    shared_word{value}.fetch_add(by, std::memory_order_relaxed);
}

// Index entries: fingerprint << 32 | slot number + 1.
[[nodiscard]] constexpr std::uint32_t fingerprint_of(std::uint64_t hash_or_entry) noexcept {
    return static_cast<std::uint32_t>(hash_or_entry >> 32);
}
[[nodiscard]] constexpr std::uint64_t entry_of(std::uint64_t hash,
                                               std::uint64_t slot_number) noexcept {
    return (hash & 0xffffffff00000000) | (slot_number + 1);
}
/// The slot's number; past every slot when the entry is empty.
[[nodiscard]] constexpr std::uint32_t slot_of(std::uint64_t entry) noexcept {
    return static_cast<std::uint32_t>(entry) - 1;
}
[[nodiscard]] constexpr std::uint64_t home_of(std::uint32_t fingerprint,
                                              std::uint64_t bucket_count) noexcept {
    return (fingerprint * bucket_count) >> 32;
}

} // namespace postern::cache
