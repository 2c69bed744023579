// A session's requests: the decision's rows become bytes here.
#include "edge/request/access.hpp"
#include "edge/request/https.hpp"
#include "edge/request/look_through.hpp"
#include "edge/request/rate_limits.hpp"
#include "edge/request/relay.hpp"
#include "edge/request/reply.hpp"
#include "edge/request/serve.hpp"
#include "edge/request/tunnel.hpp"

#include <fmt/format.h>

namespace postern::edge {
namespace {

using std::chrono::steady_clock;

/// How often a target that refuses is tried again while a request is held for it. The route may not
/// change at all: a dev server that restarts itself keeps its port.
constexpr std::chrono::milliseconds retry_interval{250};

/// What has been learned about the route since the request came.
struct session_attempt {
    steady_clock::time_point hold_until;
    bool holding = false;
    bool target_refuses = false;
    bool hold_over = false;
    bool reported = false; // the refusal stands in the log, once a request
};

bool look_up(exchange& x, cache::key_hash hash) {
    x.has_route = x.worker.table.look_up(x.key.key, hash, x.route);
    return x.has_route;
}

void note_request(exchange& x) {
    x.worker.table.add_activity(
        x.route.activity, {.last_seen_ms = base::to_epoch_ms(x.worker.time.wall()), .requests = 1});
}

void note_bytes(exchange& x) {
    x.worker.table.add_activity(x.route.activity,
                                {.bytes_in = x.bytes_received, .bytes_out = x.bytes_sent});
}

/// Proxies or tunnels to the target.
task<relay_outcome> go_to_target(exchange& x) {
    const location_settings& location = x.location();
    const bool vite = location.dev_server == dev_server::vite;
    const bool stripped = location.strip_prefix && !x.where.prefix.empty();
    // Dev servers accept localhost and IP addresses without being told (hmr: Host check), so this
    // is what they get.
    constexpr std::string_view scheme = "http://";
    x.local_origin = scheme;
    fmt::format_to(std::back_inserter(x.local_origin), "localhost:{}", x.verdict.target.port);
    const std::string_view local_origin = x.local_origin;
    upstream_plan plan;
    plan.to = x.verdict.target;
    request_rewrite& request = plan.request;
    request.path = stripped ? x.where.rest : x.head.path;
    request.host = vite ? local_origin.substr(scheme.size()) : x.head.host;
    name_client(x, request);
    request.prefix = stripped ? x.where.prefix : std::string_view{};
    request.session_id = x.route.session_id();
    request.rewrite_origin = vite;
    request.websocket = x.verdict.action == action::tunnel;
    plan.upstream_origin = local_origin;
    if (stripped)
        plan.location_prefix = x.where.prefix;
    std::string hmr_base;
    const bool reads = x.head.method == method::get || x.head.method == method::head;
    if (vite && stripped && request.path == "/@vite/client" && reads) {
        hmr_base = fmt::format("{}/", x.where.prefix);
        plan.hmr_base = hmr_base;
        request.identity_encoding = true;
    }
    std::string cookie;
    if (stripped && x.kind == request_kind::document)
        write_session_cookie(cookie, x.where, came_by_https(x));
    plan.set_cookie = cookie;
    note_request(x);
    relay_outcome outcome = relay_outcome::answered;
    if (request.websocket) {
        outcome = co_await tunnel(x, plan);
    } else {
        request_in_flight listed{x.route.activity};
        x.worker.in_flight.push_back(listed);
        outcome = co_await relay(x, plan);
    }
    if (outcome == relay_outcome::answered && !request.websocket)
        note_bytes(x);
    co_return outcome;
}

/// Waits for the route to change. Afterwards the route is looked up and decided on again.
task<void> hold(exchange& x, session_attempt& so_far) {
    if (!so_far.holding) {
        so_far.holding = true;
        so_far.hold_until = steady_clock::now() + x.location().hold;
        if (x.worker.waiting.guests() >= x.worker.conf.limits.holds_max) {
            x.count(cache::counter::holds_refused);
            so_far.hold_over = true;
            co_return;
        }
        x.count(cache::counter::holds);
    }
    const cache::route before = x.route;
    const steady_clock::time_point now = steady_clock::now();
    if (now >= so_far.hold_until) {
        x.count(cache::counter::holds_timed_out);
        so_far.hold_over = true;
        co_return;
    }
    // The client that we hold may leave: a second is how long that goes unnoticed.
    const auto look_again =
        so_far.target_refuses ? retry_interval : std::chrono::milliseconds{1000};
    waiting_room::seat seat{x.worker.waiting};
    cache::route latest;
    const bool unchanged =
        x.worker.table.look_up(x.key.key, x.worker.table.hash_of(x.key.key), latest) &&
        latest.version == before.version;
    if (unchanged)
        co_await seat.wait_until(std::min(now + look_again, so_far.hold_until));
    so_far.target_refuses = false;
    if (x.client.peer_closed()) {
        x.close_after = x.cut_short = true;
        so_far.hold_over = true;
    }
}

task<void> show(exchange& x) {
    const decision& verdict = x.verdict;
    switch (verdict.which) {
    case page::loading:
        x.decision_name = "loading";
        x.count(cache::counter::decisions_loading);
        break;
    case page::resume:
        x.decision_name = "resume";
        x.count(cache::counter::decisions_resume);
        break;
    case page::failed:
        x.decision_name = "failed";
        x.count(cache::counter::decisions_failed);
        break;
    case page::reconnecting:
        x.decision_name = "reconnecting";
        x.count(cache::counter::decisions_reconnecting);
        break;
    case page::not_found:
        x.decision_name = "not-found";
        x.count(cache::counter::decisions_not_found);
        break;
    default:
        x.decision_name = "error";
        break;
    }
    co_await reply_page(x, verdict.which, verdict.status, {}, verdict.retry_after_s);
}

/// Short answers for those who want no page.
task<void> answer_briefly(exchange& x) {
    std::string_view reason = "There is no such session.";
    x.decision_name = "not-found";
    if (x.verdict.status == 502) {
        reason = "The session cannot be reached.";
        x.decision_name = "reconnecting";
    } else if (x.verdict.status != 404) {
        reason = !x.has_route                                        ? "The session is not running."
                 : x.route.state == cache::route_state::initializing ? "The session is starting."
                 : x.route.state == cache::route_state::failed ? "The session failed to start."
                 : x.route.state == cache::route_state::active ? "The session cannot be reached."
                                                               : "The session is not running.";
        x.decision_name = "unavailable";
    } else {
        x.count(cache::counter::decisions_not_found);
    }
    co_await reply_error(x, x.verdict.status, reason, x.verdict.retry_after_s);
}

task<void> act_without_target(exchange& x) {
    switch (x.verdict.action) {
    case action::show_page:
        co_await show(x);
        break;
    case action::answer:
        co_await answer_briefly(x);
        break;
    case action::redirect:
        co_await reply_redirect(x, x.location().expired_redirect, false, x.verdict.status);
        break;
    case action::serve_static:
        co_await reply_static(x);
        break;
    case action::refuse_target:
        x.count(cache::counter::targets_refused);
        x.decision_name = "refused-target";
        x.worker.log.warn("session \"{}\": target {} is outside allow_targets", x.key.key,
                          x.route.target.text());
        co_await reply_error(x, 502, "The session's target is not allowed.");
        break;
    case action::proxy:
    case action::tunnel:
    case action::hold:
        break;
    }
}

} // namespace

task<void> serve_session(exchange& x) {
    if (x.key.outcome != key_outcome::found) {
        x.decision_name = "not-found";
        co_await reply_error(x, 404, "There is no session in this address.");
        co_return;
    }
    const cache::key_hash hash = x.worker.table.hash_of(x.key.key);
    look_up(x, hash);
    if (x.worker.asked != nullptr && may_be_unknown(x)) {
        co_await look_through(x, hash);
        if (x.cut_short)
            co_return;
    }
    if (!x.location().access.open) {
        const bool admitted = co_await admit(x);
        if (!admitted)
            co_return;
    }
    if (x.worker.rates != nullptr) { // who is not let in uses up nothing of it
        const bool refused = co_await refused_over_session_rates(x, hash);
        if (refused)
            co_return;
    }
    if (x.where.rest == events_path) {
        co_await serve_events(x);
        co_return;
    }
    if (x.where.rest == wake_path) {
        co_await serve_wake(x);
        co_return;
    }
    x.kind = kind_of(x.head);
    session_attempt so_far;
    for (;;) {
        const base::wall_time now = x.worker.time.wall();
        const route_view seen{x.has_route ? &x.route : nullptr, so_far.target_refuses,
                              so_far.hold_over,
                              is_too_stale(x.worker.conf, x.worker.table.synced_at_ms(), now)};
        if (seen.is_stale)
            x.count(cache::counter::decisions_stale);
        x.verdict = decide(x.kind, seen, x.location(), x.worker.conf.allow_targets, now);
        if (x.verdict.action == action::hold) {
            co_await hold(x, so_far);
            if (x.cut_short)
                co_return;
        } else if (x.verdict.action == action::proxy || x.verdict.action == action::tunnel) {
            const bool socket = x.verdict.action == action::tunnel;
            x.decision_name = socket ? "tunnel" : "proxy";
            x.count(socket ? cache::counter::decisions_tunnel : cache::counter::decisions_proxy);
            const relay_outcome outcome = co_await go_to_target(x);
            if (outcome == relay_outcome::answered)
                co_return;
            if (!std::exchange(so_far.reported, true))
                x.worker.log.info("session \"{}\": target {} refuses", x.key.key,
                                  x.upstream_text());
            so_far.target_refuses = true;
            x.worker.table.add_activity(x.route.activity,
                                        {.refused_at_ms = base::to_epoch_ms(x.worker.time.wall())});
            continue; // the same route, decided on with what we know now
        } else {
            co_await act_without_target(x);
            co_return;
        }
        look_up(x, hash);
        if (!still_admitted(x)) {
            co_await refuse_access(x);
            co_return;
        }
    }
}

} // namespace postern::edge
