#include "cache/index_repair.hpp"

#include "cache/checkpoint.hpp"

namespace postern::cache {
namespace {

/// How many buckets an entry in bucket `b` lies past its home.
std::uint64_t distance_of(const table_view& table, std::uint64_t entry, std::uint64_t b) {
    const std::uint64_t home = home_of(fingerprint_of(entry), table.shape.bucket_count);
    return b >= home ? b - home : b + table.shape.bucket_count - home;
}

void drop(const table_view& table, std::uint64_t place, repair_report& report) {
    if (report.entries_dropped == 0)
        forget_checkpoint(*table.header);
    store_release(table.entry_at(place), 0);
    ++report.entries_dropped;
}

/// Drops what cannot be and counts who uses which slot. Slots that two entries claim are returned.
std::vector<std::uint32_t> take_stock(const table_view& table, repair_report& report,
                                      std::vector<std::uint32_t>& overflow) {
    std::vector<std::uint32_t> claimed_twice;
    for (std::uint64_t place = 0; place < table.shape.places(); ++place) {
        const std::uint64_t b = place / bucket_entries;
        const std::uint64_t entry = load_relaxed(table.entry_at(place));
        if (entry == 0)
            continue;
        const std::uint32_t number = slot_of(entry);
        const std::uint64_t distance = distance_of(table, entry, b);
        if (number >= table.shape.slot_count || distance >= table.probes_max()) {
            drop(table, place, report);
            continue;
        }
        if (report.slot_used[number])
            claimed_twice.push_back(number);
        report.slot_used[number] = true;
        ++report.live;
        std::uint64_t passed = home_of(fingerprint_of(entry), table.shape.bucket_count);
        for (; passed != b; passed = table.bucket_after(passed))
            ++overflow[passed];
    }
    return claimed_twice;
}

} // namespace

repair_report repair_index(const table_view& table) {
    repair_report report;
    std::vector<std::uint32_t> overflow;
    std::vector<std::uint32_t> claimed_twice;
    // Twice at most: which of two entries a slot belongs to is not known here, so both go and the
    // pass starts over.
    do {
        report.live = 0;
        report.slot_used.assign(table.shape.slot_count, false);
        overflow.assign(table.shape.bucket_count, 0);
        std::vector<bool> doubtful(table.shape.slot_count, false);
        for (const std::uint32_t number : claimed_twice)
            doubtful[number] = true;
        for (std::uint64_t place = 0; !claimed_twice.empty() && place < table.shape.places();
             ++place) {
            const std::uint64_t entry = load_relaxed(table.entry_at(place));
            if (entry != 0 && slot_of(entry) < table.shape.slot_count && doubtful[slot_of(entry)])
                drop(table, place, report);
        }
        claimed_twice = take_stock(table, report, overflow);
    } while (!claimed_twice.empty());
    for (std::uint64_t b = 0; b < table.shape.bucket_count; ++b) {
        if (load_relaxed(table.buckets[b].overflow) == overflow[b])
            continue;
        store_release(table.buckets[b].overflow, overflow[b]);
        ++report.overflows_corrected;
    }
    return report;
}

} // namespace postern::cache
