// Token buckets in memory that all workers share: who has used how much of a rate.
//
// A bucket is one number, the time until which its owner has paid (GCRA, ITU-T I.371's "theoretical
// arrival time"): what is taken moves it on by what it costs, and a bucket whose time has passed is
// a full one, the same as none. So a bucket is taken from with one compare-and-swap, an idle one
// can be given to another key without loss, and a worker that is killed leaves nothing to repair.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace postern::edge {

/// All times are nanoseconds of the machine's steady clock, which all processes share.
using limit_ns = std::uint64_t;

/// A fixed number of buckets, in sets of four that share a cache line. Bytes that are all zero are
/// an empty table, so that it can stand in a fresh mapping. Any number of processes use it at one
/// time; nobody waits for anybody.
///
/// When a set is full, the bucket that owes least is given to the new key. An idle one loses
/// nothing; else its owner is forgiven a debt, and the new one starts with a full bucket: nobody is
/// refused for want of room.
class rate_table {
  public:
    static constexpr std::size_t sets = 65'536;
    static constexpr std::size_t ways = 4;

    struct outcome {
        limit_ns late = 0;     // over the limit by this much; 0: within
        bool replaced = false; // a bucket in use had to make room
    };

    /// Takes `cost` from the bucket of `key`, unless it would owe more than `most` then: nothing is
    /// taken, and `late` says in how long it could be. Requires: cost <= most.
    [[nodiscard]] outcome take(std::uint64_t key, limit_ns cost, limit_ns most,
                               limit_ns now) noexcept;
    /// Charges `cost` for what has happened already, whatever is owed then, up to `most` and
    /// `debt_max` together. `late`: what is owed beyond `most`.
    outcome charge(std::uint64_t key, limit_ns cost, limit_ns most, limit_ns debt_max,
                   limit_ns now) noexcept;
    /// What `key` owes.
    [[nodiscard]] limit_ns owed(std::uint64_t key, limit_ns now) const noexcept;

  private:
    struct bucket {
        std::atomic<std::uint64_t> key; // 0: never used
        std::atomic<limit_ns> paid_until;
    };
    struct alignas(64) set {
        std::array<bucket, ways> buckets;
    };
    struct found {
        bucket& in;
        bool replaced = false;
    };
    [[nodiscard]] found bucket_of(std::uint64_t key, limit_ns now) noexcept;
    [[nodiscard]] static std::size_t set_of(std::uint64_t key) noexcept { return key % sets; }

    std::array<set, sets> sets_;
};

} // namespace postern::edge
