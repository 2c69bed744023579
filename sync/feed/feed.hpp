// A feed: keeps a replica in step with a remote table.
#pragma once

#include "base/clock.hpp"
#include "base/error.hpp"

#include <atomic>
#include <cstdint>
#include <string_view>

namespace postern::sync {

/// What a feed tells others in its process. Relaxed atomics: each is right by itself.
struct feed_state {
    /// Wall clock, epoch ms: the replica has all that the remote table had then. 0: not since the
    /// process began.
    std::atomic<std::int64_t> current_at_ms{0};
    std::atomic<bool> is_loading{false}; // a snapshot is being read
    std::atomic<std::uint64_t> records{0}, snapshots{0}, rows_scanned{0}, rows_removed{0},
        throttled{0}, gaps{0}, skipped{0}, errors{0}, calls{0};
    /// Calls that the remote side has answered: with what was asked for, or a wish to slow down.
    std::atomic<std::uint64_t> answers{0};
    /// Of one that feeds other hosts.
    std::atomic<std::uint64_t> leases{0}, leases_ended{0}, gave_way{0}, published{0},
        passed_over{0}, published_snapshots{0};
};

/// Counts an answer, where `got` is one.
template <class Result>
void note_answer(feed_state& state, const Result& got, bool is_throttled = false) {
    if (got || is_throttled)
        state.answers.fetch_add(1, std::memory_order_relaxed);
}

/// The replica has all that the remote table had then: what is known is made younger, and older
/// only where it is yet to come, as the clock was set back.
inline void note_current(feed_state& state, std::int64_t at_ms, std::int64_t now_ms) {
    const std::int64_t known_ms = state.current_at_ms.load(std::memory_order_relaxed);
    if (at_ms > known_ms || known_ms > now_ms)
        state.current_at_ms.store(at_ms, std::memory_order_relaxed);
}

class feed {
  public:
    virtual ~feed() = default;
    /// Does the next bounded piece of work, a call or two to the remote side. Errors: what the
    /// remote side, or the replica, could not do for now: call again after a back-off, and what was
    /// done is kept.
    [[nodiscard]] virtual base::result<void> work() = 0;
    /// When to call again at the latest (steady clock; a time gone by: at once).
    [[nodiscard]] virtual base::steady_time next_work() const = 0;
    /// Someone on this host has written to the remote table, and to the replica: look soon, where
    /// that costs next to nothing.
    virtual void ring() noexcept = 0;
    /// What keeps a replica from being filled though the remote side answers, a part of a sentence;
    /// empty: nothing. As of the last `work`.
    [[nodiscard]] virtual std::string_view waits_for() const { return {}; }
    /// What it fills is lost: another feed has to be opened.
    [[nodiscard]] virtual bool is_lost() const { return false; }
    /// `work` has put or removed rows since the last call.
    [[nodiscard]] virtual bool took_changes() noexcept = 0;
};

} // namespace postern::sync
