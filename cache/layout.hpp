// The bytes of a table file, all of them 64-bit words in the machine's byte order. LAYOUT.md says
// the same in words, and a test compares the two.
#pragma once

#include "base/limits.hpp"
#include "cache/asked_layout.hpp"
#include "cache/counters.hpp"

#include <cstddef>
#include <cstdint>

namespace postern::cache {

inline constexpr std::uint64_t table_magic = 0x656c6261742e7370; // "ps.table" in the file
inline constexpr std::uint64_t layout_version = 2; // for changes of meaning without one of size
inline constexpr std::uint64_t page_bytes = 4096;  // every section starts on one
inline constexpr std::uint64_t capacity_max = 100'000'000; // slots and places stay below 2^32

// Process slots: whose counters, and, for workers, whose waiting bit.
inline constexpr std::uint32_t worker_process_slots = base::limits::worker_slots;
inline constexpr std::uint32_t sync_process_slot = worker_process_slots;
inline constexpr std::uint32_t control_process_slot = worker_process_slots + 1;
inline constexpr std::uint32_t master_process_slot = worker_process_slots + 2;
inline constexpr std::uint32_t process_slots = worker_process_slots + 3;

inline constexpr std::size_t bucket_entries = 7;
inline constexpr std::uint64_t probe_buckets_max = 128; // no key lies further from its home bucket
inline constexpr std::size_t slot_text_bytes = 312;     // key, then session id, then reason
inline constexpr std::size_t slot_near_text_bytes = 56; // of it, how much lies in the slot itself
inline constexpr std::size_t text_group_lines = 4;      // the most that one slot takes besides
inline constexpr std::uint64_t text_step_bytes = 1 << 20; // of disk that text takes at a time
inline constexpr std::size_t checkpoint_bytes_max = 1024;
inline constexpr std::uint64_t spare_slots_min = 1024; // beyond capacity; see LAYOUT.md, "Slots"

/// Where the feed stands, kept twice: the older copy is the one that is written over.
struct checkpoint_copy {
    std::uint64_t generation; // larger is newer; 0: none
    std::uint64_t checksum;   // over generation, bytes and the words of text in use
    std::uint64_t bytes;
    std::uint64_t text[checkpoint_bytes_max / 8];
    std::uint64_t reserved[5];
};

struct file_header {
    // Written once, under `checksum`.
    std::uint64_t magic;
    std::uint64_t format;
    std::uint64_t capacity; // sessions
    std::uint64_t bucket_count;
    std::uint64_t slot_count;
    std::uint64_t file_bytes;
    std::uint64_t counters_offset;
    std::uint64_t index_offset;
    std::uint64_t slots_offset;
    std::uint64_t activity_offset;
    std::uint64_t asked_offset;
    std::uint64_t texts_offset;
    std::uint64_t hash_key[2]; // random per file: nobody outside can choose keys that collide
    std::uint64_t created_at_ms;
    std::uint64_t fixed_reserved[16];
    std::uint64_t checksum; // over all words above it
    // Written by sync.
    std::uint64_t changes;
    std::uint64_t live;
    std::uint64_t heartbeat_ms;
    std::uint64_t synced_at_ms;
    std::uint64_t sync_pid;
    std::uint64_t boot_id[2];  // of the host's run in which the table was last written
    std::uint64_t text_groups; // that were ever used: the file has no holes up to there
    // Written by workers: bit w % 64 of word w / 64 is worker w's.
    std::uint64_t waiting[worker_process_slots / 64];
    std::uint64_t waiting_reserved[8 - worker_process_slots / 64];
    checkpoint_copy checkpoints[2];
    std::uint64_t tail_reserved[192];
};

struct counter_block {
    std::uint64_t values[counters_max];
};

/// One cache line of the index. An entry is fingerprint << 32 | slot number + 1; 0: empty.
struct bucket {
    std::uint64_t entries[bucket_entries];
    std::uint64_t overflow; // how many keys passed this bucket on the way from their home
};

/// One route with its key. Never changed while the index points to it.
struct slot {
    std::uint64_t seal; // low half: sequence, odd while it is filled; high half: checksum
    std::uint64_t version;
    std::uint64_t birth; // low half: epoch of the activity line; high half: started_at in seconds
    std::uint64_t shape; // slot_shape says which bits are what
    std::uint64_t address[2]; // 16 bytes, IPv4 as ::ffff:a.b.c.d
    std::uint64_t resume_until_ms;
    std::uint64_t expires_at_ms;
    std::uint64_t access; // low half: access generation; high half: its first text line, or 0
    std::uint64_t text[slot_near_text_bytes / 8];
};

/// A part of the text that a slot has no room for. A slot has 0, 1, 2 or 4 of them, side by side
/// and in one group of 4: keys of usual length do without, and take no memory for them.
struct text_line {
    std::uint64_t text[8];
};

/// One session's activity; the line's number is the session's place in the index.
struct activity_line {
    std::uint64_t epoch; // low half; another value is another session
    std::uint64_t last_seen_ms;
    std::uint64_t last_push_ms;
    std::uint64_t socket_open_ms;
    std::uint64_t refused_at_ms;
    std::uint64_t requests;
    std::uint64_t bytes_in;
    std::uint64_t bytes_out;
};

inline constexpr std::size_t slot_near_words = sizeof(slot) / 8;
inline constexpr std::size_t text_line_words = sizeof(text_line) / 8;
inline constexpr std::size_t slot_words = slot_near_words + text_group_lines * text_line_words;
inline constexpr std::size_t slot_fixed_words = offsetof(slot, text) / 8;
inline constexpr std::size_t fixed_header_words = offsetof(file_header, checksum) / 8;
inline constexpr std::uint64_t flag_id_is_key = 1; // the session id is the key: not stored

static_assert(sizeof(file_header) == page_bytes);
static_assert(sizeof(bucket) == 64 && sizeof(activity_line) == 64 && sizeof(slot) == 128);
static_assert(sizeof(text_line) == 64);
static_assert(slot_near_text_bytes + text_group_lines * sizeof(text_line) == slot_text_bytes);
static_assert(offsetof(file_header, changes) % 64 == 0 && offsetof(file_header, waiting) % 64 == 0);

/// How large each section is and where it starts; follows from the capacity alone.
struct geometry {
    std::uint64_t capacity = 0;
    std::uint64_t bucket_count = 0;
    std::uint64_t slot_count = 0;
    std::uint64_t counters_offset = 0;
    std::uint64_t index_offset = 0;
    std::uint64_t slots_offset = 0;
    std::uint64_t activity_offset = 0;
    std::uint64_t asked_offset = 0; // queues, then answers
    std::uint64_t texts_offset = 0; // the last section: the only one that may have holes
    std::uint64_t file_bytes = 0;

    [[nodiscard]] constexpr std::uint64_t places() const noexcept {
        return bucket_count * bucket_entries;
    }
    /// A slot never lacks text lines, whoever has the others: each uses those of one group, and
    /// there is a group for each.
    [[nodiscard]] constexpr std::uint64_t text_groups() const noexcept { return slot_count; }
    [[nodiscard]] constexpr std::uint64_t text_lines() const noexcept {
        return text_groups() * text_group_lines;
    }
    /// How much of the file is there, without holes, when `groups` of its groups have been used:
    /// whole steps, one of them at least.
    [[nodiscard]] std::uint64_t bytes_with_texts(std::uint64_t groups) const noexcept;
    bool operator==(const geometry&) const = default;
};

/// Requires: 1 ≤ capacity ≤ capacity_max.
[[nodiscard]] geometry geometry_of(std::uint64_t capacity) noexcept;

/// A number that any change of the constants and structs above changes.
[[nodiscard]] std::uint64_t layout_format() noexcept;

} // namespace postern::cache
