// Start and stop of the master, and what it does with signals.
#include "edge/master/master.hpp"

#include "cache/segment.hpp"
#include "edge/master/master_process.hpp"
#include "edge/settings/settings_loader.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

namespace postern::edge {
namespace {

// A master that was killed leaves children behind that hold its address until they have noticed:
// nginx waits 2.5 s, too.
constexpr unsigned bind_tries = 25;
constexpr int bind_wait_ms = 100;

/// Descriptors 0, 1 and 2 exist, so that no socket or file of ours becomes one of them.
void fill_standard_descriptors() {
    for (;;) {
        const int fd = ::open("/dev/null", O_RDWR);
        if (fd < 0)
            return;
        if (fd > STDERR_FILENO) {
            ::close(fd);
            return;
        }
    }
}

base::result<base::unique_fd> take_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE})
        ::sigaddset(&set, number);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    base::unique_fd fd{::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)};
    if (!fd)
        return base::failure{base::last_errno(), "no signalfd"};
    return fd;
}

void say(const std::string& sentence) {
    std::fprintf(stderr, "postern: %s\n", sentence.c_str());
}

} // namespace

int run_master(const std::string& conf_file) {
    fill_standard_descriptors();
    return master_process{conf_file}.run();
}

master_process::master_process(std::string conf_file)
    : conf_file_{std::move(conf_file)}, log_{STDERR_FILENO, base::log_level::info, "master", time_},
      supervisor_{{}} {}

int master_process::run() {
    auto conf = load_settings(conf_file_);
    if (!conf) {
        say(conf.error().text());
        return exit_bad_conf;
    }
    if (const auto started = start(std::move(*conf)); !started) {
        say(started.error().text());
        if (current_ && current_->logs.error_fd() != STDERR_FILENO)
            log_.error("cannot start: {}", started.error().text());
        return exit_cannot_start;
    }
    return loop();
}

base::result<void> master_process::start(settings conf) {
    auto signals = take_signals();
    if (!signals)
        return signals.error();
    signals_ = std::move(*signals);
    auto who = identity_for(conf.user);
    if (!who)
        return who.error();
    who_ = std::move(*who);
    auto pid = pid_file::take(conf.pid_file);
    if (!pid)
        return pid.error();
    pid_file_ = std::move(*pid);
    auto bells = doorbells::make();
    if (!bells)
        return bells.error();
    bells_ = std::move(*bells);
    auto limits = shared_limits::make();
    if (!limits)
        return limits.error();
    limits_.emplace(std::move(*limits));
    auto tickets = ticket_keys::make();
    if (!tickets)
        return tickets.error();
    tickets_ = std::move(*tickets);
    tickets_made_ = time_.steady();

    std::vector<std::string> news;
    tries_left_ = bind_tries;
    auto first = make_generation(
        std::move(conf), nullptr, listeners_, tickets_, who_, [this] { return wait_a_little(); },
        news);
    if (!first)
        return first.error();
    current_ = std::move(*first);
    log_ = base::log{current_->logs.error_fd(), current_->conf.error_level, "master", time_};
    const settings& now = current_->conf;
    log_.notice("starting with conf {}", now.file);
    for (const std::string& doubt : doubts_about(now))
        log_.warn("{}", doubt);
    tell_doubts_of_tls();
    if (!now.user.empty() && !who_)
        log_.warn("user {} is not used: only root can change to it", now.user);
    check_open_files();
    {
        const acting_as user{who_};
        const auto prepared = cache::prepare(now.table_path, now.table_capacity);
        if (!prepared)
            return base::failure{
                prepared.error().code,
                fmt::format("session_table {}: {}", now.table_path, prepared.error().what)};
        constexpr std::array<const char*, 3> did{"opened", "created", "rebuilt"};
        log_.notice("session table {} {}", now.table_path,
                    did[static_cast<std::size_t>(*prepared)]);
    }
    for (const std::string& sentence : news)
        log_.notice("{}", sentence);
    supervisor_ = supervisor{supervisor_limits_of(now)};
    supervisor_.start(now.workers, time_.steady());
    return {};
}

