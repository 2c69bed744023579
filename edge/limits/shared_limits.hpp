// The memory that all workers of all generations count in: made by the master before its first
// fork, so that a reload or a worker's death forgets nobody.
#pragma once

#include "base/error.hpp"
#include "base/limits.hpp"
#include "cache/hash.hpp"
#include "edge/limits/connection_counts.hpp"
#include "edge/limits/rate_table.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

namespace postern::edge {

/// The limits that can be met, as counters and the log tell them apart.
enum class limit_kind {
    client_connections,
    client_requests,
    client_bytes,
    session_requests,
    session_bytes,
    count_
};

/// What stands in the mapping; zero bytes but for `seed`.
struct limits_memory {
    cache::hash_key seed; // set before the first fork, never changed
    // A bit a process slot: whose counts are to be added up.
    std::array<std::atomic<std::uint64_t>, (base::limits::worker_slots + 63) / 64> slots_in_use;
    // When each limit was last logged.
    std::array<std::atomic<limit_ns>, static_cast<std::size_t>(limit_kind::count_)> said_at;
    rate_table rates;
    std::array<connection_counts, base::limits::worker_slots> connections;
};

/// One anonymous shared mapping of about 36 MB, of which only the pages that are used take memory.
/// Children have it by being forked. Thread-safe.
class shared_limits {
  public:
    /// Errors: mmap(2)'s, getrandom(2)'s.
    [[nodiscard]] static base::result<shared_limits> make();

    [[nodiscard]] limits_memory& memory() const noexcept { return *memory_; }
    /// A worker takes process slot `slot`: its counts are looked at from now on.
    void use(std::uint32_t slot) const noexcept;
    /// The worker that had `slot` is gone, and with it all of its connections.
    void wipe(std::uint32_t slot) const noexcept;

  private:
    struct unmap {
        void operator()(limits_memory* memory) const noexcept;
    };
    explicit shared_limits(limits_memory* memory) noexcept : memory_{memory} {}
    std::unique_ptr<limits_memory, unmap> memory_;
};

} // namespace postern::edge
