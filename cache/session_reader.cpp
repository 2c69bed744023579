// Thin on purpose: look_up.cpp has the read path, activity.cpp the counting.
#include "cache/session_reader.hpp"

#include "cache/activity_lines.hpp"
#include "cache/asked_keys.hpp"
#include "cache/look_up.hpp"
#include "cache/segment_map.hpp"

#include <fmt/format.h>

namespace postern::cache {

base::result<session_reader> session_reader::open(const std::string& path,
                                                  std::uint32_t process_slot) {
    if (process_slot >= process_slots)
        return base::failure{
            make_error_code(boost::system::errc::invalid_argument),
            fmt::format("process slot {}; there are {}", process_slot, process_slots)};
    auto mapped = segment::map(path, segment::role::reader);
    if (!mapped)
        return mapped.error();
    return session_reader{std::move(*mapped), process_slot};
}

session_reader::session_reader(std::unique_ptr<segment> mapped, std::uint32_t process_slot) noexcept
    : segment_{std::move(mapped)}, process_slot_{process_slot} {}
session_reader::session_reader(session_reader&&) noexcept = default;
session_reader& session_reader::operator=(session_reader&&) noexcept = default;
session_reader::~session_reader() = default;

key_hash session_reader::hash_of(std::string_view key) const noexcept {
    return sip_hash(segment_->view().key, key);
}

void session_reader::prefetch(key_hash hash) const noexcept {
    const table_view& table = segment_->view();
    __builtin_prefetch(&table.buckets[home_of(fingerprint_of(hash), table.shape.bucket_count)]);
}

bool session_reader::look_up(std::string_view key, key_hash hash, route& out) const noexcept {
    const look_up_result result = cache::look_up(segment_->view(), key, hash, out);
    if (result.bad_slots != 0)
        count(counter::table_slots_bad, result.bad_slots);
    return result.found;
}

std::optional<route> session_reader::look_up(std::string_view key) const noexcept {
    std::optional<route> out{std::in_place};
    if (!look_up(key, hash_of(key), *out))
        out.reset();
    return out;
}

std::uint64_t session_reader::changes() const noexcept {
    return load_acquire(segment_->view().header->changes);
}

std::int64_t session_reader::synced_at_ms() const noexcept {
    return static_cast<std::int64_t>(load_relaxed(segment_->view().header->synced_at_ms));
}

table_status session_reader::status() const noexcept {
    file_header& header = *segment_->view().header;
    table_status status;
    status.capacity = segment_->view().shape.capacity;
    status.live = load_relaxed(header.live);
    status.changes = load_acquire(header.changes);
    status.sync_heartbeat_ms = static_cast<std::int64_t>(load_relaxed(header.heartbeat_ms));
    status.synced_at_ms = static_cast<std::int64_t>(load_relaxed(header.synced_at_ms));
    status.sync_pid = static_cast<std::uint32_t>(load_relaxed(header.sync_pid));
    return status;
}

void session_reader::add_activity(activity_ref ref, const activity_delta& delta) const noexcept {
    cache::add_activity(segment_->view(), ref, delta);
}

std::optional<activity> session_reader::activity_of(activity_ref ref) const noexcept {
    return read_activity(segment_->view(), ref);
}

void session_reader::count(counter which, std::uint64_t by) const noexcept {
    count_in(segment_->view(), process_slot_, which, by);
}

std::uint64_t session_reader::total(counter which) const noexcept {
    std::uint64_t sum = 0;
    for (std::uint32_t process = 0; process < process_slots; ++process)
        sum += load_relaxed(
            segment_->view().counters[process].values[static_cast<std::size_t>(which)]);
    return sum;
}

bool session_reader::ask_for(std::string_view key, std::uint32_t asker,
                             base::steady_time now) const noexcept {
    return cache::ask_for(segment_->view(), process_slot_, key, asker, to_ms(now));
}

said_answer session_reader::answer_to(key_hash hash, base::steady_time now) const noexcept {
    return cache::answer_to(segment_->view(), hash, to_ms(now));
}

// No wake-up is lost (LAYOUT.md, "Doorbell"): worker: set the bit, look at `changes`, look the
// route up, sleep. Writer: publish the route, add to `changes`, look at the bits, ring. All four on
// bits and `changes` are sequentially consistent: if the writer misses the bit, the worker's look
// at `changes` comes later and brings the route with it.
void session_reader::set_waiting(bool waiting) const noexcept {
    if (process_slot_ >= worker_process_slots)
        return;
    file_header& header = *segment_->view().header;
    shared_word word{header.waiting[process_slot_ / 64]};
    const std::uint64_t bit = std::uint64_t{1} << (process_slot_ % 64);
    if (waiting)
        word.fetch_or(bit, std::memory_order_seq_cst);
    else
        word.fetch_and(~bit, std::memory_order_seq_cst);
    static_cast<void>(shared_word{header.changes}.load(std::memory_order_seq_cst));
}

} // namespace postern::cache
