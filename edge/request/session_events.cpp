// What turns a loading page live: server-sent events (WHATWG HTML, "Server-sent events") of the
// route's state.
#include "base/json_string.hpp"
#include "edge/http/http_date.hpp"
#include "edge/request/access.hpp"
#include "edge/request/reply.hpp"
#include "edge/request/serve.hpp"

#include <fmt/format.h>

namespace postern::edge {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds comment_interval{15}; // keeps proxies in between from closing
constexpr std::chrono::minutes stream_max{10};       // then the browser asks again by itself

std::string event_of(const exchange& x) {
    if (!x.has_route)
        return "event: state\ndata: {\"state\":\"unknown\"}\n\n";
    if (x.route.state == cache::route_state::failed)
        return fmt::format("event: state\ndata: {{\"state\":\"failed\",\"reason\":{}}}\n\n",
                           base::json_string(x.route.reason()));
    return fmt::format("event: state\ndata: {{\"state\":\"{}\"}}\n\n", name_of(x.route.state));
}

bool is_last(const exchange& x) {
    return !x.has_route || x.route.state == cache::route_state::active ||
           x.route.state == cache::route_state::failed;
}

} // namespace

task<void> serve_events(exchange& x) {
    x.decision_name = "events";
    if (x.head.method != method::get) {
        co_await reply_not_allowed(x, "GET", "Events are read with GET.");
        co_return;
    }
    if (x.worker.waiting.guests() >= x.worker.conf.limits.holds_max) {
        x.count(cache::counter::holds_refused);
        co_await reply_error(x, 503, "Too many pages are waiting.", 5);
        co_return;
    }
    const cache::key_hash hash = x.worker.table.hash_of(x.key.key);
    const auto within = x.worker.conf.timeouts.send;
    x.close_after =
        true; // the stream's end is the connection's end: no chunks, no proxies that wait for them
    x.status = 200;
    x.answered = true;
    x.out = fmt::format(
        "HTTP/1.1 200 OK\r\nDate: {}\r\nContent-Type: text/event-stream\r\n"
        "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n{}Connection: close\r\n\r\n"
        "retry: 1000\n\n",
        http_date_now(x.worker.time), lines_of_location(x));
    auto error = co_await x.client.write_all(x.out, within);
    const steady_clock::time_point end = steady_clock::now() + stream_max;
    steady_clock::time_point next_comment = steady_clock::now() + comment_interval;
    std::string last;
    while (!error && !x.worker.draining && steady_clock::now() < end) {
        waiting_room::seat seat{x.worker.waiting};
        x.has_route = x.worker.table.look_up(x.key.key, hash, x.route);
        if (!still_admitted(x))
            break;
        std::string event = event_of(x);
        if (event != last) {
            error = co_await x.client.write_all(event, within);
            x.bytes_sent += event.size();
            last = std::move(event);
            if (error || is_last(x))
                break;
        }
        if (x.client.peer_closed())
            break;
        if (steady_clock::now() >= next_comment) {
            next_comment = steady_clock::now() + comment_interval;
            error = co_await x.client.write_all(":\n\n", within);
        }
        co_await seat.wait_until(steady_clock::now() + std::chrono::seconds{1});
    }
}

} // namespace postern::edge
