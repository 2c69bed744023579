#include "cache/layout.hpp"

#include <algorithm>

namespace postern::cache {
namespace {

constexpr std::uint64_t page_rounded(std::uint64_t bytes) {
    return (bytes + page_bytes - 1) / page_bytes * page_bytes;
}

// FNV-1a over whole words: enough to tell one list of small numbers from another.
constexpr std::uint64_t folded(std::initializer_list<std::uint64_t> numbers) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const std::uint64_t n : numbers)
        hash = (hash ^ n) * 0x100000001b3;
    return hash;
}

constexpr std::uint64_t format = folded({layout_version,
                                         page_bytes,
                                         bucket_entries,
                                         probe_buckets_max,
                                         slot_text_bytes,
                                         slot_near_text_bytes,
                                         checkpoint_bytes_max,
                                         spare_slots_min,
                                         process_slots,
                                         counters_max,
                                         sizeof(file_header),
                                         offsetof(file_header, checksum),
                                         offsetof(file_header, changes),
                                         offsetof(file_header, waiting),
                                         offsetof(file_header, checkpoints),
                                         sizeof(checkpoint_copy),
                                         offsetof(checkpoint_copy, text),
                                         sizeof(counter_block),
                                         sizeof(bucket),
                                         offsetof(bucket, overflow),
                                         sizeof(slot),
                                         sizeof(text_line),
                                         text_group_lines,
                                         text_step_bytes,
                                         offsetof(slot, shape),
                                         offsetof(slot, address),
                                         offsetof(slot, resume_until_ms),
                                         offsetof(slot, access),
                                         offsetof(slot, text),
                                         sizeof(activity_line),
                                         offsetof(activity_line, requests),
                                         asked_keys_max,
                                         sizeof(asked_queue),
                                         offsetof(asked_queue, keys),
                                         offsetof(asked_key, text),
                                         answer_lines,
                                         sizeof(answer_line)});

} // namespace

std::uint64_t layout_format() noexcept {
    return format;
}

geometry geometry_of(std::uint64_t capacity) noexcept {
    geometry g;
    g.capacity = capacity;
    // Three quarters full at capacity: a look-up then reads 1.1 buckets on average.
    g.bucket_count = std::max<std::uint64_t>(2, (capacity * 4 + 20) / 21);
    g.slot_count = capacity + std::max(spare_slots_min, capacity / 64);
    g.counters_offset = page_bytes;
    g.index_offset = g.counters_offset + page_rounded(process_slots * sizeof(counter_block));
    g.slots_offset = g.index_offset + page_rounded(g.bucket_count * sizeof(bucket));
    g.activity_offset = g.slots_offset + page_rounded(g.slot_count * sizeof(slot));
    g.asked_offset = g.activity_offset + page_rounded(g.places() * sizeof(activity_line));
    g.texts_offset = g.asked_offset + worker_process_slots * sizeof(asked_queue) +
                     page_rounded(answer_lines * sizeof(answer_line));
    g.file_bytes = g.texts_offset + page_rounded(g.text_lines() * sizeof(text_line));
    return g;
}

std::uint64_t geometry::bytes_with_texts(std::uint64_t groups) const noexcept {
    constexpr std::uint64_t group_bytes = text_group_lines * sizeof(text_line);
    const std::uint64_t used = std::min(groups, text_groups()) * group_bytes;
    const std::uint64_t steps =
        std::max<std::uint64_t>(1, (used + text_step_bytes - 1) / text_step_bytes);
    return std::min(file_bytes, texts_offset + steps * text_step_bytes);
}

} // namespace postern::cache
