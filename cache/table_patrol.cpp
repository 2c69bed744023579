#include "cache/table_patrol.hpp"

#include "cache/activity_lines.hpp"
#include "cache/checkpoint.hpp"
#include "cache/index_repair.hpp"
#include "cache/look_up.hpp"
#include "cache/table_file.hpp"

#include <algorithm>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

namespace postern::cache {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds credit_max{1'000};
constexpr std::uint64_t places_ahead = 8; // whose memory is on its way while one is looked at

void put_right(std::uint64_t& word, std::uint64_t expected, mended& found) {
    if (load_relaxed(word) == expected)
        return;
    store_release(word, expected);
    ++found.words;
}

} // namespace

table_patrol::table_patrol(const segment& mapped, table_writer& writer, std::string path)
    : mapped_{mapped}, table_{mapped.view()}, writer_{writer}, path_{std::move(path)},
      synced_at_ms_{load_relaxed(table_.header->synced_at_ms)}, sync_pid_{load_relaxed(
                                                                    table_.header->sync_pid)},
      boot_id_{load_relaxed(table_.header->boot_id[0]), load_relaxed(table_.header->boot_id[1])},
      checkpoint_{read_checkpoint(*table_.header)}, index_{table_.shape.bucket_count,
                                                           patrol_buckets_per_s},
      routes_{table_.shape.places(), patrol_places_per_s}, met_{met_by_readers()} {}

void table_patrol::set_synced_at(std::uint64_t ms) noexcept {
    synced_at_ms_ = ms;
    store_relaxed(table_.header->synced_at_ms, ms);
}

void table_patrol::set_checkpoint(std::string_view text) {
    checkpoint_ = text;
    write_checkpoint(*table_.header, text);
}

base::result<mended> table_patrol::step(base::steady_time now) {
    if (stepped_at_ == base::steady_time{})
        stepped_at_ = now;
    const auto passed = std::chrono::duration_cast<milliseconds>(now - stepped_at_);
    if (passed < patrol_gap)
        return mended{};
    stepped_at_ = now;
    // First: what was cut off cannot be touched.
    const auto was_cut = mend_size();
    if (!was_cut)
        return was_cut.error();
    const std::uint64_t met = met_by_readers();
    const bool all = *was_cut || std::exchange(met_, met) != met;
    mended found = mend_header();
    found += walk(index_, due(index_, passed), &table_writer::mend_index);
    found += walk(routes_, due(routes_, passed), &table_writer::mend_routes);
    if (all || found.any())
        found += mend_everything(); // where one thing is damaged, more is
    if (found.routes > 0) {
        distrust(*table_.header);
        synced_at_ms_ = 0;
        checkpoint_.clear();
    }
    if (found.any())
        writer_.count(counter::table_damages);
    return found;
}

std::uint64_t table_patrol::due(round& of, milliseconds passed) noexcept {
    const auto ms = static_cast<std::uint64_t>(std::min(passed, credit_max).count());
    const std::uint64_t thousandths = of.rest + ms * of.per_s;
    of.rest = thousandths % 1'000;
    return std::min(thousandths / 1'000, of.length);
}

mended table_patrol::walk(round& of, std::uint64_t count,
                          mended (table_writer::*look)(std::uint64_t, std::uint64_t)) {
    const std::uint64_t before_end = std::min(count, of.length - of.at);
    mended found = (writer_.*look)(of.at, before_end);
    found += (writer_.*look)(0, count - before_end);
    of.at = (of.at + count) % of.length;
    return found;
}

mended table_patrol::mend_everything() {
    mended found = writer_.mend_index(0, table_.shape.bucket_count);
    found += writer_.mend_routes(0, table_.shape.places());
    return found;
}

base::result<bool> table_patrol::mend_size() {
    struct stat opened = {};
    struct stat named = {};
    if (::fstat(mapped_.file(), &opened) != 0)
        return base::failure{base::last_errno(), path_};
    const bool is_named = ::stat(path_.c_str(), &named) == 0;
    if (is_named ? named.st_ino != opened.st_ino || named.st_dev != opened.st_dev : errno == ENOENT)
        return base::failure{make_error_code(error::replaced), path_};
    if (static_cast<std::uint64_t>(opened.st_size) == table_.shape.file_bytes)
        return false;
    if (auto done = allocate(mapped_.file(), table_.shape, writer_.text_groups(), path_); !done)
        return done.error();
    return true;
}

mended table_patrol::mend_header() {
    mended found;
    file_header& header = *table_.header;
    const auto& fixed = mapped_.identity().fixed;
    for (std::size_t i = 0; i < fixed.size(); ++i)
        put_right((&header.magic)[i], fixed[i], found);
    put_right(header.live, writer_.live(), found);
    put_right(header.synced_at_ms, synced_at_ms_, found);
    put_right(header.sync_pid, sync_pid_, found);
    put_right(header.text_groups, writer_.text_groups(), found);
    for (std::size_t i = 0; i < boot_id_.size(); ++i)
        put_right(header.boot_id[i], boot_id_[i], found);
    for (int copies = 2; copies > 0; --copies) {
        if (damaged_checkpoints(header) == 0 && read_checkpoint(header) == checkpoint_)
            break;
        write_checkpoint(header, checkpoint_);
        ++found.words;
    }
    return found;
}

std::uint64_t table_patrol::met_by_readers() const noexcept {
    std::uint64_t met = 0;
    for (std::uint32_t process = 0; process < process_slots; ++process)
        if (process != sync_process_slot)
            met += load_relaxed(table_.counters[process]
                                    .values[static_cast<std::size_t>(counter::table_slots_bad)]);
    return met;
}

mended table_writer::mend_index(std::uint64_t first, std::uint64_t count) {
    mended found;
    for (std::uint64_t b = first; b < first + count; ++b) {
        bucket& line = table_.buckets[b];
        if (std::memcmp(&line, &index_[b], sizeof line) == 0)
            continue;
        for (std::size_t i = 0; i < bucket_entries; ++i)
            put_right(line.entries[i], index_[b].entries[i], found);
        put_right(line.overflow, index_[b].overflow, found);
    }
    if (found.any())
        announce();
    return found;
}

mended table_writer::mend_routes(std::uint64_t first, std::uint64_t count) {
    mended found;
    for (std::uint64_t place = first; place < first + count; ++place) {
        if (place + places_ahead < first + count) {
            const std::uint64_t next = entry_at(place + places_ahead);
            if (next != 0) {
                const slot* const soon = table_.slots + slot_of(next);
                __builtin_prefetch(soon);
                __builtin_prefetch(soon->text);
                __builtin_prefetch(table_.lines + place + places_ahead);
            }
        }
        const std::uint64_t entry = entry_at(place);
        if (entry == 0)
            continue;
        const bool good =
            read(place, image_) &&
            fingerprint_of(sip_hash(table_.key, image_.key())) == fingerprint_of(entry);
        if (!good) {
            this->count(counter::table_slots_bad);
            take_out(place);
            ++found.routes;
        } else if (!is_current(table_, {static_cast<std::uint32_t>(place), image_.epoch()})) {
            begin_activity_anew(table_, place, image_.epoch());
            ++found.words;
        }
    }
    return found;
}

} // namespace postern::cache
