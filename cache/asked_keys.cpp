#include "cache/asked_keys.hpp"

#include <algorithm>
#include <cstring>

namespace postern::cache {
namespace {

constexpr std::size_t words_before_text = offsetof(asked_key, text) / 8;
constexpr std::uint64_t time_mask = 0xffffffff;

std::size_t used_words(std::uint64_t key_bytes) {
    return words_before_text + (key_bytes + 7) / 8;
}

/// The place is in it: what an earlier round left there is no key of this one.
std::uint64_t checksum_of(const std::uint64_t* words, std::size_t used, std::uint32_t slot,
                          std::uint64_t number) {
    return checksum64(words + 1, used - 1, number * worker_process_slots + slot);
}

answer_line& line_of(const table_view& table, std::uint64_t hash) {
    return table.answers[hash % answer_lines];
}

constexpr std::uint64_t answer_word(std::uint64_t hash, answer what, std::int64_t now_ms) {
    return (hash >> 33) << 33 | std::uint64_t{what == answer::refused} << 32 |
           (static_cast<std::uint64_t>(now_ms) & time_mask);
}

constexpr bool is_of(std::uint64_t word, std::uint64_t hash) {
    return word != 0 && word >> 33 == hash >> 33;
}

/// In ms; of an answer from the future, nearly 50 days.
constexpr std::uint64_t age_of(std::uint64_t word, std::int64_t now_ms) {
    return (static_cast<std::uint64_t>(now_ms) - word) & time_mask;
}

} // namespace

bool ask_for(const table_view& table, std::uint32_t slot, std::string_view key, std::uint32_t asker,
             std::int64_t now_ms) noexcept {
    if (slot >= worker_process_slots || key.empty() ||
        key.size() > base::limits::route_key_bytes_max)
        return false;
    asked_queue& queue = table.asked[slot];
    const std::uint64_t number = load_relaxed(queue.put);
    if (number - load_acquire(queue.taken) >= asked_keys_max)
        return false;
    asked_key made{};
    made.shape = key.size() | std::uint64_t{asker} << 32;
    made.asked_at_ms = static_cast<std::uint64_t>(now_ms);
    std::memcpy(made.text, key.data(), key.size());
    const std::size_t used = used_words(key.size());
    made.checksum = checksum_of(&made.checksum, used, slot, number);
    std::uint64_t* const to = &queue.keys[number % asked_keys_max].checksum;
    for (std::size_t i = 0; i < used; ++i)
        store_relaxed(to[i], (&made.checksum)[i]);
    // Until here nothing has happened: who dies before it has asked for nothing.
    store_release(queue.put, number + 1);
    return true;
}

said_answer answer_to(const table_view& table, std::uint64_t hash, std::int64_t now_ms) noexcept {
    for (std::uint64_t& place : line_of(table, hash).answers) {
        const std::uint64_t word = shared_word{place}.load(std::memory_order_seq_cst);
        if (!is_of(word, hash))
            continue;
        const std::chrono::milliseconds age{age_of(word, now_ms)};
        if (age > absent_for)
            return {};
        return {(word >> 32 & 1) != 0 ? answer::refused : answer::absent, age};
    }
    return {};
}

asked_keys::asked_keys(const table_view& table) noexcept : table_{table} {
    for (std::uint32_t slot = 0; slot < worker_process_slots; ++slot) {
        const std::uint64_t put = load_acquire(table_.asked[slot].put);
        const std::uint64_t taken = load_relaxed(table_.asked[slot].taken);
        taken_[slot] = put - taken <= asked_keys_max ? taken : put;
    }
    for (std::uint64_t line = 0; line < answer_lines; ++line)
        for (std::uint64_t& place : table_.answers[line].answers)
            store_relaxed(place, 0);
}

void asked_keys::take(const std::function<void(const asked_for&)>& visit) {
    for (std::uint32_t slot = 0; slot < worker_process_slots; ++slot)
        take_of(slot, visit);
}

void asked_keys::take_of(std::uint32_t slot, const std::function<void(const asked_for&)>& visit) {
    asked_queue& queue = table_.asked[slot];
    std::uint64_t& taken = taken_[slot];
    const std::uint64_t put = load_acquire(queue.put);
    if (put - taken > asked_keys_max) { // nothing that a worker does: begin anew behind it
        count(counter::look_through_keys_refused);
        taken = put;
    }
    for (; taken != put; ++taken) {
        asked_key copy;
        std::uint64_t* const from = &queue.keys[taken % asked_keys_max].checksum;
        copy.checksum = load_acquire(from[0]);
        copy.shape = load_acquire(from[1]);
        const std::uint64_t bytes = copy.shape & 0xff;
        const std::size_t used = used_words(bytes);
        for (std::size_t i = 2; i < used; ++i)
            (&copy.checksum)[i] = load_acquire(from[i]);
        if (bytes == 0 || checksum_of(&copy.checksum, used, slot, taken) != copy.checksum) {
            count(counter::look_through_keys_refused);
            continue;
        }
        const char* const text = reinterpret_cast<const char*>(copy.text); // chars may alias
        const std::string_view key{text, bytes};
        visit({key, static_cast<std::uint32_t>(copy.shape >> 32),
               static_cast<std::int64_t>(copy.asked_at_ms)});
    }
    if (load_relaxed(queue.taken) != taken)
        store_release(queue.taken, taken);
}

void asked_keys::say(std::string_view key, answer what, std::int64_t now_ms) noexcept {
    const std::uint64_t hash = sip_hash(table_.key, key);
    answer_line& line = line_of(table_, hash);
    std::uint64_t* place = nullptr;
    std::uint64_t oldest = 0;
    for (std::uint64_t& one : line.answers) {
        const std::uint64_t word = load_relaxed(one);
        if (is_of(word, hash)) {
            place = &one;
            break;
        }
        // What was refused is of use for a moment only.
        const bool is_brief = word == 0 || (word >> 32 & 1) != 0;
        const std::uint64_t age = age_of(word, now_ms) + (is_brief ? time_mask : 0);
        if (place == nullptr || age > oldest) {
            place = &one;
            oldest = age;
        }
    }
    const std::uint64_t word = answer_word(hash, what, now_ms);
    shared_word{*place}.store(word == 0 ? 1 : word, std::memory_order_seq_cst);
}

answer asked_keys::said(std::string_view key, std::int64_t now_ms) const noexcept {
    return answer_to(table_, sip_hash(table_.key, key), now_ms).what;
}

std::bitset<base::limits::worker_slots> asked_keys::waiting_workers() const noexcept {
    return cache::waiting_workers(*table_.header);
}

void asked_keys::count(counter which, std::uint64_t by) const noexcept {
    count_in(table_, sync_process_slot, which, by);
}

std::bitset<base::limits::worker_slots> waiting_workers(file_header& header) noexcept {
    std::bitset<base::limits::worker_slots> waiting;
    for (std::size_t i = waiting.size() / 64; i-- > 0;) {
        const std::uint64_t word = shared_word{header.waiting[i]}.load(std::memory_order_seq_cst);
        waiting = waiting << 64 | std::bitset<base::limits::worker_slots>{word};
    }
    return waiting;
}

} // namespace postern::cache
