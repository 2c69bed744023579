#include "edge/request/serve.hpp"

#include "base/percent.hpp"
#include "edge/request/access.hpp"
#include "edge/request/client_address.hpp"
#include "edge/request/https.hpp"
#include "edge/request/rate_limits.hpp"
#include "edge/request/relay.hpp"
#include "edge/request/reply.hpp"
#include "edge/request/tunnel.hpp"

#include <fmt/format.h>

namespace postern::edge {
namespace {

/// A browser's own page asks: not another site, not a tool (Fetch Metadata, W3C "Sec-Fetch-Site").
bool same_origin(const request_head& head) {
    const std::string_view site = value_of(head.fields, known::sec_fetch_site);
    if (!site.empty())
        return site == "same-origin";
    const std::string_view origin = value_of(head.fields, known::origin);
    const std::size_t scheme = origin.find("://");
    return scheme != std::string_view::npos &&
           equal_ignoring_case(origin.substr(scheme + 3), head.host);
}

/// A fixed upstream or control.
task<void> pass_to(exchange& x, upstream_plan& plan) {
    x.decision_name = "upstream";
    x.count(cache::counter::decisions_upstream);
    relay_outcome outcome = relay_outcome::answered;
    if (x.head.websocket)
        outcome = co_await tunnel(x, plan);
    else
        outcome = co_await relay(x, plan);
    if (outcome == relay_outcome::answered)
        co_return;
    x.worker.log.info("upstream {} refuses", x.upstream_text());
    co_await reply_error(x, 502, "The upstream cannot be reached.");
}

task<void> serve_proxy(exchange& x) {
    upstream_plan plan;
    plan.to = *x.location().upstream;
    plan.request.path = x.head.path;
    plan.request.host = x.head.host;
    plan.request.websocket = x.head.websocket;
    name_client(x, plan.request);
    co_await pass_to(x, plan);
}

task<void> serve_control(exchange& x) {
    upstream_plan plan;
    plan.to = x.worker.conf.control.listen;
    const std::string host = plan.to.text();
    plan.request.path = x.head.path;
    plan.request.host = host;
    if (x.location().control_open && same_origin(x.head))
        plan.request.bearer_token = x.worker.control_token;
    name_client(x, plan.request);
    co_await pass_to(x, plan);
}

/// Files care for no query, and their redirects to another spelling, which may be a session's, keep
/// it.
bool sees_all_of_url(const exchange& x) {
    return x.where.location && x.location().handler == handler::static_files &&
           !x.location().access.link;
}

/// What postern answers itself here with a 2xx is no WebSocket, but by HTTP/2 it would open one
/// (RFC 8441 5); 501 is for a protocol that is not spoken at an address (RFC 9220 3).
bool would_open_no_socket(const exchange& x) {
    if (!x.http2 || !x.head.websocket)
        return false;
    switch (x.location().handler) {
    case handler::static_files:
    case handler::fixed:
        return true;
    case handler::session:
        return x.where.rest == events_path;
    case handler::proxy:
    case handler::control:
        break;
    }
    return false; // tunnel() sees to it
}

/// A request that belongs to no server of the conf.
task<void> answer_for_nowhere(exchange& x) {
    if (is_of_other_scheme(x)) {
        co_await reply_bad_request(x, 421, "the URL's scheme is not what is spoken here");
        co_return;
    }
    x.decision_name = "fixed"; // what postern itself can do (RFC 9110 9.3.7): be there
    x.count(cache::counter::decisions_fixed);
    co_await reply(x, 204, {});
}

bool body_too_large(const exchange& x) {
    const std::uint64_t bytes_max = x.location().body_bytes_max;
    return bytes_max > 0 && x.head.content_length && *x.head.content_length > bytes_max;
}

} // namespace

task<void> serve(exchange& x) {
    if (x.peer.trusted)
        name_client_behind(x);
    const bool is_nowhere = is_of_other_scheme(x) || x.head.target == "*";
    if (is_nowhere)
        x.where.clear(); // it still has what was asked before
    else
        x.worker.index.locate(x.listener, x.head, x.where);
    if (x.worker.rates != nullptr) { // whatever the answer will be; a 429 has its location's form
        const bool refused = co_await refused_over_client_rates(x);
        if (refused)
            co_return;
    }
    if (is_nowhere) {
        co_await answer_for_nowhere(x);
        co_return;
    }
    if (x.where.refused) {
        x.count(cache::counter::requests_bad);
        co_await reply_bad_request(x, 400, x.where.refused);
        co_return;
    }
    if (may_be_sent_elsewhere(x)) {
        const bool answered = co_await sent_elsewhere(x);
        if (answered)
            co_return;
    }
    session_key_of(x.worker.index, x.where, x.head, x.key);
    if (!sees_all_of_url(x))
        take_access_token(x); // a redirect to a session keeps it, and nothing else from here on
    switch (x.key.outcome) {
    case key_outcome::redirect:
        co_await reply_redirect(x, x.key.redirect_to, x.key.from_referer);
        co_return;
    case key_outcome::refused:
        x.count(cache::counter::route_keys_refused);
        x.decision_name = "not-found";
        co_await reply_error(x, 404, "There is no such session.");
        co_return;
    case key_outcome::none:
    case key_outcome::found:
        break;
    }
    if (!x.where.location) {
        x.decision_name = "not-found";
        co_await reply_error(x, 404, "There is nothing at this address.");
        co_return;
    }
    if (body_too_large(x)) {
        x.count(cache::counter::body_too_large);
        x.close_after = true;
        co_await reply_error(x, 413, "The request body is larger than client_max_body_size.");
        co_return;
    }
    const bool session = x.location().handler == handler::session; // decides after its look-up
    if (!session && !x.location().access.open) {
        const bool admitted = co_await admit(x);
        if (!admitted)
            co_return;
    }
    if (would_open_no_socket(x)) {
        x.decision_name = "fixed";
        x.count(cache::counter::decisions_fixed);
        co_await reply_error(x, 501, "There is no WebSocket at this address.");
        co_return;
    }
    switch (x.location().handler) {
    case handler::session:
        co_await serve_session(x);
        break;
    case handler::proxy:
        co_await serve_proxy(x);
        break;
    case handler::control:
        co_await serve_control(x);
        break;
    case handler::fixed:
        co_await reply_fixed(x);
        break;
    case handler::static_files:
        co_await reply_static(x);
        break;
    }
}

task<void> serve_wake(exchange& x) {
    x.decision_name = "wake";
    if (x.head.method != method::post) {
        co_await reply_not_allowed(x, "POST", "Waking a session takes a POST.");
        co_return;
    }
    if (x.location().wake == wake_mode::off || !same_origin(x.head)) {
        co_await reply_error(x, 403, "Only the session's own page can wake it.");
        co_return;
    }
    // What the page says is what holds: a session whose page is gone is not started from it.
    if (is_gone(x.has_route ? &x.route : nullptr, x.worker.time.wall())) {
        co_await reply_error(x, 404, "There is no such session.");
        co_return;
    }
    x.count(cache::counter::wakes);
    upstream_plan plan;
    plan.to = x.worker.conf.control.listen;
    const std::string host = plan.to.text();
    const std::string path = fmt::format("/api/routes/{}/wake", base::percent_encoded(x.key.key));
    plan.request.path = path;
    plan.request.host = host;
    plan.request.bearer_token = x.worker.control_token;
    name_client(x, plan.request);
    std::string back;
    if (wants_page(x.head)) {
        back = fmt::format("{}/", x.where.prefix);
        plan.see_other = back;
    }
    const relay_outcome outcome = co_await relay(x, plan);
    if (outcome == relay_outcome::refused)
        co_await reply_error(x, 503, "Sessions cannot be started at the moment.", 2);
}

} // namespace postern::edge
