#include "edge/worker/worker.hpp"

#include "edge/net/signal.hpp"
#include "edge/net/socket_address.hpp"
#include "edge/request/exchange.hpp"
#include "edge/worker/connection.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <deque>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace postern::edge {
namespace {

/// So long the last words to WebSockets may take: the master waits for two seconds.
constexpr std::chrono::milliseconds leave_within{200};

/// A duplicate of a descriptor that the master keeps: it must outlive our closing.
base::unique_fd duplicate_of(int fd) {
    return base::unique_fd{::fcntl(fd, F_DUPFD_CLOEXEC, 3)};
}

/// The process: owns everything that a connection borrows. Lives until the loop has ended.
class worker_process {
  public:
    worker_process(const worker_inheritance& from_master, cache::session_reader table,
                   const base::clock& time, base::log& log)
        : given_{from_master}, table_{std::move(table)}, index_{from_master.conf},
          tls_{from_master.conf, from_master.tls, index_.listeners(),
               [this](std::size_t listener, std::string_view name) -> const server_settings& {
                   return index_.server_of(listener, name);
               }},
          upstreams_{loop_, from_master.conf.timeouts, from_master.conf.limits, table_},
          waiting_{loop_, table_}, access_{from_master.access_log_fd,
                                           from_master.conf.access_format},
          limits_{from_master.limits, from_master.conf.limits, from_master.slot, table_, time, log},
          lent_{.loop = loop_,
                .conf = from_master.conf,
                .time = time,
                .log = log,
                .table = table_,
                .blocks = blocks_,
                .scratch = scratch_,
                .answer = answer_,
                .pipes = pipes_,
                .upstreams = upstreams_,
                .waiting = waiting_,
                .index = index_,
                .access = from_master.access_log_fd >= 0 ? &access_ : nullptr,
                .control_token = from_master.control_token,
                .access_keys = from_master.access_keys,
                .pages = {},
                .built_in_pages = {},
                .tunnels = {},
                .in_flight = {},
                .idle = {},
                .tls = &tls_,
                .asked = from_master.conf.store.looks_through() ? &from_master.asked : nullptr},
          bell_{loop_, duplicate_of(from_master.routes_changed.fd()), true},
          orders_{loop_, duplicate_of(from_master.order_fd), true} {
        look_for_limits();
    }

    /// Errors: a page file that cannot be read.
    base::result<void> load_pages();
    int run();

  private:
    void start_accepting();
    void stop_accepting();
    task<void> accept_on(event_source& from, std::size_t listener);
    void take(base::unique_fd socket, const sockaddr_storage& peer, std::size_t listener);
    task<void> count_connection(base::unique_fd socket, base::ip_address from,
                                std::size_t listener);
    void look_for_limits();
    task<void> tick_each_second();
    task<void> listen_to_bell();
    task<void> listen_to_master();
    void each_second();
    void drain();
    task<void> end_idle_soon();
    task<void> take_leave();
    void stop();

