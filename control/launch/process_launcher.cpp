// What the lifecycle asks of the `process` launcher; process_events.cpp has what happens by itself.
#include "control/launch/process_launcher.hpp"

#include "base/check.hpp"
#include "control/launch/output_file.hpp"
#include "control/launch/proc_files.hpp"
#include "control/launch/process_task.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>

namespace postern::control {
namespace {

using base::failure;
using namespace std::chrono_literals;

constexpr std::chrono::milliseconds check_within =
    5s; // a dev server that restarts itself is back by then

failure unfit(std::string sentence) {
    return {make_error_code(boost::system::errc::invalid_argument), std::move(sentence)};
}

base::ip_endpoint target_on(std::uint16_t port) {
    return {base::ip_address::parse("127.0.0.1").value(), port};
}

/// The values of the templates' names for one launch.
class launch_values {
  public:
    launch_values(const sync::session& of, std::uint16_t port)
        : of_{&of}, port_{std::to_string(port)} {}

    [[nodiscard]] std::optional<std::string_view> operator()(std::string_view name) const {
        if (name == "port")
            return port_;
        if (name == "sessionId")
            return of_->session_id;
        if (name == "clientId")
            return of_->client_id;
        if (name == "userId")
            return of_->user_id;
        if (name == "threadId")
            return of_->thread_id;
        if (name == "branch")
            return of_->branch;
        if (name == "instruction")
            return of_->instruction;
        return std::nullopt;
    }

