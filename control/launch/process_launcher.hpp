// The `process` launcher: each target is a program of this host, in a process group of its own,
// with its output in a file.
#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"
#include "control/control_worker.hpp"
#include "control/launch/child_process.hpp"
#include "control/launch/launcher.hpp"
#include "control/launch/port_range.hpp"
#include "control/launch/prober.hpp"

#include <map>
#include <memory>
#include <string>

namespace postern::control {

/// Every process of a launch carries POSTERN_LAUNCH=INSTANCE#SESSION in its environment, so that
/// this launcher and later ones find what has left the process group or was started in the moment
/// before a death.
class process_launcher final : public launcher {
  public:
    /// Makes the output directory, and takes its lock: two control processes that run sessions side
    /// by side would end each other's. `instance` tells the launches of this installation from
    /// those of others (the table's path). `time` and `log` outlive the launcher. Errors: the
    /// directory cannot be made; device_or_resource_busy.
    [[nodiscard]] static base::result<std::unique_ptr<process_launcher>>
    make(const process_launcher_options& options, std::string instance, const base::clock& time,
         base::log& log);
    ~process_launcher() override;

    [[nodiscard]] bool knows(std::string_view task) const override;
    void start(const sync::session& of) override;
    [[nodiscard]] bool adopt(const sync::session& of) override;
    void stop(std::string_view session_id) override;
    void check(std::string_view session_id) override;
    void forget(std::string_view session_id) override;
    [[nodiscard]] launch_view view(std::string_view session_id) const override;
    [[nodiscard]] std::vector<std::string> sessions() const override;
    [[nodiscard]] std::size_t running() const override;
    void sweep() override;
    std::vector<std::string> wait(std::span<::pollfd> also,
                                  std::chrono::milliseconds timeout) override;

  private:
    /// One session's launch. While `then` is set, the launch is on its way out and becomes that
    /// when all of it is gone.
    struct launch {
        std::string session_id;
        std::string mark;
        launch_view view;
        launch_phase then = launch_phase::none;
        child_process child;
        bool leader_gone = false;
        bool was_killed = false;
        bool was_ended = false; // by us, for a fault: then `died` all the same
        std::string output_path;
        std::string last_problem; // of the last probe
        base::steady_time
            deadline{}; // starting: to be ready; checking: to answer; stopping: SIGKILL
        base::steady_time next_probe{}; // starting, checking
        base::steady_time next_look{};  // stopping: at who is left; else: at the output's size
        std::int64_t probe_began_ms = 0;
    };

    process_launcher(const process_launcher_options& options, std::string instance,
                     base::unique_fd lock, const base::clock& time, base::log& log);

    [[nodiscard]] std::string mark_of(std::string_view session_id) const;
    [[nodiscard]] base::result<program> program_for(const sync::session& of,
                                                    std::uint16_t port) const;
    launch& add(const sync::session& of);
    void watch(launch& l, child_process child, std::uint16_t port);
    void fail(launch& l, std::string reason);
    void begin_end(launch& l, launch_phase then, std::string reason, int signal);
    void signal_all(launch& l, int signal) const;
    void kill_marked(std::string_view mark) const;

    void on_leader_gone(launch& l);
    void on_probe(launch& l, const probe_result& result);
    void on_good_probe(launch& l);
    void on_time(launch& l);
    void look_at_leaving(launch& l);
    void probe_again(launch& l);
    [[nodiscard]] std::string not_ready_reason(const launch& l) const;
    [[nodiscard]] std::chrono::milliseconds
    until_next_time(std::chrono::milliseconds at_most) const;

    process_launcher_options options_;
    std::string instance_;
    base::unique_fd lock_;
    const base::clock* time_;
    base::log* log_;
    port_range ports_;
    prober prober_;
    std::map<std::string, launch, std::less<>> launches_;
    std::vector<std::string> changed_; // since the last wait
};

} // namespace postern::control
