#include "edge/limits/rate_table.hpp"

#include <algorithm>

namespace postern::edge {
namespace {

/// Keys are hashes; the one that means "never used" is as good as its neighbour.
constexpr std::uint64_t usable(std::uint64_t key) noexcept {
    return key == 0 ? 1 : key;
}

} // namespace

rate_table::found rate_table::bucket_of(std::uint64_t key, limit_ns now) noexcept {
    set& here = sets_[set_of(key)];
    for (;;) {
        bucket* least = nullptr;
        limit_ns least_paid = 0;
        for (bucket& b : here.buckets) {
            if (b.key.load(std::memory_order_relaxed) == key)
                return {b, false};
            const limit_ns paid = b.paid_until.load(std::memory_order_relaxed);
            if (least == nullptr || paid < least_paid) {
                least = &b;
                least_paid = paid;
            }
        }
        std::uint64_t owner = least->key.load(std::memory_order_relaxed);
        if (owner == key)
            return {*least, false};
        // Two who come with new keys at one time: the later one looks again.
        if (!least->key.compare_exchange_strong(owner, key, std::memory_order_relaxed))
            continue;
        if (least_paid <= now)
            return {*least, false};
        // Killed before this, the new owner starts with another's debt, which is bounded.
        least->paid_until.compare_exchange_strong(least_paid, now, std::memory_order_relaxed);
        return {*least, true};
    }
}

rate_table::outcome rate_table::take(std::uint64_t key, limit_ns cost, limit_ns most,
                                     limit_ns now) noexcept {
    const found at = bucket_of(usable(key), now);
    limit_ns paid = at.in.paid_until.load(std::memory_order_relaxed);
    for (;;) {
        const limit_ns next = std::max(paid, now) + cost;
        if (next - now > most)
            return {next - now - most, at.replaced};
        if (at.in.paid_until.compare_exchange_weak(paid, next, std::memory_order_relaxed))
            return {0, at.replaced};
    }
}

rate_table::outcome rate_table::charge(std::uint64_t key, limit_ns cost, limit_ns most,
                                       limit_ns debt_max, limit_ns now) noexcept {
    const found at = bucket_of(usable(key), now);
    limit_ns paid = at.in.paid_until.load(std::memory_order_relaxed);
    for (;;) {
        const limit_ns next = std::min(std::max(paid, now) + cost, now + most + debt_max);
        if (at.in.paid_until.compare_exchange_weak(paid, next, std::memory_order_relaxed))
            return {next - now > most ? next - now - most : 0, at.replaced};
    }
}

limit_ns rate_table::owed(std::uint64_t key, limit_ns now) const noexcept {
    key = usable(key);
    for (const bucket& b : sets_[set_of(key)].buckets)
        if (b.key.load(std::memory_order_relaxed) == key) {
            const limit_ns paid = b.paid_until.load(std::memory_order_relaxed);
            return paid > now ? paid - now : 0;
        }
    return 0;
}

} // namespace postern::edge
