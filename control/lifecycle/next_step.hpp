// What to do next for one session: a pure function of its record, its launch, its activity and the
// time. It looks at what is, never at what happened: a lost event, a conflict or a death of control
// costs one more look.
#pragma once

#include "cache/activity.hpp"
#include "cache/route.hpp"
#include "control/launch/launcher.hpp"
#include "sync/store/store.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace postern::control {

struct lifecycle_rules {
    bool has_launcher = false;
    std::chrono::milliseconds idle_timeout{}; // 0: never
    std::chrono::milliseconds history{};
    std::chrono::milliseconds drain_grace{
        1000}; // at most, for the workers to route a draining session away
    /// For another host's launcher, or whoever made the task, to end what it runs.
    std::chrono::milliseconds others_drain_grace{30'000};
    unsigned restarts_max = 0; // within restart_window; one more death fails the session
    std::chrono::milliseconds restart_window{};
    std::size_t sessions_max = 0; // launched at one time; 0: no bound
    bool is_stopping = false;     // every launch of this host is to end
};

/// What the session table shows for the session's route key.
struct table_entry {
    cache::route_state state = cache::route_state::inactive;
    cache::activity activity;
    std::string session_id{}; // whose route it is; empty: the session's that is asked about
};

/// All that the decision depends on besides the record. Times are epoch ms.
struct situation {
    std::int64_t now_ms = 0;
    std::int64_t clock_ahead_ms = 0; // of the store's, as far as is known
    launch_view launch;
    bool is_task_ours = false;          // our launcher made the record's task
    bool is_task_gone = false;          // adopting the record's task has been tried, in vain
    std::optional<table_entry> table;   // nothing: the table does not route the key
    std::int64_t draining_since_ms = 0; // when the record was first seen draining; 0: not yet
    unsigned relaunches = 0;            // within restart_window
    std::size_t running = 0;            // launches of all sessions
};

enum class act {
    nothing,
    write,  // `record` replaces the stored one, if that has not changed meanwhile
    start,  // the launch
    adopt,  // the launch that the record's task names
    stop,   // the launch
    check,  // whether the target still answers
    forget, // the launch that has ended
    remove, // the record
};

struct step {
    act what = act::nothing;
    sync::session record{};   // write
    bool ends_launch = false; // write: forget the ended launch in the same breath
    bool is_relaunch = false; // write: counts against restarts_max
};

/// The next step; asked again after each until it is `nothing`. `record` is null where the store
/// has none.
[[nodiscard]] step next_step(const sync::session* record, const situation& now,
                             const lifecycle_rules& rules);

/// After `next_step` has said `nothing`: the earliest time (epoch ms) at which it can say something
/// else although record, launch and route have stayed as they are; `due_times::never` where only
/// their change can make it. Activity only moves it later, except that a target which refuses
/// (activity.refused_at_ms) is to be checked at once, whatever this says.
[[nodiscard]] std::int64_t look_again_at_ms(const sync::session* record, const situation& now,
                                            const lifecycle_rules& rules);

/// The last sign of life that counts against idle_timeout. Pushes and open sockets do not: an open
/// tab is nobody.
[[nodiscard]] std::int64_t last_activity_ms(const sync::session& record, const situation& now);

} // namespace postern::control
