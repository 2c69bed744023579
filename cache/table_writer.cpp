// The order of stores is what keeps the table whole when the process dies between any two of them;
// LAYOUT.md, "What a dead writer leaves", goes through them one by one.
#include "cache/table_writer.hpp"

#include "base/check.hpp"
#include "base/limits.hpp"
#include "cache/activity_lines.hpp"
#include "cache/look_up.hpp"
#include "cache/table_file.hpp"

#include <utility>

namespace postern::cache {
namespace {

/// What an update can still have when there is no disk for new sessions.
constexpr std::uint64_t groups_for_updates = 1;

std::uint64_t groups_there(const geometry& shape, std::uint64_t used) {
    return (shape.bytes_with_texts(used) - shape.texts_offset) /
           (text_group_lines * sizeof(text_line));
}

bool is_key(std::string_view key) {
    return !key.empty() && key.size() <= base::limits::route_key_bytes_max;
}

} // namespace

table_writer::table_writer(const table_view& table, int file)
    : table_{table}, repaired_{repair_index(table)}, index_{std::move(repaired_.index)},
      free_slots_{table.shape.slot_count}, texts_{table.shape}, file_{file},
      text_groups_there_{groups_there(table.shape, 0)}, last_active_(table.shape.places(), 0) {
    claim_texts();
    for (std::uint64_t number = 0; number < table_.shape.slot_count; ++number)
        if (!repaired_.slot_used[number])
            free_slots_.push(static_cast<std::uint32_t>(number));
    set_live(repaired_.live);
    announce(); // the last writer may have died between a change and its announcement
}

table_writer::location table_writer::find(std::string_view key, std::uint64_t hash) {
    location at;
    bool passed_all = false; // nothing lies further on
    const std::uint32_t fingerprint = fingerprint_of(hash);
    std::uint64_t b = home_of(fingerprint, table_.shape.bucket_count);
    for (std::uint64_t probe = 0; probe < table_.probes_max();
         ++probe, b = table_.bucket_after(b)) {
        for (std::size_t i = 0; i < bucket_entries; ++i) {
            const std::uint64_t place = b * bucket_entries + i;
            const std::uint64_t entry = entry_at(place);
            if (entry == 0) {
                if (at.free_place == nowhere)
                    at.free_place = place;
            } else if (!passed_all && fingerprint_of(entry) == fingerprint) {
                if (!read(place, image_)) {
                    count(counter::table_slots_bad);
                    take_out(place);
                    if (at.free_place == nowhere)
                        at.free_place = place;
                } else if (image_.key() == key) {
                    at.place = place;
                    return at;
                }
            }
        }
        passed_all = passed_all || index_[b].overflow == 0;
        if (passed_all && at.free_place != nowhere)
            return at;
    }
    return at;
}

put_result table_writer::put(std::string_view key, const route& value, std::uint64_t removed_at) {
    if (!is_key(key)) {
        count(counter::route_keys_refused);
        return put_result::bad_key;
    }
    const std::uint64_t hash = sip_hash(table_.key, key);
    const location at = find(key, hash);
    if (at.place == nowhere)
        return insert(key, hash, value, at.free_place);
    if (!marked_.empty())
        marked_[at.place] = true;
    // Only damage parts a route from its activity line; left so, its activity would be counted
    // nowhere.
    const bool parted = !is_current(table_, {static_cast<std::uint32_t>(at.place), image_.epoch()});
    const bool newer = value.version > image_.version();
    const bool is_formers = newer && image_.version() < removed_at;
    if (!newer && !parted)
        return put_result::unchanged;
    if (newer && !image_.fill(key, value, image_.epoch())) {
        count(counter::table_texts_refused);
        return put_result::bad_text;
    }
    if (free_slots_.empty()) { // only when damage has added entries; a sweep mends it
        count(counter::table_full);
        return put_result::full;
    }
    if (parted || is_formers)
        image_.set_epoch(renew_activity(table_, at.place));
    if (!take_text(free_slots_.front(), 0)) {
        count(counter::table_full);
        return put_result::full;
    }
    const std::uint32_t fresh = take_free_slot();
    const std::uint32_t old = slot_of(entry_at(at.place));
    fill(fresh);
    set_entry(at.place, entry_of(hash, fresh));
    announce();
    give_back(old);
    return newer ? put_result::updated : put_result::unchanged;
}

put_result table_writer::insert(std::string_view key, std::uint64_t hash, const route& value,
                                std::uint64_t place) {
    if (!image_.fill(key, value, 0)) {
        count(counter::table_texts_refused);
        return put_result::bad_text;
    }
    if (live_ >= table_.shape.capacity || place == nowhere || free_slots_.empty() ||
        !take_text(free_slots_.front(), groups_for_updates)) {
        count(counter::table_full);
        return put_result::full;
    }
    image_.set_epoch(renew_activity(table_, place));
    const std::uint32_t fresh = take_free_slot();
    fill(fresh);
    add_overflow(fingerprint_of(hash), place,
                 +1); // first: no reader may stop short of the new entry
    set_entry(place, entry_of(hash, fresh));
    set_live(live_ + 1);
    announce();
    if (!marked_.empty())
        marked_[place] = true;
    return put_result::inserted;
}

bool table_writer::take_text(std::uint32_t slot_number, std::uint64_t groups_left) {
    const std::uint32_t lines = slot_image::lines_for(image_.shape().used_words());
    image_.set_first_line(0);
    if (lines == 0)
        return true;
    const auto take = [&] {
        return texts_.take(slot_number, lines, text_groups_there_ - groups_left);
    };
    auto first = take();
    if (!first && make_texts(text_groups_there_ + 1))
        first = take();
    if (!first)
        return false;
    image_.set_first_line(*first);
    store_relaxed(table_.header->text_groups, texts_.groups());
    return true;
}

/// Disk for so many groups, and what comes with them; it is there before anything lies on it.
bool table_writer::make_texts(std::uint64_t groups) {
    const std::uint64_t from = table_.shape.bytes_with_texts(text_groups_there_);
    const std::uint64_t to = table_.shape.bytes_with_texts(groups);
    if (to > from && allocate(file_, from, to))
        return false;
    text_groups_there_ = groups_there(table_.shape, groups);
    return to > from;
}

/// Those of published slots; what a dead writer had taken besides is free.
void table_writer::claim_texts() {
    const std::uint64_t groups =
        std::min(load_relaxed(table_.header->text_groups), table_.shape.text_groups());
    if (groups == 0)
        return;
    make_texts(groups); // there already, unless the header is damaged
    for (std::uint64_t number = 0; number < table_.shape.slot_count; ++number) {
        if (!repaired_.slot_used[number])
            continue;
        slot& own = table_.slots[number];
        const std::uint64_t first = load_relaxed(own.access) >> 32;
        const std::uint32_t lines =
            slot_image::lines_for(slot_shape{load_relaxed(own.shape)}.used_words());
        if (lines > 0 && first < groups * text_group_lines)
            texts_.claim(static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(first),
                         lines);
    }
}

void table_writer::fill(std::uint32_t slot_number) {
    slot& own = table_.slots[slot_number];
    std::uint64_t& seal = own.seal;
    const std::size_t used = image_.shape().used_words();
    const auto old = static_cast<std::uint32_t>(load_relaxed(seal));
    const std::uint32_t odd = (old | 1) + (old & 1) * 2; // never the odd number that is there
    store_release(seal, odd);
    for (std::size_t i = 1; i < used; ++i)
        store_release(table_.slot_word(own, image_.first_line(), i), image_.words[i]);
    const std::uint64_t sum = image_.checksum(slot_number, used);
    store_release(seal, sum << 32 | static_cast<std::uint32_t>(odd + 1));
}

bool table_writer::remove(std::string_view key, std::uint64_t version) {
    if (!is_key(key))
        return false;
    const location at = find(key, sip_hash(table_.key, key));
    if (at.place == nowhere || image_.version() > version)
        return false;
    take_out(at.place);
    return true;
}

void table_writer::take_out(std::uint64_t place) {
    const std::uint64_t old = entry_at(place);
    set_entry(place, 0);
    end_activity(table_, place);
    add_overflow(fingerprint_of(old), place, -1);
    set_live(live_ - 1);
    announce();
    give_back(slot_of(old));
    if (!marked_.empty())
        marked_[place] = false;
}

std::uint32_t table_writer::take_free_slot() {
    const std::uint32_t number = free_slots_.front();
    free_slots_.pop();
    repaired_.slot_used[number] = true;
    return number;
}

void table_writer::give_back(std::uint32_t slot_number) {
    repaired_.slot_used[slot_number] = false;
    texts_.give_back(slot_number);
    free_slots_.push(slot_number);
}

void table_writer::add_overflow(std::uint32_t fingerprint, std::uint64_t place, std::int64_t by) {
    const std::uint64_t last = place / bucket_entries;
    std::uint64_t b = home_of(fingerprint, table_.shape.bucket_count);
    for (; b != last; b = table_.bucket_after(b)) {
        index_[b].overflow += static_cast<std::uint64_t>(by);
        store_release(table_.buckets[b].overflow, index_[b].overflow);
    }
}

void table_writer::set_entry(std::uint64_t place, std::uint64_t entry) {
    index_[place / bucket_entries].entries[place % bucket_entries] = entry;
    store_release(table_.entry_at(place), entry);
}

void table_writer::set_live(std::uint64_t live) {
    live_ = live;
    store_relaxed(table_.header->live, live);
}

void table_writer::announce() {
    // Sequentially consistent: see waiting_workers().
    shared_word{table_.header->changes}.fetch_add(1, std::memory_order_seq_cst);
}

bool table_writer::read(std::uint64_t place, slot_image& image) const {
    std::uint64_t entry = entry_at(place);
    return entry != 0 && read_slot(table_, entry, entry, image) == slot_read::good;
}

void table_writer::begin_mark() {
    marked_.assign(table_.shape.places(), false);
}

void table_writer::mark(std::string_view key) {
    if (marked_.empty() || !is_key(key))
        return;
    const location at = find(key, sip_hash(table_.key, key));
    if (at.place != nowhere)
        marked_[at.place] = true;
}

std::uint64_t table_writer::sweep() {
    if (marked_.empty())
        return 0; // nothing was begun: nothing can be told from anything
    std::uint64_t removed = 0;
    for (std::uint64_t place = 0; place < table_.shape.places(); ++place) {
        if (marked_[place] || entry_at(place) == 0)
            continue;
        take_out(place);
        ++removed;
    }
    marked_ = {};
    return removed;
}

void table_writer::for_each(
    const std::function<void(std::string_view, const route&)>& visit) const {
    slot_image image;
    route copy;
    for (std::uint64_t place = 0; place < table_.shape.places(); ++place) {
        if (!read(place, image))
            continue;
        image.copy_to(copy, static_cast<std::uint32_t>(place));
        visit(image.key(), copy);
    }
}

void table_writer::for_each_active(
    const std::function<void(std::string_view, const route&, const activity&)>& visit) {
    slot_image image;
    route copy;
    for (std::uint64_t place = 0; place < table_.shape.places(); ++place) {
        if (entry_at(place) == 0)
            continue;
        const std::uint64_t digest = activity_digest(table_, place);
        if (digest == last_active_[place])
            continue;
        last_active_[place] = digest;
        if (digest == 0 || !read(place, image))
            continue;
        image.copy_to(copy, static_cast<std::uint32_t>(place));
        if (const auto now = read_activity(table_, copy.activity))
            visit(image.key(), copy, *now);
    }
}

void table_writer::count(counter which, std::uint64_t by) const noexcept {
    count_in(table_, sync_process_slot, which, by);
}

} // namespace postern::cache
