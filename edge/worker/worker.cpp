#include "edge/worker/worker.hpp"

#include "edge/worker/connection.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <array>
#include <csignal>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace postern::edge {
namespace {

using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, executor>;
using descriptor = asio::posix::basic_stream_descriptor<executor>;

/// The process: owns everything that a connection borrows. Lives until the loop has ended.
class worker_process {
  public:
    worker_process(const worker_inheritance& from_master, cache::session_reader table,
                   const base::clock& time, base::log& log)
        : given_{from_master}, table_{std::move(table)}, index_{from_master.conf},
          upstreams_{loop_.get_executor(), timers_, from_master.conf.timeouts,
                     from_master.conf.limits, table_},
          waiting_{loop_.get_executor(), table_}, access_{from_master.access_log_fd,
                                                          from_master.conf.access_format},
          lent_{.ex = loop_.get_executor(),
                .conf = from_master.conf,
                .time = time,
                .log = log,
                .table = table_,
                .timers = timers_,
                .blocks = blocks_,
                .upstreams = upstreams_,
                .waiting = waiting_,
                .index = index_,
                .access = from_master.access_log_fd >= 0 ? &access_ : nullptr,
                .control_token = from_master.control_token,
                .pages = {},
                .built_in_pages = {},
                .tunnels = {},
                .idle = {}},
          ticks_{loop_.get_executor()}, bell_{loop_.get_executor()}, orders_{loop_.get_executor()} {
    }

    /// Errors: a page file that cannot be read.
    base::result<void> load_pages();
    int run();

  private:
    void start_accepting();
    void stop_accepting();
    task<void> accept_on(acceptor& from, std::size_t listener);
    task<void> count_connection(tcp_socket socket, std::string address, std::size_t listener);
    task<void> tick();
    task<void> listen_to_bell();
    task<void> listen_to_master();
    void each_second();
    void drain();
    void stop();
    void spawn(task<void> what);

    const worker_inheritance& given_;
    asio::io_context loop_{1};
    cache::session_reader table_;
    deadlines timers_;
    block_pool blocks_;
    location_index index_;
    upstream_pool upstreams_;
    waiting_room waiting_;
    access_log access_;
    services lent_;
    std::vector<acceptor> acceptors_;
    worker_timer ticks_;
    descriptor bell_;
    descriptor orders_;
    std::uint32_t connections_ = 0;
    std::uint32_t ticks_done_ = 0;
};

base::result<void> worker_process::load_pages() {
    auto loaded = load_page_sets(given_.conf);
    if (!loaded)
        return loaded.error();
    lent_.pages = std::move(*loaded);
    return {};
}

void worker_process::spawn(task<void> what) {
    asio::co_spawn(loop_, std::move(what), asio::detached);
}

void worker_process::start_accepting() {
    acceptors_.reserve(given_.listeners.size());
    for (const int fd : given_.listeners) {
        acceptor& made = acceptors_.emplace_back(loop_.get_executor());
        // A duplicate: the master's socket must outlive our closing.
        const int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
        made.assign(asio::ip::tcp::v6(),
                    own); // the family is only used for options that we do not set
        made.native_non_blocking(true);
    }
    for (std::size_t i = 0; i < acceptors_.size(); ++i)
        spawn(accept_on(acceptors_[i], i));
}

void worker_process::stop_accepting() {
    boost::system::error_code ignored;
    for (acceptor& a : acceptors_)
        a.close(ignored);
}

std::string address_text(const asio::ip::tcp::endpoint& peer) {
    const asio::ip::address address = peer.address();
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
    return address.to_string();
}

task<void> worker_process::accept_on(acceptor& from, std::size_t listener) {
    worker_timer pause{loop_.get_executor()};
    while (from.is_open()) {
        tcp_socket socket{loop_.get_executor()};
        asio::ip::tcp::endpoint peer;
        auto [error] = co_await from.async_accept(socket, peer, as_result);
        if (error == asio::error::operation_aborted)
            break;
        if (error) {
            // Out of descriptors or memory: the queue keeps, trying at once again would only burn.
            if (error != asio::error::connection_aborted) {
                lent_.log.warn("accept: {}", error.message());
                pause.expires_after(std::chrono::milliseconds{100});
                [[maybe_unused]] const auto [waited] = co_await pause.async_wait(as_result);
            }
            continue;
        }
        table_.count(cache::counter::connections_accepted);
        if (connections_ >= given_.conf.limits.worker_connections) {
            table_.count(cache::counter::connections_refused);
            constexpr std::string_view busy =
                "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\n"
                "Connection: close\r\n\r\n";
            [[maybe_unused]] const auto sent = ::send(socket.native_handle(), busy.data(),
                                                      busy.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            continue;
        }
        spawn(count_connection(std::move(socket), address_text(peer), listener));
    }
}

task<void> worker_process::count_connection(tcp_socket socket, std::string address,
                                            std::size_t listener) {
    ++connections_;
    co_await run_connection(lent_, std::move(socket), std::move(address), listener);
    table_.count(cache::counter::connections_closed);
    if (--connections_ == 0 && lent_.draining)
        stop();
}

task<void> worker_process::tick() {
    for (;;) {
        ticks_.expires_after(deadlines::tick_interval);
        auto [error] = co_await ticks_.async_wait(as_result);
        if (error)
            break;
        timers_.tick(deadlines::clock::now());
        if (++ticks_done_ % 10 == 0)
            each_second();
    }
}

void worker_process::each_second() {
    upstreams_.sweep(timers_.now());
    if (lent_.access) {
        access_.flush();
        if (const std::uint64_t lost = access_.take_lost())
            table_.count(cache::counter::access_log_lost, lost);
    }
    constexpr std::uint32_t ticks_of_ten_seconds = 100;
    if (ticks_done_ % ticks_of_ten_seconds != 0)
        return;
    const std::int64_t now_ms = base::to_epoch_ms(lent_.time.wall());
    for (const open_tunnel& open : lent_.tunnels)
        table_.add_activity(open.activity, {.socket_open_ms = now_ms});
}

task<void> worker_process::listen_to_bell() {
    for (;;) {
        auto [error] = co_await bell_.async_wait(descriptor::wait_read, as_result);
        if (error)
            break;
        given_.routes_changed.silence();
        waiting_.ring();
    }
}

task<void> worker_process::listen_to_master() {
    std::array<char, 1> order{};
    for (;;) {
        auto [error, n] = co_await orders_.async_read_some(asio::buffer(order), as_result);
        if (error || n == 0 || order[0] == 's') {
            stop();
            break;
        }
        if (order[0] == 'q')
            drain();
    }
}

void worker_process::drain() {
    if (lent_.draining)
        return;
    lent_.draining = true;
    stop_accepting();
    upstreams_.clear();
    waiting_.ring();
    for (idle_connection& idle : lent_.idle)
        idle.client.cancel();
    if (connections_ == 0)
        stop();
}

void worker_process::stop() {
    if (lent_.access)
        access_.flush();
    loop_.stop();
}

int worker_process::run() {
    start_accepting();
    bell_.assign(::fcntl(given_.routes_changed.fd(), F_DUPFD_CLOEXEC, 3));
    orders_.assign(::fcntl(given_.order_fd, F_DUPFD_CLOEXEC, 3));
    spawn(tick());
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
