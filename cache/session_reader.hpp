// The session table as request workers (and control, and the tools) see it: look-ups without locks.
#pragma once

#include "base/clock.hpp"
#include "base/error.hpp"
#include "cache/activity.hpp"
#include "cache/answer.hpp"
#include "cache/counters.hpp"
#include "cache/route.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace postern::cache {

class segment;

/// What `hash_of` makes of a key; computed once per request.
using key_hash = std::uint64_t;

/// Ages of the table's content. Times are epoch ms, 0: never.
struct table_status {
    std::uint64_t capacity = 0;
    std::uint64_t live = 0;
    std::uint64_t changes = 0;          // grows with every applied change
    std::int64_t sync_heartbeat_ms = 0; // sync was alive
    std::int64_t synced_at_ms = 0;      // sync last saw the store and had applied all of it
    std::uint32_t sync_pid = 0;
};

/// Reads routes and adds activity. Cannot change a route. Thread-safe; takes no lock, makes no
/// system call and never waits for the writer: a look-up retries only when the writer has made
/// progress meanwhile.
class session_reader {
  public:
    /// Maps `path` for reading routes and writing activity and counters. `process_slot` says whose
    /// counters are counted (see process_slots in layout.hpp). Errors: cache::error (bad_magic,
    /// other_layout, bad_header, truncated), or the system's.
    [[nodiscard]] static base::result<session_reader> open(const std::string& path,
                                                           std::uint32_t process_slot);
    session_reader(session_reader&&) noexcept;
    session_reader& operator=(session_reader&&) noexcept;
    ~session_reader();

    [[nodiscard]] key_hash hash_of(std::string_view key) const noexcept;
    /// Brings the key's index line towards the cache; for callers that have other work to do first.
    void prefetch(key_hash hash) const noexcept;
    /// The route of `key`, or nothing. A slot that is damaged is counted and reads as absent.
    [[nodiscard]] bool look_up(std::string_view key, key_hash hash, route& out) const noexcept;
    [[nodiscard]] std::optional<route> look_up(std::string_view key) const noexcept;

    /// Grows when any route changes; compare before and after to skip a look-up. Acquire.
    [[nodiscard]] std::uint64_t changes() const noexcept;
    [[nodiscard]] table_status status() const noexcept;
    /// table_status::synced_at_ms alone.
    [[nodiscard]] std::int64_t synced_at_ms() const noexcept;

    /// Adds to the session's activity line; a stale `ref` is ignored. Relaxed atomics only.
    void add_activity(activity_ref ref, const activity_delta& delta) const noexcept;
    /// Nothing when `ref` is stale.
    [[nodiscard]] std::optional<activity> activity_of(activity_ref ref) const noexcept;

    void count(counter which, std::uint64_t by = 1) const noexcept;
    /// Sum over all process slots.
    [[nodiscard]] std::uint64_t total(counter which) const noexcept;

    /// A worker that has someone waiting for a change says so, and is rung after each change until
    /// it says 0.
    void set_waiting(bool waiting) const noexcept;

    /// Asks sync to look for a key in the store; it is to be rung then. `asker` is a number that
    /// each client has its own of: sync takes them in turn. False: there is no room, or this is no
    /// worker. For the worker's own thread.
    [[nodiscard]] bool ask_for(std::string_view key, std::uint32_t asker,
                               base::steady_time now) const noexcept;
    /// What sync said of a key lately. Whoever waits for it looks after set_waiting(true).
    [[nodiscard]] said_answer answer_to(key_hash hash, base::steady_time now) const noexcept;

  private:
    explicit session_reader(std::unique_ptr<segment> mapped, std::uint32_t process_slot) noexcept;
    std::unique_ptr<segment> segment_;
    std::uint32_t process_slot_ = 0;
};

} // namespace postern::cache
