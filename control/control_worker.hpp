// The control process: session API, health and metrics over HTTP, and the lifecycle of sessions.
#pragma once

#include "base/access_token.hpp"
#include "base/clock.hpp"
#include "base/doorbell.hpp"
#include "base/ip_endpoint.hpp"
#include "base/log.hpp"
#include "base/text_template.hpp"
#include "sync/remote_usage.hpp"
#include "sync/store/store.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace postern::control {

/// How a target shows that it is ready.
struct probe_options {
    enum class kind { http, tcp } how = kind::http;
    std::string path = "/"; // http: any answer below 500 is ready
    std::chrono::milliseconds within{60'000};
};

/// The `process` launcher: a child of this host, in a process group of its own.
/// Templates know {port} {sessionId} {clientId} {userId} {threadId} {branch} {instruction};
/// arguments are passed to exec as they are, never through a shell.
struct process_launcher_options {
    std::vector<base::text_template> command;                             // program and arguments
    base::text_template directory;                                        // empty: the current one
    std::vector<std::pair<std::string, base::text_template>> environment; // added to postern's own
    std::string output_directory; // one file a session with what the child printed
    std::uint16_t port_first = 20'000, port_last = 29'999;
    probe_options ready;
    int stop_signal = 15;
    std::chrono::milliseconds stop_within{10'000}; // then SIGKILL
    unsigned restarts_max =
        3; // deaths within restart_window that are answered by a relaunch; then `failed`
    std::chrono::milliseconds restart_window{60'000};
};

struct options {
    base::ip_endpoint listen;
    base::access_keys access_keys; // for links; none: no location has access link
    std::string token;             // bearer token, as read from token_file
    std::string table_path;
    base::text_template route_key;
    base::text_template
        preview_url; // {routeKey} {sessionId} {clientId} {userId} {threadId}; empty: left out
    std::uint32_t http_threads = 2;
    std::size_t body_bytes_max = 64 * 1024;
    std::uint32_t connections_max = 1024; // of API clients; then those without a token make room
    std::chrono::milliseconds idle_timeout{5 * 60'000}; // 0: never
    std::chrono::milliseconds route_ttl{30 * 60'000};
    std::chrono::milliseconds history{24 * 3'600'000};
    std::chrono::milliseconds sync_stale_after{
        10'000}; // readyz fails when sync's heartbeat is older
    std::chrono::milliseconds table_stale_after{
        0};                       // readyz fails when the table is older; 0: however old
    std::size_t sessions_max = 0; // launched at one time; 0: no bound
    bool has_launcher =
        false; // without one, activate only records the session; others set the target
    process_launcher_options process;
    std::function<sync::remote_usage()> store_usage; // of a store elsewhere; none: it is here
};

struct bells {
    const base::doorbell& sync; // rung after each write to the store
};

/// What the master says through `order_fd` (an eventfd-like pipe of one byte).
/// stop: end the launched containers, then exit. hand_over: exit at once, leave them to the next
/// control process.
enum class order : char { stop = 's', hand_over = 'h' };

/// `listener` is a bound and listening socket, made by the master so that it survives a restart of
/// this process. Runs until an order comes or `order_fd` is closed by the master's death (then as
/// hand_over). Returns the exit code.
[[nodiscard]] int run(const options& opts, int listener, const sync::open_store& open,
                      const bells& rings, int order_fd, const base::clock& time, base::log& log);

} // namespace postern::control
