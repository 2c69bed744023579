// The bytes by which workers ask sync for keys that the table does not have, and by which sync
// answers: LAYOUT.md, "Asked keys". Part of layout.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

namespace postern::cache {

inline constexpr std::size_t asked_keys_max = 6; // of a worker, on their way to sync
inline constexpr std::size_t asked_text_bytes = 256;
inline constexpr std::uint64_t answer_lines = 256;
inline constexpr std::size_t line_answers = 8;

/// A key that a worker asks for.
struct asked_key {
    std::uint64_t checksum; // of the words behind it that are in use, and of its place in the queue
    std::uint64_t shape;    // bits 0-7 key bytes; high half: who asks
    std::uint64_t asked_at_ms;
    std::uint64_t text[asked_text_bytes / 8];
};

/// A queue for each worker: one writes it, sync reads it.
struct asked_queue {
    std::uint64_t put; // keys that were ever put
    std::uint64_t put_reserved[7];
    std::uint64_t taken; // sync's: of them, those that it has read
    std::uint64_t taken_reserved[7];
    asked_key keys[asked_keys_max];
    std::uint64_t reserved[30];
};

/// Some of what sync has said: fingerprint << 33 | refused << 32 | when, in ms; 0: none.
struct answer_line {
    std::uint64_t answers[line_answers];
};

static_assert(sizeof(asked_queue) == 2048 && sizeof(answer_line) == 64);

} // namespace postern::cache
