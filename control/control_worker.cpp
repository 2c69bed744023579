#include "control/control_worker.hpp"

#include "cache/layout.hpp"
#include "cache/session_reader.hpp"
#include "control/api/session_api.hpp"
#include "control/http_server.hpp"
#include "control/launch/no_launcher.hpp"
#include "control/launch/process_launcher.hpp"
#include "control/lifecycle/lifecycle.hpp"

#include <array>
#include <csignal>
#include <memory>
#include <optional>
#include <poll.h>
#include <unistd.h>

namespace postern::control {
namespace {

using namespace std::chrono_literals;

constexpr auto turn_max = 1000ms;
constexpr auto lock_patience = 10s; // for an earlier control process that is just going
constexpr auto stop_patience = 5s;  // beyond stop_within, for the last writes
constexpr int exit_ok = 0, exit_failed = 1;

/// What the master has said, if anything. A closed pipe means that it is dead: then the next one
/// finds the launches.
std::optional<order> read_order(int order_fd, base::log& log) {
    char said = 0;
    const ssize_t n = ::read(order_fd, &said, 1);
    if (n < 0)
        return std::nullopt;
    if (n == 0) {
        log.warn("the master is gone: leaving the launched processes to the next control process");
        return order::hand_over;
    }
    if (said == static_cast<char>(order::stop))
        return order::stop;
    if (said == static_cast<char>(order::hand_over))
        return order::hand_over;
    log.warn("unknown order {} from the master", static_cast<int>(said));
    return std::nullopt;
}

std::optional<order> wait_for_order(int order_fd, std::chrono::milliseconds at_most,
                                    base::log& log) {
    ::pollfd fd{order_fd, POLLIN, 0};
    if (::poll(&fd, 1, static_cast<int>(at_most.count())) <= 0)
        return std::nullopt;
    return read_order(order_fd, log);
}

/// Null: an order came (then in `said`), or the launcher cannot work.
std::unique_ptr<launcher> make_launcher(const options& opts, int order_fd, const base::clock& time,
                                        base::log& log, std::optional<order>& said) {
    if (!opts.has_launcher)
        return std::make_unique<no_launcher>();
    const auto give_up_at = time.steady() + lock_patience;
    for (;;) {
        auto made = process_launcher::make(opts.process, opts.table_path, time, log);
        if (made)
            return std::move(*made);
        const bool is_busy = made.error().code == boost::system::errc::device_or_resource_busy;
        if (!is_busy || time.steady() >= give_up_at) {
            log.error("the process launcher cannot work: {}", made.error().text());
            return nullptr;
        }
        said = wait_for_order(order_fd, 100ms, log);
        if (said)
            return nullptr;
    }
}

lifecycle_rules rules_of(const options& opts) {
    lifecycle_rules rules;
    rules.has_launcher = opts.has_launcher;
    rules.idle_timeout = opts.idle_timeout;
    rules.history = opts.history;
    rules.restarts_max = opts.process.restarts_max;
    rules.restart_window = opts.process.restart_window;
    rules.sessions_max = opts.sessions_max;
    return rules;
}

table_look look_into(const cache::session_reader& reader) {
    return [&reader](std::string_view route_key) -> std::optional<table_entry> {
        const auto route = reader.look_up(route_key);
        if (!route)
            return std::nullopt;
        return table_entry{route->state,
                           reader.activity_of(route->activity).value_or(cache::activity{}),
                           std::string{route->session_id()}};
    };
}

/// Turns until an order comes. `turned` is called after each.
order run_until_ordered(lifecycle& life, int order_fd, const std::function<void()>& turned,
                        base::log& log) {
    for (;;) {
        std::array<::pollfd, 1> fds{{{order_fd, POLLIN, 0}}};
        life.turn(fds, turn_max);
        turned();
        if (fds[0].revents == 0)
            continue;
        if (const auto said = read_order(order_fd, log))
            return *said;
    }
}

void stop_all(lifecycle& life, const options& opts, int order_fd, const base::clock& time,
              base::log& log) {
    const auto give_up_at = time.steady() + opts.process.stop_within + stop_patience;
    life.begin_stop();
    for (;;) {
        std::array<::pollfd, 1> fds{{{order_fd, POLLIN, 0}}};
        life.turn(fds, 100ms);
        if (life.has_stopped())
            return;
        if (fds[0].revents != 0 && read_order(order_fd, log) == order::hand_over)
            return;
        if (time.steady() < give_up_at)
            continue;
        log.error("not everything has stopped in time: the next control process ends the rest");
        return;
    }
}

} // namespace

int run(const options& opts, int listener, const sync::open_store& open, const bells& rings,
        int order_fd, const base::clock& time, base::log& log) {
    ::signal(SIGPIPE, SIG_IGN); // a log or client that went away is no reason to die
    auto reader = cache::session_reader::open(opts.table_path, cache::control_process_slot);
    if (!reader) {
        log.error("the session table cannot be read: {}", reader.error().text());
        return exit_failed;
    }
    auto bell = base::doorbell::make();
    if (!bell) {
        log.error("control cannot start: {}", bell.error().text());
        return exit_failed;
    }
    std::optional<order> said;
    const std::unique_ptr<launcher> compute = make_launcher(opts, order_fd, time, log, said);
    if (!compute)
        return said ? exit_ok : exit_failed;

    metrics numbers;
    const table_look table = look_into(*reader);
    store_health health;
    store_pool stores{open, health};
    sessions actions{opts, stores, rings.sync, *bell, time, log};
    session_api api{{opts, actions, table, &*reader, numbers, time, log}};
    lifecycle life{rules_of(opts),
                   {open, *compute, table, rings.sync, *bell, numbers, health, time, log}};

    http_server_options http;
    http.threads = opts.http_threads;
    http.body_bytes_max = opts.body_bytes_max;
    http.connections_max = opts.connections_max;
    auto server =
        http_server::start(listener, http,
                           {[&api](const http_request& request) { return api.judge(request); },
                            [&api](const http_request& request) { return api.answer(request); }},
                           numbers, log);
    if (!server) {
        log.error("the session API cannot be served: {}", server.error().text());
        return exit_failed;
    }
    log.info("control serves the session API at {}", opts.listen.text());

    sync::told_totals told;
    const auto count_usage = [&] {
        if (opts.store_usage)
            told.tell(*reader, opts.store_usage());
    };
    said = run_until_ordered(life, order_fd, count_usage, log);
    server->reset(); // requests under way are answered, then nothing new is promised
    if (said == order::stop)
        stop_all(life, opts, order_fd, time, log);
    count_usage();
    log.info("control ends: {}", said == order::stop ? "stopped" : "handed over");
    return exit_ok;
}

} // namespace postern::control
