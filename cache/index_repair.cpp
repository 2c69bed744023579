#include "cache/index_repair.hpp"

#include "cache/checkpoint.hpp"

#include <cstring>
#include <utility>

namespace postern::cache {
namespace {

/// How many buckets an entry in bucket `b` lies past its home.
std::uint64_t distance_of(const table_view& table, std::uint64_t entry, std::uint64_t b) {
    const std::uint64_t home = home_of(fingerprint_of(entry), table.shape.bucket_count);
    return b >= home ? b - home : b + table.shape.bucket_count - home;
}

void drop(std::uint64_t place, repair_report& report) {
    report.index[place / bucket_entries].entries[place % bucket_entries] = 0;
    ++report.entries_dropped;
}

/// Drops what cannot be and counts who uses which slot. Slots that two entries claim are returned.
std::vector<std::uint32_t> take_stock(const table_view& table, repair_report& report,
                                      std::vector<std::uint32_t>& overflow) {
    std::vector<std::uint32_t> claimed_twice;
    for (std::uint64_t place = 0; place < table.shape.places(); ++place) {
        const std::uint64_t b = place / bucket_entries;
        const std::uint64_t entry = report.index[b].entries[place % bucket_entries];
        if (entry == 0)
            continue;
        const std::uint32_t number = slot_of(entry);
        const std::uint64_t distance = distance_of(table, entry, b);
        if (number >= table.shape.slot_count || distance >= table.probes_max()) {
            drop(place, report);
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

/// Which of the entries that claim a slot it belongs to is not known here: all of them go.
void drop_claims(const std::vector<std::uint32_t>& claimed_twice, repair_report& report) {
    std::vector<bool> doubtful(report.slot_used.size(), false);
    for (const std::uint32_t number : claimed_twice)
        doubtful[number] = true;
    for (std::uint64_t place = 0; place < report.index.size() * bucket_entries; ++place) {
        const std::uint64_t entry =
            report.index[place / bucket_entries].entries[place % bucket_entries];
        if (entry != 0 && doubtful[slot_of(entry)])
            drop(place, report);
    }
}

void write_back(const table_view& table, const std::vector<bucket>& index) {
    for (std::uint64_t b = 0; b < index.size(); ++b) {
        for (std::size_t i = 0; i < bucket_entries; ++i)
            if (load_relaxed(table.buckets[b].entries[i]) != index[b].entries[i])
                store_release(table.buckets[b].entries[i], index[b].entries[i]);
        if (load_relaxed(table.buckets[b].overflow) != index[b].overflow)
            store_release(table.buckets[b].overflow, index[b].overflow);
    }
}

} // namespace

repair_report repair_index(const table_view& table) {
    repair_report report;
    report.index.resize(table.shape.bucket_count);
    std::memcpy(report.index.data(), table.buckets, report.index.size() * sizeof(bucket));
    std::vector<std::uint32_t> overflow;
    std::vector<std::uint32_t> claimed_twice;
    do { // twice at most
        if (!claimed_twice.empty())
            drop_claims(claimed_twice, report);
        report.live = 0;
        report.slot_used.assign(table.shape.slot_count, false);
        overflow.assign(table.shape.bucket_count, 0);
        claimed_twice = take_stock(table, report, overflow);
    } while (!claimed_twice.empty());
    for (std::uint64_t b = 0; b < table.shape.bucket_count; ++b)
        if (std::exchange(report.index[b].overflow, overflow[b]) != overflow[b])
            ++report.overflows_corrected;
    // A death between a change and its count leaves the two one apart.
    if (report.entries_dropped > 0 || load_relaxed(table.header->live) > report.live + 1)
        distrust(*table.header);
    write_back(table, report.index);
    return report;
}

void distrust(file_header& header) noexcept {
    forget_checkpoint(header);
    store_release(header.synced_at_ms, 0);
}

} // namespace postern::cache
