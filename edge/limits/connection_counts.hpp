// How many connections each client has, over all workers: each worker keeps its own counts, and
// whoever wants to know adds them up. A worker that is killed takes no other's counts with it, and
// its own are wiped as one piece.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace postern::edge {

/// The counts of one worker: written by it alone, read by all. Bytes that are all zero are no
/// counts. Clients are known by a hash.
///
/// At most `ways` clients of one set can be counted at one time; a connection of one more is not
/// counted: nobody is refused for want of room.
class connection_counts {
  public:
    static constexpr std::size_t sets = 4096;
    static constexpr std::size_t ways = 8; // a cache line

    /// Where a connection is counted.
    using place = std::uint32_t;

    /// Counts one more connection; nothing where there is no room.
    [[nodiscard]] std::optional<place> add(std::uint64_t client) noexcept;
    /// One less. Requires: `add` gave `where`, and it is taken back once.
    void remove(place where) noexcept;
    [[nodiscard]] std::uint32_t of(std::uint64_t client) const noexcept;
    /// Requires: its worker is gone.
    void wipe() noexcept;

  private:
    // One word, so that whoever reads sees a client and its own count: 40 bits of the client's
    // hash, 24 of count. 0 in the count: free.
    using word = std::atomic<std::uint64_t>;
    static constexpr std::uint64_t count_mask = (1U << 24U) - 1;
    [[nodiscard]] static std::size_t set_of(std::uint64_t client) noexcept { return client % sets; }
    [[nodiscard]] static std::uint64_t tag_of(std::uint64_t client) noexcept {
        return client & ~count_mask;
    }
    struct alignas(64) set {
        std::array<word, ways> words;
    };
    std::array<set, sets> sets_;
};

} // namespace postern::edge