    const worker_inheritance& given_;
    event_loop loop_;
    cache::session_reader table_;
    block_pool blocks_;
    std::vector<char> scratch_ = std::vector<char>(block_pool::block_bytes);
    response_head answer_;
    pipe_pool pipes_;
    location_index index_;
    tls_listeners tls_;
    upstream_pool upstreams_;
    waiting_room waiting_;
    access_log access_;
    limiter limits_;
    services lent_;
    std::deque<event_source> acceptors_;
    event_source bell_;
    event_source orders_;
    std::uint32_t connections_ = 0;
    std::uint32_t seconds_ = 0;
    std::uint64_t changes_ = 0; // of routes, those that were rung for
};

base::result<void> worker_process::load_pages() {
    auto loaded = load_page_sets(given_.conf);
    if (!loaded)
        return loaded.error();
    lent_.pages = std::move(*loaded);
    return {};
}

/// What is not asked for costs nothing.
void worker_process::look_for_limits() {
    lent_.rates = limits_.limits_rates() ? &limits_ : nullptr;
    lent_.admission = limits_.limits_connections() ? &limits_ : nullptr;
}

void worker_process::start_accepting() {
    for (const int fd : given_.listeners)
        acceptors_.emplace_back(loop_, duplicate_of(fd), true);
    for (std::size_t i = 0; i < acceptors_.size(); ++i)
        spawn(accept_on(acceptors_[i], i));
}

void worker_process::stop_accepting() {
    for (event_source& a : acceptors_)
        a.close();
}

task<void> worker_process::accept_on(event_source& from, std::size_t listener) {
    signal pause{loop_};
    while (from.is_open()) {
        sockaddr_storage peer{};
        socklen_t size = sizeof peer;
        base::unique_fd socket{::accept4(from.fd(), reinterpret_cast<sockaddr*>(&peer), &size,
                                         SOCK_NONBLOCK | SOCK_CLOEXEC)};
        if (socket) {
            take(std::move(socket), peer, listener);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            from.drained();
            const auto error = co_await from.readable();
            if (error)
                break;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            // Out of descriptors or memory: the queue keeps, trying at once again would only burn.
            lent_.log.warn("accept: {}", base::last_errno().message());
            [[maybe_unused]] const auto waited =
                co_await pause.wait_until(deadlines::clock::now() + deadlines::tick_interval);
        }
    }
}

void worker_process::take(base::unique_fd socket, const sockaddr_storage& peer,
                          std::size_t listener) {
    table_.count(cache::counter::connections_accepted);
    if (connections_ < given_.conf.limits.worker_connections) {
        spawn(count_connection(std::move(socket), read_socket_address(peer).address, listener));
        return;
    }
    table_.count(cache::counter::connections_refused);
    if (tls_.at(listener) != nullptr)
        return; // nothing can be said before a handshake
    constexpr std::string_view busy =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\n"
        "Connection: close\r\n\r\n";
    [[maybe_unused]] const auto sent =
        ::send(socket.get(), busy.data(), busy.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

task<void> worker_process::count_connection(base::unique_fd socket, base::ip_address from,
                                            std::size_t listener) {
    ++connections_;
    co_await run_connection(lent_, std::move(socket), from, listener);
    table_.count(cache::counter::connections_closed);
    if (--connections_ == 0 && lent_.draining)
        stop();
}

task<void> worker_process::tick_each_second() {
    signal pause{loop_};
    for (auto next = deadlines::clock::now();;) {
        next += std::chrono::seconds{1};
        [[maybe_unused]] const auto waited = co_await pause.wait_until(next);
        each_second();
    }
}

void worker_process::each_second() {
    upstreams_.sweep(loop_.timers().now());
    lent_.static_roots.sweep(std::chrono::steady_clock::now());
    if (lent_.access) {
        access_.flush();
        if (const std::uint64_t lost = access_.take_lost())
            table_.count(cache::counter::access_log_lost, lost);
    }
    const std::int64_t now_ms = base::to_epoch_ms(lent_.time.wall());
    for (const request_in_flight& going : lent_.in_flight)
        table_.add_activity(going.activity, {.last_seen_ms = now_ms});
    end_tunnels_that_are_over(lent_);
    if (++seconds_ % 10 != 0)
        return;
    for (const open_tunnel& open : lent_.tunnels)
        table_.add_activity(open.by.activity(), {.socket_open_ms = now_ms});
}

task<void> worker_process::listen_to_bell() {
    for (;;) {
        bell_.drained(); // a ring after this is an event of its own
        const auto error = co_await bell_.readable();
        if (error)
            break;
        given_.routes_changed.silence();
        const std::uint64_t changes = table_.changes();
        if (std::exchange(changes_, changes) != changes)
            waiting_.ring();
        else
            waiting_.ring_inquirers();
    }
}

task<void> worker_process::listen_to_master() {
    for (;;) {
        char order = 0;
        const ssize_t n = ::recv(orders_.fd(), &order, 1, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            orders_.drained();
            [[maybe_unused]] const auto told = co_await orders_.readable();
        } else if (n == 1 && order == 'q') {
            drain();
        } else if (n <= 0 || order == 's') {
            co_await take_leave();
            stop();
            break;
        }
    }
}

void worker_process::drain() {
    if (lent_.draining)
        return;
    lent_.draining = true;
    stop_accepting();
    upstreams_.clear();
    waiting_.ring();
    if (connections_ == 0)
        stop();
    else
        spawn(end_idle_soon());
}

/// Not at once: the next request of a busy connection may be on its way, and a client cannot know
/// whether one that is met by the end was carried out (RFC 9112 9.3.1).
task<void> worker_process::end_idle_soon() {
    signal pause{loop_};
    [[maybe_unused]] const auto passed =
        co_await pause.wait_until(deadlines::clock::now() + last_request_grace);
    for (idle_connection& idle : lent_.idle)
        idle.client.cancel();
}

/// What the peers of open WebSockets are told has gone out already, or goes with the next turn of
/// the loop.
task<void> worker_process::take_leave() {
    stop_accepting();
    if (!end_all_tunnels(lent_))
        co_return;
    signal pause{loop_};
    [[maybe_unused]] const auto passed =
        co_await pause.wait_until(deadlines::clock::now() + leave_within);
}

void worker_process::stop() {
    if (lent_.access)
        access_.flush();
    loop_.stop();
}

int worker_process::run() {
    start_accepting();
    spawn(tick_each_second());
    spawn(listen_to_bell());
    spawn(listen_to_master());
    loop_.run();
    return 0;
}

} // namespace

int run_worker(const worker_inheritance& from_master, const base::clock& time, base::log& log) {
    std::signal(SIGPIPE, SIG_IGN);
    auto table = cache::session_reader::open(from_master.conf.table_path, from_master.slot);
    if (!table) {
        log.error("session table {}: {}", from_master.conf.table_path, table.error().text());
        return 1;
    }
    // Never destroyed: the process ends with it, and coroutines that still wait must not outlive
    // what they borrow.
    static worker_process* const process =
        new worker_process{from_master, std::move(*table), time, log};
    if (auto loaded = process->load_pages(); !loaded) {
        log.error("page {}", loaded.error().text());
        return 78; // EX_CONFIG: another try would find the same
    }
    return process->run();
}

} // namespace postern::edge
