// Keys that the table does not have: workers ask sync for them, and sync says what came of it. What
// was found goes into the table as every route does; only that there is nothing is said here.
#pragma once

#include "base/limits.hpp"
#include "cache/answer.hpp"
#include "cache/counters.hpp"
#include "cache/table_view.hpp"

#include <array>
#include <bitset>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>

namespace postern::cache {

/// Times are of the host's steady clock, which all its processes share.
[[nodiscard]] constexpr std::int64_t to_ms(std::chrono::steady_clock::time_point at) noexcept {
    return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
}

/// The workers' half; session_reader has it. False: there is no room, or `slot` is no worker's. One
/// thread a slot.
[[nodiscard]] bool ask_for(const table_view& table, std::uint32_t slot, std::string_view key,
                           std::uint32_t asker, std::int64_t now_ms) noexcept;
/// To be read after session_reader::set_waiting, so that no answer is missed.
[[nodiscard]] said_answer answer_to(const table_view& table, std::uint64_t hash,
                                    std::int64_t now_ms) noexcept;

/// A key as a worker asked for it. The view ends with the call that gives it.
struct asked_for {
    std::string_view key;
    std::uint32_t asker = 0; // a number that each client has its own of
    std::int64_t at_ms = 0;
};

/// Sync's half: reads what workers ask, whatever stands there, and answers. One at a time on a
/// table, by whoever has its session_writer, which outlives it. Not thread-safe but for `count`.
class asked_keys {
  public:
    /// What was asked before and not read yet still counts; answers of before do not.
    explicit asked_keys(const table_view& table) noexcept;

    /// Every key that waits, each once. What is no whole key is passed over, and counted among
    /// those that are refused.
    void take(const std::function<void(const asked_for&)>& visit);
    /// Requires: not none.
    void say(std::string_view key, answer what, std::int64_t now_ms) noexcept;
    [[nodiscard]] answer said(std::string_view key, std::int64_t now_ms) const noexcept;
    /// Whom to ring after an answer: as session_writer::waiting_workers.
    [[nodiscard]] std::bitset<base::limits::worker_slots> waiting_workers() const noexcept;
    void count(counter which, std::uint64_t by = 1) const noexcept;

  private:
    void take_of(std::uint32_t slot, const std::function<void(const asked_for&)>& visit);

    table_view table_;
    std::array<std::uint64_t, worker_process_slots> taken_{}; // the file's is not believed
};

/// Bit n: worker n waits for changes and answers.
[[nodiscard]] std::bitset<base::limits::worker_slots> waiting_workers(file_header& header) noexcept;

} // namespace postern::cache
