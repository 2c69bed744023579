// Why a reader sees whole routes only (LAYOUT.md, "Memory order", has the longer form):
// the writer fills a slot that no entry points to — sequence odd, words, sequence even — and then
// publishes it by one store of the entry. A reader loads entry, seal, words, entry again, seal
// again. All its loads are acquires and all the writer's stores are releases, so a word that comes
// from a later filling brings that filling's odd sequence with it and the second seal differs.
// Seals equal: the words are of one filling, and it lasted over the second load of the entry, which
// still pointed here: the content was the published one at that moment.
#include "cache/look_up.hpp"

#include <algorithm>

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
    for (std::size_t i = 1; i < slot_fixed_words; ++i)
        image.words[i] = load_acquire(words[i]);
    const std::size_t used = image.shape().used_words();
    for (std::size_t i = slot_fixed_words; i < std::min(used, slot_near_words); ++i)
        image.words[i] = load_acquire(words[i]);
    for (std::size_t i = slot_near_words; i < used; ++i)
        image.words[i] = load_acquire(table.slot_word(number, i));
    if (load_acquire(entry) != seen || load_relaxed(from.seal) != seal)
        return slot_read::moved;
    // From here on the content is known to have stood still: what is wrong with it is damage.
    image.words[0] = seal;
    return image.is_whole(number, used) ? slot_read::good : slot_read::bad;
}

look_up_result look_up(const table_view& table, std::string_view key, std::uint64_t hash,
                       route& out) noexcept {
    look_up_result result;
    const std::uint32_t fingerprint = fingerprint_of(hash);
    std::uint64_t b = home_of(fingerprint, table.shape.bucket_count);
    for (std::uint64_t probe = 0; probe < table.probes_max(); ++probe, b = table.bucket_after(b)) {
        bucket& line = table.buckets[b];
        for (std::size_t i = 0; i < bucket_entries; ++i) {
            std::uint64_t entry = load_acquire(line.entries[i]);
            // Goes round again only when the writer has made progress meanwhile.
            while (fingerprint_of(entry) == fingerprint && static_cast<std::uint32_t>(entry) != 0) {
                slot_image image;
                const slot_read read = read_slot(table, line.entries[i], entry, image);
                if (read == slot_read::moved) {
                    entry = load_acquire(line.entries[i]);
                    continue;
                }
                if (read == slot_read::bad)
                    ++result.bad_slots;
                if (read == slot_read::good && image.key() == key) {
                    image.copy_to(out, static_cast<std::uint32_t>(b * bucket_entries + i));
                    result.found = true;
                    return result;
                }
                break;
            }
        }
        if (load_acquire(line.overflow) == 0)
            return result;
    }
    return result;
}

} // namespace postern::cache
