#include "cache/activity_lines.hpp"

namespace postern::cache {
namespace {

void add(std::uint64_t& word, std::uint64_t by) {
    if (by != 0)
        shared_word{word}.fetch_add(by, std::memory_order_relaxed);
}

// Another worker may be moving the same time: the later one stays.
void move_forward(std::uint64_t& word, std::int64_t to_ms) {
    if (to_ms == 0)
        return;
    std::uint64_t now = load_relaxed(word);
    while (static_cast<std::int64_t>(now) < to_ms &&
           !shared_word{word}.compare_exchange_weak(now, static_cast<std::uint64_t>(to_ms),
                                                    std::memory_order_relaxed)) {
    }
}

std::uint32_t next_epoch(activity_line& line) {
    const auto next = static_cast<std::uint32_t>(load_relaxed(line.epoch)) + 1;
    return next == 0 ? 1 : next;
}

void zero_numbers(activity_line& line) {
    for (std::uint64_t* const word :
         {&line.last_seen_ms, &line.last_push_ms, &line.socket_open_ms, &line.refused_at_ms,
          &line.requests, &line.bytes_in, &line.bytes_out})
        store_release(*word, 0);
}

} // namespace

bool is_current(const table_view& table, activity_ref ref) noexcept {
    return ref.epoch != 0 && ref.line < table.shape.places() &&
           load_acquire(table.lines[ref.line].epoch) == ref.epoch;
}

void add_activity(const table_view& table, activity_ref ref, const activity_delta& delta) noexcept {
    if (!is_current(table, ref))
        return;
    activity_line& line = table.lines[ref.line];
    move_forward(line.last_seen_ms, delta.last_seen_ms);
    move_forward(line.last_push_ms, delta.last_push_ms);
    move_forward(line.socket_open_ms, delta.socket_open_ms);
    move_forward(line.refused_at_ms, delta.refused_at_ms);
    add(line.requests, delta.requests);
    add(line.bytes_in, delta.bytes_in);
    add(line.bytes_out, delta.bytes_out);
}

std::optional<activity> read_activity(const table_view& table, activity_ref ref) noexcept {
    if (!is_current(table, ref))
        return std::nullopt;
    activity_line& line = table.lines[ref.line];
    const auto time = [](std::uint64_t& word) {
        return static_cast<std::int64_t>(load_acquire(word));
    };
    activity out;
    out.last_seen_ms = time(line.last_seen_ms);
    out.last_push_ms = time(line.last_push_ms);
    out.socket_open_ms = time(line.socket_open_ms);
    out.refused_at_ms = time(line.refused_at_ms);
    out.requests = load_acquire(line.requests);
    out.bytes_in = load_acquire(line.bytes_in);
    out.bytes_out = load_acquire(line.bytes_out);
    // The zeros of a renewal bring the new epoch with them.
    if (!is_current(table, ref))
        return std::nullopt;
    return out;
}

std::uint32_t renew_activity(const table_view& table, std::uint64_t place) noexcept {
    activity_line& line = table.lines[place];
    const std::uint32_t epoch = next_epoch(line);
    store_release(line.epoch, epoch);
    zero_numbers(line);
    return epoch;
}

void begin_activity_anew(const table_view& table, std::uint64_t place,
                         std::uint32_t epoch) noexcept {
    activity_line& line = table.lines[place];
    zero_numbers(line);
    store_release(line.epoch, epoch); // last: until then nobody adds to it
}

void end_activity(const table_view& table, std::uint64_t place) noexcept {
    activity_line& line = table.lines[place];
    store_release(line.epoch, next_epoch(line));
}

std::uint64_t activity_digest(const table_view& table, std::uint64_t place) noexcept {
    constexpr std::size_t numbers = sizeof(activity_line) / 8;
    std::uint64_t* const words = &table.lines[place].epoch;
    std::uint64_t copy[numbers];
    std::uint64_t any = 0;
    copy[0] = load_relaxed(words[0]);
    for (std::size_t i = 1; i < numbers; ++i) {
        copy[i] = load_relaxed(words[i]);
        any |= copy[i];
    }
    return any == 0 ? 0 : checksum64(copy, numbers, 0) | 1;
}

} // namespace postern::cache
