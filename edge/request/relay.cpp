#include "edge/request/relay.hpp"

#include "edge/request/body_pump.hpp"
#include "edge/request/reply.hpp"

namespace postern::edge {
namespace {

constexpr unsigned client_closed_request = 499; // nginx's, for the log: nobody is there to see it

/// How one attempt on one connection ended.
enum class attempt { answered, stale };

/// The whole request is in `input` already: head and body, or a head without body.
bool body_is_here(const exchange& x) noexcept {
    if (!x.head.has_body())
        return true;
    return x.head.content_length &&
           *x.head.content_length <= x.input.view().size() - x.head.head_bytes;
}

std::string_view body_here(const exchange& x) noexcept {
    if (!x.head.has_body())
        return {};
    return x.input.view().substr(x.head.head_bytes,
                                 static_cast<std::size_t>(*x.head.content_length));
}

task<void> answer_failure(exchange& x, const head_outcome& failed) {
    x.count(cache::counter::upstream_errors);
    x.worker.log.info("upstream {}: {}", x.upstream_text(), failed.reason);
    co_await reply_error(x, failed.status,
                         failed.status == 504 ? "The upstream did not answer in time."
                                              : "The upstream gave no valid answer.");
}

/// Request without a body on its way, or with one that is here: sent in one piece.
task<attempt> exchange_at_once(exchange& x, const upstream_plan& plan, upstream_connection& up) {
    x.out.clear();
    write_request_head(x.out, x.head, plan.request);
    const std::string_view body = body_here(x);
    const auto& times = x.worker.conf.timeouts;
    std::string_view head = x.out;
    base::error_code send_error;
    if (!body.empty() || !up.link.write_now(head))
        send_error = co_await up.link.write_all(head, body, {}, times.upstream_send);
    x.bytes_received = body.size();
    // A peer that closed while we wrote may still have answered first.
    const head_outcome outcome = co_await read_answer_head(x, up, times.upstream_read);
    if (outcome.client_left) {
        up.link.close();
        x.status = client_closed_request;
        x.close_after = x.cut_short = true;
        co_return attempt::answered;
    }
    if (outcome.status != 0) {
        if (outcome.nothing_came && up.reused && x.head.idempotent())
            co_return attempt::stale;
        up.link.close();
        co_await answer_failure(x, outcome);
        co_return attempt::answered;
    }
    const bool keep = co_await relay_answer(x, plan, up);
    if (!keep || send_error)
        up.link.close();
    co_return attempt::answered;
}

/// Request with a body that is still coming: body up and answer down at the same time, because an
/// upstream may answer before it has read everything.
task<attempt> exchange_streaming(exchange& x, const upstream_plan& plan, upstream_connection& up) {
    const auto& times = x.worker.conf.timeouts;
    x.out.clear();
    write_request_head(x.out, x.head, plan.request);
    const auto head_error = co_await up.link.write_all(x.out, times.upstream_send);
    if (head_error) {
        up.link.close();
        co_await answer_failure(x, {502, true, "closed while the request head was sent"});
        co_return attempt::answered;
    }
    if (x.head.expect_continue) {
        constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        const auto error = co_await x.client.write_all(go_on, times.send);
        if (error) {
            x.close_after = x.cut_short = true;
            co_return attempt::answered;
        }
    }
    body_pump pump{x, up};
    pump.start();
    head_outcome outcome{502, false, "the request body broke off"};
    // The pump has begun to run: it may know already that the body is no good.
    if (pump.client_status() == 0)
        outcome = co_await read_answer_head(x, up, times.upstream_read);
    if (!pump.whole())
        // Answered before it has read everything: who knows what would follow.
        x.close_after = x.may_send_on = true;
    bool keep = false;
    if (outcome.status == 0)
        keep = co_await relay_answer(x, plan, up);
    else if (pump.client_status() == 0)
        co_await answer_failure(x, outcome);
    co_await pump.stop();
    if (pump.client_status() != 0 && !x.answered)
        co_await reply_error(x, pump.client_status(), pump.client_reason());
    if (!keep || !pump.whole())
        up.link.close();
    co_return attempt::answered;
}

} // namespace

task<relay_outcome> relay(exchange& x, const upstream_plan& plan) {
    x.upstream = plan.to;
    const bool at_once = body_is_here(x) && !x.head.expect_continue;
    for (bool fresh = false;; fresh = true) {
        upstream_ptr up = co_await reach(x, plan, fresh);
        if (!up)
            co_return relay_outcome::refused;
        up->link.watch(at_once ? &x.client : nullptr);
        attempt ended = attempt::answered;
        if (at_once)
            ended = co_await exchange_at_once(x, plan, *up);
        else
            ended = co_await exchange_streaming(x, plan, *up);
        if (up->link.is_open() && ended == attempt::answered)
            x.worker.upstreams.keep(std::move(up));
        if (ended == attempt::answered)
            co_return relay_outcome::answered;
        x.count(cache::counter::upstream_retries);
    }
}

void name_client(const exchange& x, request_rewrite& to) {
    to.client_address = x.client_address;
    to.peer_address = x.peer.text;
    to.trusted_client = x.peer.trusted;
    to.scheme = x.tls != nullptr ? "https" : "http";
}

task<upstream_ptr> reach(exchange& x, const upstream_plan& plan, bool fresh) {
    if (!fresh) {
        // What cannot be sent twice goes out only where the peer has not closed meanwhile; this
        // costs a system call.
        upstream_ptr kept = x.worker.upstreams.take(plan.to);
        while (kept && !x.head.idempotent() && kept->link.has_unasked())
            kept = x.worker.upstreams.take(plan.to);
        if (kept)
            co_return kept;
    }
    base::result<upstream_ptr> made = co_await x.worker.upstreams.connect(plan.to);
    if (!made)
        co_return nullptr;
    co_return std::move(*made);
}

task<head_outcome> read_answer_head(exchange& x, upstream_connection& up,
                                    std::chrono::milliseconds within) {
    response_head& out = x.worker.answer;
    constexpr unsigned interim_max = 8; // 100, 103...; more is a flood
    const limits_settings& limits = x.worker.conf.limits;
    const head_limits bounds{limits.response_head_bytes_max, limits.head_fields_max};
    const deadlines& timers = x.worker.loop.timers();
    const auto began = timers.now();
    auto wait = within;
    bool nothing_came = true;
    for (unsigned interim = 0;;) {
        if (!up.input.empty()) {
            nothing_came = false;
            const read_outcome read =
                read_response_head(up.input.view(), bounds, x.head.method, out);
            if (read.state == read_state::bad)
                co_return head_outcome{502, false, read.reason};
            if (read.state == read_state::done) {
                if (out.status >= 200)
                    co_return head_outcome{};
                if (out.status == 101 && !x.head.websocket)
                    co_return head_outcome{502, false, "switches protocols unasked"};
                if (out.status == 101 &&
                    !equal_ignoring_case(value_of(out.fields, known::upgrade), "websocket"))
                    co_return head_outcome{502, false, "switches to another protocol than asked"};
                if (out.status == 101)
                    co_return head_outcome{};
                if (++interim > interim_max)
                    co_return head_outcome{502, false, "too many interim answers"};
                up.input.consume(out.head_bytes);
                continue;
            }
        }
        const std::span<char> room = up.input.room(limits.response_head_bytes_max);
        if (room.empty())
            co_return head_outcome{502, false, "the answer's head is too large"};
        // All of the head has this time, from when the last of the request was sent: an upstream
        // that drips it gains nothing.
        if (!nothing_came)
            wait = std::chrono::ceil<std::chrono::milliseconds>(
                std::max(began, up.link.progressed_at()) + within - timers.now());
        if (wait.count() <= 0)
            co_return head_outcome{504, false, "no whole answer head in time"};
        auto [error, n] = co_await up.link.read_some(room, wait);
        if (error) {
            if (up.link.timed_out())
                co_return head_outcome{504, false, "no answer in time"};
            if (error == cancelled()) // by the watch or the pump
                co_return head_outcome{502, false, "the client has left", true};
            co_return head_outcome{502, nothing_came, "closed before its answer was whole"};
        }
        up.input.filled(n);
    }
}

} // namespace postern::edge
