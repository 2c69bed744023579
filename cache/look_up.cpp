// Why a reader sees whole routes only (LAYOUT.md, "Memory order", has the longer form):
// the writer fills a slot that no entry points to — sequence odd, words, sequence even — and then
// publishes it by one store of the entry. A reader loads entry, seal, words, entry again, seal
// again. All its loads are acquires and all the writer's stores are releases, so a word that comes
// from a later filling brings that filling's odd sequence with it and the second seal differs.
// Seals equal: the words are of one filling, and it lasted over the second load of the entry, which
// still pointed here: the content was the published one at that moment.
#include "cache/look_up.hpp"

#include <algorithm>
#include <bit>

namespace postern::cache {

slot_read read_slot(const table_view& table, std::uint64_t& entry, std::uint64_t seen,
                    slot_image& image) noexcept {
    const std::uint32_t number = slot_of(seen);
    const bool in_range = number < table.shape.slot_count;
    if (!in_range)
        return load_acquire(entry) == seen ? slot_read::bad : slot_read::moved;
    slot& from = table.slots[number];
    std::uint64_t* const words = reinterpret_cast<std::uint64_t*>(&from);
    const std::uint64_t seal = load_acquire(from.seal);
#pragma GCC unroll 8
    for (std::size_t i = 1; i < slot_fixed_words; ++i)
        image.words[i] = load_acquire(words[i]);
    const std::size_t used = image.shape().used_words();
    for (std::size_t i = slot_fixed_words; i < std::min(used, slot_near_words); ++i)
        image.words[i] = load_acquire(words[i]);
    const bool has_text =
        image.first_line() + std::uint64_t{slot_image::lines_for(used)} <= table.shape.text_lines();
    for (std::size_t i = slot_near_words; i < used && has_text; ++i)
        image.words[i] = load_acquire(table.slot_word(from, image.first_line(), i));
    if (load_acquire(entry) != seen || load_relaxed(from.seal) != seal)
        return slot_read::moved;
    // From here on the content is known to have stood still: what is wrong with it is damage.
    image.words[0] = seal;
    return has_text && image.is_whole(number, used) ? slot_read::good : slot_read::bad;
}

namespace {

/// The entries of a bucket that may be the key's, a bit each. Which one it is cannot be guessed: a
/// branch at each would cost more than a look at all.
unsigned entries_with(bucket& line, std::uint32_t fingerprint) noexcept {
    // Entries of this fingerprint, without the empty one, are the numbers from `first` on.
    const std::uint64_t first = std::uint64_t{fingerprint} << 32 | 1;
    constexpr std::uint64_t count = 0xffffffff;
    unsigned found = 0;
#pragma GCC unroll 8
    for (std::size_t i = 0; i < bucket_entries; ++i)
        found |= unsigned{load_acquire(line.entries[i]) - first < count} << i;
    return found;
}

/// Whether the route of `key` is what `entry` points to; `image` is then its slot.
bool holds(const table_view& table, std::uint64_t& entry, std::string_view key,
           std::uint32_t fingerprint, slot_image& image, std::uint32_t& bad_slots) noexcept {
    std::uint64_t seen = load_acquire(entry);
    // Goes round again only when the writer has made progress meanwhile.
    while (fingerprint_of(seen) == fingerprint && static_cast<std::uint32_t>(seen) != 0) {
        const slot_read read = read_slot(table, entry, seen, image);
        if (read == slot_read::good)
            return image.key() == key;
        if (read == slot_read::bad) {
            ++bad_slots;
            return false;
        }
        seen = load_acquire(entry);
    }
    return false;
}

} // namespace

look_up_result look_up(const table_view& table, std::string_view key, std::uint64_t hash,
                       route& out) noexcept {
    look_up_result result;
    slot_image image;
    const std::uint32_t fingerprint = fingerprint_of(hash);
    std::uint64_t b = home_of(fingerprint, table.shape.bucket_count);
    for (std::uint64_t probe = 0; probe < table.probes_max(); ++probe, b = table.bucket_after(b)) {
        bucket& line = table.buckets[b];
        for (unsigned left = entries_with(line, fingerprint); left != 0; left &= left - 1) {
            const auto i = static_cast<std::uint32_t>(std::countr_zero(left));
            if (!holds(table, line.entries[i], key, fingerprint, image, result.bad_slots))
                continue;
            image.copy_to(out, static_cast<std::uint32_t>(b * bucket_entries + i));
            result.found = true;
            return result;
        }
        if (load_acquire(line.overflow) == 0)
            return result;
    }
    return result;
}

} // namespace postern::cache
