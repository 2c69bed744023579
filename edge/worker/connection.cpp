#include "edge/worker/connection.hpp"

#include "edge/request/access.hpp"
#include "edge/request/client_address.hpp"
#include "edge/request/rate_limits.hpp"
#include "edge/request/reply.hpp"
#include "edge/request/serve.hpp"
#include "edge/worker/proxy_protocol.hpp"
#include "edge/worker/shake_hands.hpp"

#include <sys/socket.h>

namespace postern::edge {
namespace {

using std::chrono::steady_clock;

/// How a request's head was read.
enum class head_state { complete, refused, ended };

struct request_clock {
    steady_clock::time_point started;
};

/// Refuses a head that cannot be used: answered, and the connection ends.
task<void> refuse(exchange& x, unsigned status, std::string_view reason) {
    x.head = {}; // whatever was read of it is not to be relied on
    x.where = {};
    x.may_send_on = true;
    x.count(cache::counter::requests_bad);
    if (status == 431 || status == 414)
        x.count(cache::counter::head_too_large);
    co_await reply_bad_request(x, status, reason);
}

/// Waits for a request and reads its head into x.head.
task<head_state> read_head(exchange& x, bool first, request_clock& began) {
    const settings& conf = x.worker.conf;
    const head_limits bounds{conf.limits.head_bytes_max, conf.limits.head_fields_max};
    // An idle connection may wait long; once a head has begun, it has to be complete in time,
    // however it drips.
    steady_clock::time_point head_deadline = steady_clock::now() + conf.timeouts.client_header;
    bool begun = first || !x.input.empty();
    if (begun)
        began.started = steady_clock::now();
    for (;;) {
        if (!x.input.empty()) {
            const read_outcome read = read_request_head(x.input.view(), bounds, x.head);
            if (read.state == read_state::done)
                co_return head_state::complete;
            if (read.state == read_state::bad) {
                co_await refuse(x, read.status, read.reason);
                co_return head_state::refused;
            }
        }
        const std::span<char> room = x.input.room(bounds.bytes_max);
        if (room.empty()) {
            co_await refuse(x, 431, "the request head is larger than client_header_size");
            co_return head_state::refused;
        }
        auto within = conf.timeouts.keepalive;
        if (begun)
            within = std::max(std::chrono::milliseconds{1},
                              std::chrono::duration_cast<std::chrono::milliseconds>(
                                  head_deadline - steady_clock::now()));
        idle_connection idle{x.client};
        if (!begun)
            x.worker.idle.push_back(idle);
        auto [error, n] = co_await x.client.read_some(room, within);
        if (error) {
            const bool late = x.client.timed_out() && !x.input.empty();
            if (late)
                x.count(cache::counter::timeouts_header);
            if (late)
                co_await refuse(x, 408, "the request head did not arrive in time");
            co_return late ? head_state::refused : head_state::ended;
        }
        if (!begun) {
            begun = true;
            began.started = steady_clock::now();
            head_deadline = began.started + conf.timeouts.client_header;
        }
        x.input.filled(n);
    }
}

void record(exchange& x, const request_clock& began) {
    x.count(cache::counter::requests);
    x.count(cache::counter::bytes_in, x.bytes_received + x.head.head_bytes);
    x.count(cache::counter::bytes_out, x.bytes_sent);
    if (x.worker.rates != nullptr)
        count_bytes(x);
    if (!x.worker.access)
        return;
    take_access_token(x); // where the answer came before it was looked for
    request_record line;
    line.client = x.client_address;
    line.method = x.head.method_text;
    line.target = x.head.target;
    line.minor_version = x.head.minor_version;
    line.host = x.head.host;
    line.status = x.status;
    line.bytes_sent = x.bytes_sent;
    line.bytes_received = x.bytes_received;
    line.referer = value_of(x.head.fields, known::referer);
    line.user_agent = value_of(x.head.fields, known::user_agent);
    if (x.key.outcome == key_outcome::found)
        line.session = x.key.key;
    line.decision = x.decision_name;
    line.upstream = x.upstream_text();
    line.duration_us =
        std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - began.started)
            .count();
    line.ended = x.worker.time.wall();
    x.worker.access->put(line);
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

/// Closes so that the client can read our last answer: a close with unread bytes would be a reset
/// that takes the answer with it (RFC 9112 9.6). Reads on for a while, bounded in time.
task<void> linger(exchange& x) {
    constexpr std::chrono::seconds at_most{5};
    constexpr std::chrono::seconds pause_max{2};
    x.client.shutdown_send();
    const steady_clock::time_point end = steady_clock::now() + at_most;
    while (steady_clock::now() < end) {
        const auto error = co_await x.client.readable(pause_max);
        if (error || x.client.read_now(x.worker.scratch).error)
            break;
    }
}

task<void> serve_requests(exchange& x) {
    const limits_settings& limits = x.worker.conf.limits;
    for (std::uint32_t served = 0;; ++served) {
        x.reset();
        request_clock began{};
        const head_state state = co_await read_head(x, served == 0, began);
        if (state == head_state::ended)
            break;
        if (state == head_state::complete) {
            x.close_after =
                !x.head.keep_alive || x.worker.draining || served + 1 >= limits.keepalive_requests;
            co_await serve(x);
        }
        record(x, began);
        if (x.cut_short) {
            x.client.abort();
            break;
        }
        if (!x.close_after) {
            go_past_request(x);
            continue;
        }
        if (may_send_on(x))
            co_await linger(x);
        break;
    }
}

/// Counts the connection for its client. False: it has too many, and has been told so as far as
/// that goes without waiting, and without TLS.
bool admit(services& worker, const connection_peer& peer, int socket, bool secure,
           limiter::counted_connection& out) {
    if (worker.admission == nullptr || is_in(worker.conf.trusted_proxies, peer.address))
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
    co_await serve_requests(x);
}

task<void> run(services& worker, base::unique_fd socket, connection_peer& peer,
               std::size_t listener) {
    const tls_listener* const secure = worker.tls != nullptr ? worker.tls->at(listener) : nullptr;
    const bool proxied =
        listener < worker.proxy_listeners.size() && worker.proxy_listeners[listener];
    limiter::counted_connection counted;
    const int fd = socket.get();
    if (!proxied && !admit(worker, peer, fd, secure != nullptr, counted))
        co_return;
    if (secure != nullptr) {
        tls_stream client{worker.loop, std::move(socket), *secure};
        co_await run_on(worker, {client, &client, fd, proxied}, peer, listener);
        co_return;
    }
    tcp_stream client{worker.loop, std::move(socket)};
    co_await run_on(worker, {client, nullptr, fd, proxied}, peer, listener);
}

} // namespace

task<void> run_connection(services& worker, base::unique_fd socket, base::ip_address from,
                          std::size_t listener) {
    connection_peer peer{from, {}, is_in(worker.conf.trusted_proxies, from)};
    try {
        peer.text = from.text();
        co_await run(worker, std::move(socket), peer, listener);
    } catch (
        const std::exception& error) { // out of memory: this connection ends, the worker goes on
        worker.log.error("connection from {}: {}", peer.text, error.what());
    }
}

} // namespace postern::edge
