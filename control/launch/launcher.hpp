// What starts and stops targets. Used by the lifecycle thread of the control process, and by no
// other. `process` is one; whatever comes later answers the same contract tests
// (launcher_contract_test.cpp).
#pragma once

#include "base/ip_endpoint.hpp"
#include "sync/store/store.hpp"

#include <chrono>
#include <cstdint>
#include <poll.h>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postern::control {

/// Where a session's launch stands.
///
///     none ─start→ starting ─probe→ ready ─stop→ stopping → stopped
///                     └──────────────┴─ its own death ────→ died
enum class launch_phase {
    none,     // nothing of this session runs here as far as this launcher knows
    starting, // runs, not ready yet
    ready,    // answers its probe
    stopping, // on its way out; all of it is gone when this ends
    stopped,  // gone because it was told to go
    died,     // gone, or never came up; `reason` says why
};

/// A copy of what a launcher knows of one session. Times are epoch ms, 0: never.
struct launch_view {
    launch_phase phase = launch_phase::none;
    std::string task; // the handle to keep in the store, with which a later process adopts it
    base::ip_endpoint target; // where it answers, or will
    std::string reason;       // one line for people, only with `died`
    std::int64_t started_at_ms = 0;
    std::int64_t ready_at_ms = 0; // when this process saw it become ready; 0 for one adopted ready
    std::int64_t good_at_ms = 0;  // start of the last probe that it answered
    bool checking = false;        // `check` has not come to an end yet
};

/// Keeps at most one launch a session, by session id. Nothing here blocks: calls begin something,
/// `wait` carries it on. A launcher that goes leaves its launches running; another one may adopt
/// them. Not thread-safe.
class launcher {
  public:
    virtual ~launcher() = default;

    /// True for handles that this kind of launcher makes.
    [[nodiscard]] virtual bool knows(std::string_view task) const = 0;
    /// Begins a launch. Requires: phase none. After it: starting, or died with the reason.
    virtual void start(const sync::session& of) = 0;
    /// Takes over the launch that `of.task` names, begun by an earlier process: ready where the
    /// record is active, else starting. False: it is gone, and what was left of it is ended.
    /// Requires: phase none and knows(of.task).
    [[nodiscard]] virtual bool adopt(const sync::session& of) = 0;
    /// Ends all of a launch, by force when it does not go by itself in time. No effect unless
    /// starting or ready.
    virtual void stop(std::string_view session_id) = 0;
    /// Looks whether a ready launch still answers; one that does not for some seconds is ended and
    /// dies.
    virtual void check(std::string_view session_id) = 0;
    /// Drops what is known of a launch. Requires: phase stopped or died (none: no effect).
    virtual void forget(std::string_view session_id) = 0;

    [[nodiscard]] virtual launch_view view(std::string_view session_id) const = 0;
    /// Every session with a phase other than none.
    [[nodiscard]] virtual std::vector<std::string> sessions() const = 0;
    /// How many are starting, ready or stopping.
    [[nodiscard]] virtual std::size_t running() const = 0;

    /// Ends what earlier processes of this instance started and this one has not adopted. Called
    /// once, after the adoptions at the start.
    virtual void sweep() = 0;
    /// Waits until a descriptor of `also` is ready (as poll(2), revents set), a launch moves on, or
    /// the time is over. The sessions whose view has changed.
    virtual std::vector<std::string> wait(std::span<::pollfd> also,
                                          std::chrono::milliseconds timeout) = 0;
};

} // namespace postern::control
