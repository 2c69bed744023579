// What happens to the `process` launcher's launches by themselves: deaths, probes, deadlines.
#include "control/launch/output_file.hpp"
#include "control/launch/proc_files.hpp"
#include "control/launch/process_launcher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>

namespace postern::control {
namespace {

using namespace std::chrono_literals;

constexpr auto probe_pause = 100ms; // between two probes of a launch
constexpr auto probe_within =
    10'000ms; // of one HTTP probe: the first page of a dev server can take seconds
constexpr auto output_pause = 250ms;      // between two looks at the output's size
constexpr auto leaving_pause = 50ms;      // between two looks at who is left of a launch
constexpr auto unkillable_pause = 1000ms; // the same, when not even SIGKILL has helped for a second

std::chrono::milliseconds until(base::steady_time when, base::steady_time now) {
    return std::max(std::chrono::ceil<std::chrono::milliseconds>(when - now), 0ms);
}

std::string with_last_line(std::string reason, const std::string& output_path,
                           std::string_view between = ": ") {
    for (const std::string& line : last_output_lines(output_path, 1))
        reason.append(between).append(line);
    return reason;
}

/// Only a parent is told how its child ended. The last line of another's output need not be the
/// cause, so it must not read like one.
std::string death_of(const child_process& child, const std::string& output_path) {
    if (child.is_own)
        return with_last_line(ending_of(child), output_path);
    return with_last_line("it ended (exit status unknown: adopted after a restart of control)",
                          output_path, "; last output: ");
}

} // namespace

std::vector<std::string> process_launcher::wait(std::span<::pollfd> also,
                                                std::chrono::milliseconds timeout) {
    std::vector<::pollfd> fds(also.begin(), also.end());
    std::vector<launch*> watched;
    for (auto& [id, l] : launches_) {
        if (!l.child.pidfd || l.leader_gone)
            continue;
        fds.push_back({l.child.pidfd.get(), POLLIN, 0});
        watched.push_back(&l);
    }
    const auto at_most = changed_.empty() ? timeout : 0ms;
    const auto results = prober_.wait(fds, until_next_time(at_most));
    std::copy_n(fds.begin(), also.size(), also.begin());
    for (std::size_t i = 0; i < watched.size(); ++i)
        if (fds[also.size() + i].revents != 0)
            on_leader_gone(*watched[i]);
    for (const probe_result& result : results)
        if (const auto at = launches_.find(result.key); at != launches_.end())
            on_probe(at->second, result);
    for (auto& [id, l] : launches_)
        on_time(l);
    return std::exchange(changed_, {});
}

std::chrono::milliseconds
process_launcher::until_next_time(std::chrono::milliseconds at_most) const {
    const auto now = time_->steady();
    for (const auto& [id, l] : launches_) {
        if (l.view.phase == launch_phase::stopped || l.view.phase == launch_phase::died)
            continue;
        at_most = std::min(at_most, until(l.next_look, now));
        if (l.view.phase != launch_phase::starting && !l.view.checking)
            continue;
        at_most = std::min(at_most, until(l.deadline, now));
        if (!prober_.busy(id))
            at_most = std::min(at_most, until(l.next_probe, now));
    }
    return at_most;
}

void process_launcher::on_leader_gone(launch& l) {
    l.leader_gone = true;
    l.next_look = time_->steady();
    if (l.view.phase == launch_phase::starting || l.view.phase == launch_phase::ready)
        begin_end(l, launch_phase::died, death_of(l.child, l.output_path), options_.stop_signal);
}

void process_launcher::on_probe(launch& l, const probe_result& result) {
    if (l.view.phase != launch_phase::starting && !l.view.checking)
        return;
    l.last_problem = result.problem;
    if (result.good)
        return on_good_probe(l);
    l.next_probe = time_->steady() + probe_pause;
}

void process_launcher::on_good_probe(launch& l) {
    if (l.view.checking) {
        l.view.checking = false;
        l.view.good_at_ms = l.probe_began_ms;
        changed_.push_back(l.session_id);
        return;
    }
    // Somebody answers; dev servers take the next port without a word when theirs is taken.
    const listening who = listening_on(l.view.target.port, members_of(l.child.pid, l.mark));
    if (!who.ours && !who.unknown) {
        l.next_probe = time_->steady() + probe_pause;
        l.last_problem = fmt::format("found port {} held by another program", l.view.target.port);
        if (who.others && !who.elsewhere.empty())
            begin_end(l, launch_phase::died,
                      fmt::format("port {} is held by another program, and this one took port {} "
                                  "instead; make it fail then (Vite: server.strictPort)",
                                  l.view.target.port, who.elsewhere.front()),
                      options_.stop_signal);
        return;
    }
    l.view.phase = launch_phase::ready;
    l.view.good_at_ms = l.probe_began_ms;
    l.view.ready_at_ms = base::to_epoch_ms(time_->wall());
    l.next_look = time_->steady();
    changed_.push_back(l.session_id);
}

void process_launcher::on_time(launch& l) {
    const auto now = time_->steady();
    switch (l.view.phase) {
    case launch_phase::stopping:
        if (now >= l.next_look)
            look_at_leaving(l);
        return;
    case launch_phase::starting:
    case launch_phase::ready:
        break;
    default:
        return;
    }
    if (now >= l.next_look) {
        cap_output(l.output_path);
        l.next_look = now + output_pause;
    }
    if (l.view.phase == launch_phase::ready && !l.view.checking)
        return;
    if (now >= l.deadline) {
        const std::string reason = l.view.checking
                                       ? fmt::format("no longer answered: it {}", l.last_problem)
                                       : not_ready_reason(l);
        begin_end(l, launch_phase::died, with_last_line(reason, l.output_path),
                  options_.stop_signal);
    } else if (!prober_.busy(l.session_id) && now >= l.next_probe) {
        probe_again(l);
    }
}

void process_launcher::probe_again(launch& l) {
    probe_options how = options_.ready;
    // Once ready, an error page is the program's own business: only a closed port counts as dead.
    if (l.view.checking)
        how.how = probe_options::kind::tcp;
    l.probe_began_ms = base::to_epoch_ms(time_->wall());
    const auto left = until(l.deadline, time_->steady());
    prober_.begin(l.session_id, l.view.target, how, std::min(left, probe_within + 0ms));
}

std::string process_launcher::not_ready_reason(const launch& l) const {
    const double seconds = std::chrono::duration<double>(options_.ready.within).count();
    std::string reason = fmt::format("not ready within {:g} s", seconds);
    if (!l.last_problem.empty())
        reason += fmt::format(": it {} on {}", l.last_problem, l.view.target.text());
    const listening who = listening_on(l.view.target.port, members_of(l.child.pid, l.mark));
    if (who.ours)
        reason += fmt::format(", though it listens on port {}", l.view.target.port);
    else if (!who.elsewhere.empty())
        reason += fmt::format(", and listens on port {} instead", who.elsewhere.front());
    return reason;
}

void process_launcher::begin_end(launch& l, launch_phase then, std::string reason, int signal) {
    prober_.cancel(l.session_id);
    l.then = then;
    l.was_ended = then == launch_phase::died && !l.leader_gone;
    l.view.phase = launch_phase::stopping;
    l.view.reason = std::move(reason);
    l.view.checking = false;
    l.deadline = time_->steady() + options_.stop_within;
    l.next_look = l.leader_gone ? time_->steady() : l.deadline; // the pidfd wakes us before
    signal_all(l, signal);
    changed_.push_back(l.session_id);
}

void process_launcher::signal_all(launch& l, int signal) const {
    // The number of the group is ours while its leader lives, or waits to be reaped by us.
    const bool is_group_ours = l.child.is_own || !l.leader_gone;
    if (is_group_ours)
        ::kill(-l.child.pid, signal);
    for (const pid_t pid : members_of(0, l.mark)) {
        const auto stat = stat_of(pid);
        if (stat && !(is_group_ours && stat->group == l.child.pid))
            signal_marked(pid, l.mark, signal);
    }
}

void process_launcher::look_at_leaving(launch& l) {
    const auto now = time_->steady();
    if (l.leader_gone && members_of(l.child.is_own ? l.child.pid : 0, l.mark).empty()) {
        reap(l.child);
        ports_.give_back(l.view.target.port);
        l.view.phase = l.then;
        log_->info("session \"{}\": process {} {}{}", l.session_id, l.child.pid,
                   l.then == launch_phase::stopped ? "stopped"
                   : l.was_ended                   ? "was ended by postern: "
                                                   : "died: ",
                   l.view.reason);
        changed_.push_back(l.session_id);
        return;
    }
    if (now >= l.deadline && !l.was_killed) {
        l.was_killed = true;
        log_->notice("session \"{}\": process {} did not stop within {} ms: killed", l.session_id,
                     l.child.pid, options_.stop_within.count());
        signal_all(l, SIGKILL);
    }
    const bool is_stuck = l.was_killed && now >= l.deadline + unkillable_pause;
    l.next_look = now + (is_stuck ? unkillable_pause : leaving_pause);
    if (!l.leader_gone && !l.was_killed)
        l.next_look = l.deadline;
    else if (!l.was_killed)
        l.next_look = std::min(l.next_look, l.deadline);
}

} // namespace postern::control