  private:
    const sync::session* of_;
    std::string port_;
};

/// Records can come from other programs: what goes into a path must not lead out of it.
bool fits_into_path(std::string_view value) {
    return !value.empty() && value != "." && value != ".." &&
           value.find('/') == std::string_view::npos;
}

base::result<std::string> filled(const base::text_template& text, const launch_values& values) {
    for (const std::string_view name : text.names()) {
        const auto value = values(name);
        if (!value)
            return unfit(fmt::format("{{{}}} in \"{}\" has no value", name, text.text()));
        if (value->find('\0') != std::string_view::npos)
            return unfit(fmt::format("{} has a zero byte in it", name));
    }
    return text.fill(values).value();
}

} // namespace

base::result<std::unique_ptr<process_launcher>>
process_launcher::make(const process_launcher_options& options, std::string instance,
                       const base::clock& time, base::log& log) {
    std::error_code error;
    std::filesystem::create_directories(options.output_directory, error);
    const std::string path = options.output_directory + "/lock";
    base::unique_fd lock{::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!lock)
        return failure{base::last_errno(), path};
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
        return failure{make_error_code(boost::system::errc::device_or_resource_busy),
                       path + " is held by another control process"};
    return std::unique_ptr<process_launcher>{
        new process_launcher{options, std::move(instance), std::move(lock), time, log}};
}

process_launcher::process_launcher(const process_launcher_options& options, std::string instance,
                                   base::unique_fd lock, const base::clock& time, base::log& log)
    : options_{options}, instance_{std::move(instance)}, lock_{std::move(lock)}, time_{&time},
      log_{&log}, ports_{options.port_first, options.port_last} {
    POSTERN_CHECK(!options.command.empty() && options.port_first <= options.port_last &&
                  options.port_first > 0);
}

process_launcher::~process_launcher() = default;

bool process_launcher::knows(std::string_view task) const {
    return process_task::parse(task).has_value();
}

std::string process_launcher::mark_of(std::string_view session_id) const {
    return fmt::format("{}#{}", instance_, session_id);
}

base::result<program> process_launcher::program_for(const sync::session& of,
                                                    std::uint16_t port) const {
    const launch_values values{of, port};
    program p;
    for (const base::text_template& argument : options_.command) {
        auto text = filled(argument, values);
        if (!text)
            return text.error();
        p.command.push_back(std::move(*text));
    }
    for (const std::string_view name : options_.directory.names())
        if (!fits_into_path(values(name).value_or("")))
            return unfit(fmt::format("{} \"{}\" cannot be part of the directory {}", name,
                                     values(name).value_or(""), options_.directory.text()));
    auto directory = filled(options_.directory, values);
    if (!directory)
        return directory.error();
    p.directory = std::move(*directory);
    for (const auto& [name, text] : options_.environment) {
        auto value = filled(text, values);
        if (!value)
            return value.error();
        p.environment.emplace_back(name, std::move(*value));
    }
    if (of.session_id.find('\0') != std::string::npos)
        return unfit("sessionId has a zero byte in it");
    p.environment.emplace_back(launch_mark, mark_of(of.session_id));
    p.output_path = output_path_of(options_.output_directory, of.session_id);
    return p;
}

process_launcher::launch& process_launcher::add(const sync::session& of) {
    POSTERN_CHECK(!launches_.contains(of.session_id));
    launch& l = launches_[of.session_id];
    l.session_id = of.session_id;
    l.mark = mark_of(of.session_id);
    l.output_path = output_path_of(options_.output_directory, of.session_id);
    l.view.started_at_ms = base::to_epoch_ms(time_->wall());
    changed_.push_back(of.session_id);
    return l;
}

void process_launcher::watch(launch& l, child_process child, std::uint16_t port) {
    l.child = std::move(child);
    l.view.task = process_task{l.child.pid, l.child.start_time, port}.text();
    l.view.target = target_on(port);
    l.next_probe = l.next_look = time_->steady();
}

void process_launcher::fail(launch& l, std::string reason) {
    l.view.phase = launch_phase::died;
    l.view.reason = std::move(reason);
    changed_.push_back(l.session_id);
}

void process_launcher::start(const sync::session& of) {
    launch& l = add(of);
    // A process that was begun in the moment before a death of control is in no record.
    kill_marked(l.mark);
    const auto port = ports_.take();
    if (!port)
        return fail(
            l, fmt::format("no free port from {} to {}", options_.port_first, options_.port_last));
    auto what = program_for(of, *port);
    if (what)
        set_output_aside(what->output_path);
    auto child = what ? spawn(*what) : base::result<child_process>{what.error()};
    if (!child) {
        ports_.give_back(*port);
        return fail(l, child.error().code == boost::system::errc::invalid_argument
                           ? child.error().what
                           : child.error().text());
    }
    l.view.phase = launch_phase::starting;
    l.deadline = time_->steady() + options_.ready.within;
    watch(l, std::move(*child), *port);
    log_->info("session \"{}\": started process {} for port {}: {}", of.session_id, l.child.pid,
               *port, fmt::join(what->command, " "));
}

bool process_launcher::adopt(const sync::session& of) {
    const auto task = process_task::parse(of.task);
    POSTERN_CHECK(task.has_value());
    auto child = find_process(task->pid, task->start_time);
    if (!child) {
        kill_marked(mark_of(of.session_id));
        return false;
    }
    launch& l = add(of);
    ports_.hold(task->port);
    const bool is_ready = of.status == sync::session_status::active;
    l.view.phase = is_ready ? launch_phase::ready : launch_phase::starting;
    if (of.started_at_ms > 0)
        l.view.started_at_ms = of.started_at_ms;
    const std::chrono::milliseconds age{base::to_epoch_ms(time_->wall()) - l.view.started_at_ms};
    l.deadline = time_->steady() + std::max(options_.ready.within - age, 1000ms);
    watch(l, std::move(*child), task->port);
    log_->info("session \"{}\": adopted process {} on port {}", of.session_id, task->pid,
               task->port);
    return true;
}

void process_launcher::stop(std::string_view session_id) {
    const auto at = launches_.find(session_id);
    if (at == launches_.end())
        return;
    launch& l = at->second;
    if (l.view.phase != launch_phase::starting && l.view.phase != launch_phase::ready)
        return;
    begin_end(l, launch_phase::stopped, {}, options_.stop_signal);
}

void process_launcher::check(std::string_view session_id) {
    const auto at = launches_.find(session_id);
    if (at == launches_.end())
        return;
    launch& l = at->second;
    if (l.view.phase != launch_phase::ready || l.view.checking)
        return;
    l.view.checking = true;
    l.deadline = time_->steady() + std::min(check_within, options_.ready.within);
    l.next_probe = time_->steady();
}

void process_launcher::forget(std::string_view session_id) {
    const auto at = launches_.find(session_id);
    if (at == launches_.end())
        return;
    POSTERN_CHECK(at->second.view.phase == launch_phase::stopped ||
                  at->second.view.phase == launch_phase::died);
    launches_.erase(at);
}

launch_view process_launcher::view(std::string_view session_id) const {
    const auto at = launches_.find(session_id);
    return at == launches_.end() ? launch_view{} : at->second.view;
}

std::vector<std::string> process_launcher::sessions() const {
    std::vector<std::string> ids;
    for (const auto& [id, l] : launches_)
        ids.push_back(id);
    return ids;
}

std::size_t process_launcher::running() const {
    return static_cast<std::size_t>(
        std::count_if(launches_.begin(), launches_.end(), [](const auto& entry) {
            const launch_phase phase = entry.second.view.phase;
            return phase != launch_phase::stopped && phase != launch_phase::died;
        }));
}

void process_launcher::sweep() {
    for (const marked_process& p : marked_processes(instance_ + "#")) {
        const bool is_mine =
            std::any_of(launches_.begin(), launches_.end(),
                        [&](const auto& entry) { return entry.second.mark == p.mark; });
        if (is_mine)
            continue;
        log_->notice("process {} of session \"{}\" belongs to no running session: ended", p.pid,
                     p.mark.substr(instance_.size() + 1));
        signal_marked(p.pid, p.mark, SIGKILL);
    }
}

void process_launcher::kill_marked(std::string_view mark) const {
    for (const marked_process& p : marked_processes(mark))
        if (p.mark == mark)
            signal_marked(p.pid, mark, SIGKILL);
}

} // namespace postern::control
