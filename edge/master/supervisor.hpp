// Which children there should be, and what to do about each that is missing, in the way or late: a
// pure state machine. The master feeds it what happened and carries out what it answers; time is an
// argument.
#pragma once

#include "base/clock.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::edge {

enum class role { sync, control, worker };
[[nodiscard]] std::string_view name_of(role what) noexcept;

/// How long things may take. All bounds end in SIGKILL.
struct supervisor_limits {
    std::chrono::milliseconds drain{30'000};      // a worker after 'q': shutdown_timeout
    std::chrono::milliseconds worker_stop{2'000}; // a worker after 's'
    std::chrono::milliseconds control_stop{
        15'000};                                 // control after 's': it ends its containers first
    std::chrono::milliseconds hand_over{5'000};  // control after 'h'
    std::chrono::milliseconds sync_stop{10'000}; // sync after 's': it writes activity back first
    // How long workers of a new generation run beside the old ones before those are told to leave;
    // the longer one when there will be fewer workers, so that what waits at the sockets that go is
    // still accepted.
    std::chrono::milliseconds trial{300};
    std::chrono::milliseconds trial_with_fewer{1'500};
};

/// One place that a process fills. `id` is the place's, and stays over restarts.
struct child {
    enum class phase {
        waiting, // to be started at `at`
        queued,  // to be started once the child `after` is gone
        running,
        retiring, // told to leave; at `at` the next, harder word
        given_up, // cannot work with this conf; until the next generation
    };
    std::uint32_t id = 0;
    role what = role::worker;
    std::uint32_t position = 0; // of a worker: 0.. in its generation, and whose sockets it takes
    std::uint32_t process_slot = 0; // of a worker: in the table
    std::uint64_t generation = 0;
    enum phase phase = phase::waiting;
    int pid = 0;
    base::steady_time at{};
    base::steady_time started_at{};
    std::uint32_t deaths = 0; // in a row
    std::uint32_t after = 0;
    char order = 0; // the last one given
};

/// What the master has to do, in this order.
struct action {
    enum class kind {
        spawn,   // fork `id`, then call spawned() or spawn_failed()
        order,   // write `order` to the child
        kill,    // SIGKILL it
        adopt,   // the candidate generation is the current one now
        discard, // the candidate generation is no more
        finish,  // all is over: exit with `exit_code`
    };
    enum kind what = kind::spawn;
    std::uint32_t id = 0;
    char order = 0;
    int exit_code = 0;
};

/// How a child ended.
struct child_end {
    bool by_signal = false;
    int code = 0; // exit code or signal number
};

/// Rules: a role that dies is back at once, the second time in a row after 100 ms, doubling up to 5
/// s; 10 s of life are a fresh start. Exit code 78 is final for its generation. A new generation's
/// workers are on trial first: if one cannot live, all of them leave again and the old generation
/// stays. Sync leaves last, so that nothing that was counted is lost. Not thread-safe. Owns no
/// process.
class supervisor {
  public:
    explicit supervisor(const supervisor_limits& limits) : limits_{limits} {}

    /// The first generation. Requires: called once, 1 <= workers <= limits::workers_max.
    void start(std::uint32_t workers, base::steady_time now);
    /// A new generation beside the current one. False: not now (stopping, one on trial, or too many
    /// old workers still there, which are then told to hurry); ask again after the next child's end
    /// or trial. `limits` hold from now on.
    [[nodiscard]] bool reload(std::uint32_t workers, const supervisor_limits& limits,
                              base::steady_time now);
    void stop(base::steady_time now);  // end at once
    void drain(base::steady_time now); // end after the requests in flight

    void spawned(std::uint32_t id, int pid, base::steady_time now);
    void spawn_failed(std::uint32_t id, base::steady_time now);
    /// The child that `pid` was, as it was before; nothing when it is none of ours.
    std::optional<child> ended(int pid, child_end how, base::steady_time now);
    void tick(base::steady_time now);

    /// What to do, once each.
    [[nodiscard]] std::vector<action> take_actions();
    /// When `tick` has something to do next.
    [[nodiscard]] std::optional<base::steady_time> wake_at() const;

    [[nodiscard]] const child* find(std::uint32_t id) const;
    [[nodiscard]] bool on_trial() const noexcept { return trial_; }
    [[nodiscard]] bool stopping() const noexcept { return ending_ != ending::no; }
    [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }

  private:
    enum class ending { no, draining, stopping };

    child& add(role what, std::uint32_t position, std::uint64_t generation, base::steady_time now);
    void retire(child& c, char order, base::steady_time now);
    void hurry(child& c, base::steady_time now);
    void died(child& c, child_end how, base::steady_time now);
    void replace(role what, char order, base::steady_time now);
    void adopt(base::steady_time now);
    void discard(base::steady_time now);
    void go_on_ending(base::steady_time now);
    void remove(std::uint32_t id, base::steady_time now);
    [[nodiscard]] std::chrono::milliseconds patience(const child& c, char order) const;
    [[nodiscard]] bool any(role what) const;
    [[nodiscard]] std::optional<std::uint32_t> free_slot() const;
    [[nodiscard]] std::uint32_t free_slots() const;

    supervisor_limits limits_;
    supervisor_limits next_limits_; // of the generation on trial
    std::vector<child> children_;
    std::vector<action> actions_;
    std::uint64_t generation_ = 0; // the current one; on trial is generation_ + 1
    std::uint32_t workers_ = 0;    // of the current generation
    std::uint32_t last_id_ = 0;
    bool trial_ = false;
    base::steady_time trial_until_{};
    base::steady_time started_at_{};
    ending ending_ = ending::no;
    bool finished_ = false;
    int exit_code_ = 0;
};

} // namespace postern::edge
