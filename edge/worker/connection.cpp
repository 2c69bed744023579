#include "edge/worker/connection.hpp"

#include "edge/http2/connection.hpp"
#include "edge/request/conclude.hpp"
#include "edge/request/serve.hpp"
#include "edge/worker/proxy_protocol.hpp"
#include "edge/worker/shake_hands.hpp"

#include <sys/socket.h>

namespace postern::edge {
namespace {

using std::chrono::steady_clock;

/// How a request's head was read.
enum class head_state { complete, refused, ended };

/// Waits for a request and reads its head into x.head. `began`: when its first byte came.
task<head_state> read_head(exchange& x, bool first, steady_clock::time_point& began) {
    const settings& conf = x.worker.conf;
    const head_limits bounds{conf.limits.head_bytes_max, conf.limits.head_fields_max};
    // An idle connection may wait long; once a head has begun, it has to be complete in time,
    // however it drips.
    steady_clock::time_point head_deadline = steady_clock::now() + conf.timeouts.client_header;
    bool begun = first || !x.input.empty();
    if (begun)
        began = steady_clock::now();
    for (;;) {
        if (!x.input.empty()) {
            const read_outcome read = read_request_head(x.input.view(), bounds, x.head);
            if (read.state == read_state::done)
                co_return head_state::complete;
            if (read.state == read_state::bad) {
                co_await refuse_head(x, read.status, read.reason);
                co_return head_state::refused;
            }
        }
        const std::span<char> room = x.input.room(bounds.bytes_max);
        if (room.empty()) {
            co_await refuse_head(x, 431, "the request head is larger than client_header_size");
            co_return head_state::refused;
        }
        auto within = conf.timeouts.keepalive;
        if (begun)
            within = std::max(std::chrono::milliseconds{1},
                              std::chrono::duration_cast<std::chrono::milliseconds>(
                                  head_deadline - steady_clock::now()));
        idle_connection idle{x.client};
        if (!begun) {
            x.worker.idle.push_back(idle);
            if (x.worker.draining)
                within = std::min<std::chrono::milliseconds>(within, last_request_grace);
        }
        auto [error, n] = co_await x.client.read_some(room, within);
        if (error) {
            const bool late = x.client.timed_out() && !x.input.empty();
            if (late)
                x.count(cache::counter::timeouts_header);
            if (late)
                co_await refuse_head(x, 408, "the request head did not arrive in time");
            co_return late ? head_state::refused : head_state::ended;
        }
        if (!begun) {
            begun = true;
            began = steady_clock::now();
            head_deadline = began + conf.timeouts.client_header;
        }
        x.input.filled(n);
    }
}

/// Makes `input` start with what follows the request just served.
void go_past_request(exchange& x) {
    if (x.body_taken) {
        x.input.consume(x.input.view().size());
        x.input.append(x.body_input.view());
        x.body_input.consume(x.body_input.view().size());
        x.body_input.release();
        return;
    }
    x.input.consume(x.head.head_bytes +
                    static_cast<std::size_t>(x.head.content_length.value_or(0)));
}

/// A client that asked for the end, has sent all of its request and nothing behind it needs no
/// waiting. As in nginx.
bool may_send_on(const exchange& x) {
    if (x.may_send_on || x.head.keep_alive)
        return true;
    if (x.body_taken)
        return !x.body_input.empty();
    return x.input.view().size() > x.head.head_bytes + x.head.content_length.value_or(0);
}

task<void> serve_requests(exchange& x) {
    const limits_settings& limits = x.worker.conf.limits;
    for (std::uint32_t served = 0;; ++served) {
        x.reset();
        steady_clock::time_point began{};
        const head_state state = co_await read_head(x, served == 0, began);
        if (state == head_state::ended)
            break;
        if (state == head_state::complete) {
            x.close_after =
                !x.head.keep_alive || x.worker.draining || served + 1 >= limits.keepalive_requests;
            co_await serve(x);
        }
        conclude(x, began);
        if (x.cut_short) {
            x.client.abort();
            break;
        }
        if (!x.close_after) {
            go_past_request(x);
            continue;
        }
        if (may_send_on(x))
            co_await linger(x.client, x.worker.scratch);
        break;
    }
}

/// Whether a connection begins as HTTP/2 does. What was read of it stays in `input`.
task<bool> begins_http2(exchange& x) {
    const auto begun = steady_clock::now();
    const auto within = x.worker.conf.timeouts.client_header;
    for (;;) {
        const std::string_view here = x.input.view().substr(0, http2_preface.size());
        if (!http2_preface.starts_with(here) || here.size() == http2_preface.size())
            co_return http2_preface == here;
        const auto left = within - std::chrono::duration_cast<std::chrono::milliseconds>(
                                       steady_clock::now() - begun);
        const std::span<char> room = x.input.room(x.worker.conf.limits.head_bytes_max);
        auto [error, n] =
            co_await x.client.read_some(room, std::max(left, std::chrono::milliseconds{1}));
        if (error)
            co_return false;
        x.input.filled(n);
    }
}

/// Counts the connection for its client. False: it has too many, and has been told so as far as
/// that goes without waiting, and without TLS.
bool admit(services& worker, const connection_peer& peer, int socket, bool secure,
           limiter::counted_connection& out) {
    if (worker.admission == nullptr || base::is_in(worker.conf.trusted_proxies, peer.address))
        return true;
    if (worker.admission->admit(peer.address, out))
        return true;
    constexpr std::string_view too_many =
        "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nRetry-After: 1\r\n"
        "Connection: close\r\n\r\n";
    if (!secure) {
        [[maybe_unused]] const auto sent =
            ::send(socket, too_many.data(), too_many.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    return false;
}

/// A connection from its first byte on; `secure` is `client` where that speaks TLS.
struct arrival {
    tcp_stream& client;
    tls_stream* secure;
    int socket;
    bool proxied; // a PROXY header comes first
};

task<void> run_on(services& worker, arrival from, connection_peer& peer, std::size_t listener) {
    limiter::counted_connection counted;
    if (from.proxied) {
        const bool named = co_await take_proxy_header(worker, from.client, peer);
        if (!named || !admit(worker, peer, from.socket, from.secure != nullptr, counted))
            co_return;
    }
    if (from.secure != nullptr) {
        const bool agreed = co_await shake_hands(worker, *from.secure, peer.text);
        if (!agreed)
            co_return;
    }
    const limits_settings& limits = worker.conf.limits;
    from.client.expect_taking({limits.client_bytes_min, limits.client_lag_max});
    input_buffer input;
    exchange x{worker, from.client, input, peer, listener};
    x.tls = from.secure;
    bool http2 = from.secure != nullptr && from.secure->speaks_http2();
    if (from.secure == nullptr && worker.index.speaks_http2(listener))
        http2 = co_await begins_http2(x);
    if (http2)
        co_await run_http2(x);
    else
        co_await serve_requests(x);
}

// Two, so that a connection without TLS has no room for it in its frame.
task<void> run_plain(services& worker, base::unique_fd socket, bool proxied, connection_peer& peer,
                     std::size_t listener) {
    const int fd = socket.get();
    tcp_stream client{worker.loop, std::move(socket)};
    co_await run_on(worker, {client, nullptr, fd, proxied}, peer, listener);
}

task<void> run_secure(services& worker, base::unique_fd socket, bool proxied, connection_peer& peer,
                      std::size_t listener) {
    const int fd = socket.get();
    tls_stream client{worker.loop, std::move(socket), *worker.tls->at(listener)};
    co_await run_on(worker, {client, &client, fd, proxied}, peer, listener);
}

task<void> run(services& worker, base::unique_fd socket, connection_peer& peer,
               std::size_t listener) {
    const bool secure = worker.tls != nullptr && worker.tls->at(listener) != nullptr;
    const bool proxied = worker.index.takes_proxy_header(listener);
    limiter::counted_connection counted;
    if (!proxied && !admit(worker, peer, socket.get(), secure, counted))
        co_return;
    if (secure)
        co_await run_secure(worker, std::move(socket), proxied, peer, listener);
    else
        co_await run_plain(worker, std::move(socket), proxied, peer, listener);
}

} // namespace

task<void> run_connection(services& worker, base::unique_fd socket, base::ip_address from,
                          std::size_t listener) {
    connection_peer peer{from, {}, base::is_in(worker.conf.trusted_proxies, from)};
    try {
        peer.text = from.text();
        co_await run(worker, std::move(socket), peer, listener);
    } catch (
        const std::exception& error) { // out of memory: this connection ends, the worker goes on
        worker.log.error("connection from {}: {}", peer.text, error.what());
    }
}

} // namespace postern::edge