bool master_process::wait_a_little() {
    if (tries_left_ == 0)
        return false;
    --tries_left_;
    pollfd signal{signals_.get(), POLLIN, 0};
    return ::poll(&signal, 1, bind_wait_ms) == 0; // a signal: whoever sent it shall not wait for us
}

int master_process::loop() {
    for (;;) {
        if (const std::optional<int> exit_code = carry_out())
            return *exit_code;
        if (wanted_ != wanted::nothing && !supervisor_.on_trial())
            next_generation();
        if (const std::optional<int> exit_code = carry_out())
            return *exit_code;
        int wait_ms = -1;
        if (const auto at = wake_at()) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(*at - time_.steady());
            wait_ms = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
        }
        pollfd signal{signals_.get(), POLLIN, 0};
        ::poll(&signal, 1, wait_ms);
        read_signals();
        supervisor_.tick(time_.steady());
        rotate_tickets();
    }
}

void master_process::read_signals() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == sizeof info)
        take_signal(static_cast<int>(info.ssi_signo), static_cast<int>(info.ssi_pid));
}

void master_process::take_signal(int number, int sender) {
    const base::steady_time now = time_.steady();
    switch (number) {
    case SIGCHLD:
        return reap();
    case SIGTERM:
    case SIGINT:
        log_.notice("stopping: {} from process {}", number == SIGTERM ? "SIGTERM" : "SIGINT",
                    sender);
        return supervisor_.stop(now);
    case SIGQUIT:
        log_.notice("stopping after the requests in flight, within {} ms: SIGQUIT from process {}",
                    current_->conf.shutdown_timeout.count(), sender);
        return supervisor_.drain(now);
    case SIGHUP:
        log_.notice("loading {} again: SIGHUP from process {}", conf_file_, sender);
        wanted_ = wanted::reload;
        return;
    case SIGUSR1:
        log_.notice("opening the log files again: SIGUSR1 from process {}", sender);
        if (wanted_ == wanted::nothing)
            wanted_ = wanted::reopen;
        return;
    case SIGUSR2:
        return log_.warn("SIGUSR2 from process {} means nothing here", sender);
    default:
        return;
    }
}

void master_process::reap() {
    for (;;) {
        int status = 0;
        const pid_t pid = ::waitpid(-1, &status, WNOHANG);
        if (pid <= 0)
            return;
        child_end how;
        how.by_signal = WIFSIGNALED(status);
        how.code = how.by_signal ? WTERMSIG(status) : WEXITSTATUS(status);
        // Not ours: as process 1 of a container the master inherits everyone's orphans.
        if (const auto gone = supervisor_.ended(pid, how, time_.steady())) {
            log_end(*gone, how);
            if (gone->what == role::worker)
                limits_->wipe(gone->process_slot); // its connections ended with it
            orders_.erase(gone->id);
        }
    }
}

void master_process::log_end(const child& c, child_end how) {
    const std::string name = c.what == role::worker ? fmt::format("worker/{}", c.position)
                                                    : std::string{name_of(c.what)};
    const std::string end = how.by_signal ? fmt::format("was ended by signal {}", how.code)
                                          : fmt::format("exited with code {}", how.code);
    if (c.phase == child::phase::retiring)
        return log_.info("{} (process {}) {}", name, c.pid, end);
    const child* const place = supervisor_.find(c.id);
    if (place == nullptr)
        return log_.error("{} (process {}) {}", name, c.pid, end);
    if (place->phase == child::phase::given_up)
        return log_.error("{} (process {}) {}: it cannot work with this conf and is not started "
                          "again until a reload",
                          name, c.pid, end);
    log_.error("{} (process {}) {}; starting it again", name, c.pid, end);
}

} // namespace postern::edge
