#include "edge/request/decide.hpp"

#include "edge/http/scan.hpp"

namespace postern::edge {
namespace {

constexpr unsigned soon_s = 2; // Retry-After where the answer may change at any moment

/// Whether Accept names text/html; wildcards do not count: curl and fetch() send them.
bool accepts_html(std::string_view accept) noexcept {
    bool found = false;
    for_each_member(accept, [&](std::string_view range) {
        found = equal_ignoring_case(trimmed(range.substr(0, range.find(';'))), "text/html");
        return !found;
    });
    return found;
}

decision to_page(page which, unsigned status, unsigned retry_after_s = 0) noexcept {
    return {.action = action::show_page,
            .status = status,
            .which = which,
            .retry_after_s = retry_after_s};
}

decision to_answer(unsigned status, unsigned retry_after_s = 0) noexcept {
    return {.action = action::answer, .status = status, .retry_after_s = retry_after_s};
}

bool is_read(request_kind kind) noexcept {
    return kind == request_kind::document || kind == request_kind::fetch;
}

/// Wait for the route to become active, as long as there is patience.
decision to_hold(const route_view& view, const location_settings& location) noexcept {
    if (view.holds_exhausted || location.hold <= milliseconds{0})
        return to_answer(503, soon_s);
    return {.action = action::hold, .status = 503, .retry_after_s = soon_s};
}

decision decide_unknown(request_kind kind, const location_settings& location) noexcept {
    switch (location.on_expired) {
    case on_expired::static_:
        // Fetches too: a static document is nothing without its styles and images.
        if (is_read(kind) && !location.static_root.empty())
            return {.action = action::serve_static, .status = 200};
        break;
    case on_expired::redirect:
        if (kind == request_kind::document && !location.expired_redirect.empty())
            return {.action = action::redirect, .status = 302};
        break;
    case on_expired::not_found:
        break;
    }
    return kind == request_kind::document ? to_page(page::not_found, 404) : to_answer(404);
}

decision decide_active(request_kind kind, const route_view& view, const location_settings& location,
                       const std::vector<base::ip_network>& allow_targets) noexcept {
    base::ip_endpoint target = view.route->target;
    if (location.port != 0)
        target.port = location.port;
    const bool reachable = !target.address.is_none() && target.port != 0;
    if (view.target_refuses || !reachable)
        return kind == request_kind::document ? to_page(page::reconnecting, 503, soon_s)
                                              : to_hold(view, location);
    if (!base::is_in(allow_targets, target.address))
        return {.action = action::refuse_target, .status = 502};
    return {.action = kind == request_kind::upgrade ? action::tunnel : action::proxy,
            .status = 200,
            .target = target};
}

decision decide_draining(request_kind kind, const location_settings& location) noexcept {
    if (!is_read(kind))
        return to_answer(503, soon_s);
    if (!location.static_root.empty())
        return {.action = action::serve_static, .status = 200};
    // Without a static origin: a page that looks again until the session is stopped.
    return kind == request_kind::document ? to_page(page::reconnecting, 503, soon_s)
                                          : to_answer(503, soon_s);
}

} // namespace

std::string_view name_of(request_kind kind) noexcept {
    switch (kind) {
    case request_kind::document:
        return "document";
    case request_kind::fetch:
        return "fetch";
    case request_kind::upgrade:
        return "upgrade";
    case request_kind::unsafe:
        break;
    }
    return "unsafe";
}

bool wants_page(const request_head& head) noexcept {
    const std::string_view destination = value_of(head.fields, known::sec_fetch_dest);
    if (!destination.empty())
        return equal_ignoring_case(destination, "document") ||
               equal_ignoring_case(destination, "iframe") ||
               equal_ignoring_case(destination, "frame");
    for (const field& f : head.fields)
        if (f.id == known::accept && accepts_html(f.value))
            return true;
    return false;
}

request_kind kind_of(const request_head& head) noexcept {
    if (head.websocket)
        return request_kind::upgrade;
    if (head.method != method::get && head.method != method::head)
        return request_kind::unsafe;
    return wants_page(head) ? request_kind::document : request_kind::fetch;
}

bool is_gone(const cache::route* route, base::wall_time now) noexcept {
    const std::int64_t now_ms = base::to_epoch_ms(now);
    if (route == nullptr || (route->expires_at_ms != 0 && now_ms > route->expires_at_ms))
        return true;
    switch (route->state) {
    case cache::route_state::active:
    case cache::route_state::initializing:
    case cache::route_state::failed:
    case cache::route_state::draining:
        return false;
    case cache::route_state::inactive:
        break;
    }
    // Also for a state that a newer sync may have written: nothing to reach, so as good as
    // inactive.
    return now_ms > route->resume_until_ms;
}

bool is_over(const cache::route* route, base::wall_time now) noexcept {
    if (is_gone(route, now))
        return true;
    switch (route->state) {
    case cache::route_state::active:
    case cache::route_state::initializing:
    case cache::route_state::draining:
        return false;
    case cache::route_state::failed:
    case cache::route_state::inactive:
        break;
    }
    return true; // as in is_gone
}

bool is_too_stale(const settings& conf, std::int64_t synced_at_ms, base::wall_time now) noexcept {
    return conf.static_when_stale && conf.table_stale_after.count() > 0 &&
           base::to_epoch_ms(now) - synced_at_ms > conf.table_stale_after.count();
}

decision decide(request_kind kind, const route_view& view, const location_settings& location,
                const std::vector<base::ip_network>& allow_targets, base::wall_time now) noexcept {
    if (is_gone(view.route, now))
        return decide_unknown(kind, location);
    if (view.is_stale) // whether it still runs is not known: what it would end as is
        return decide_draining(kind, location);
    const bool document = kind == request_kind::document;
    switch (view.route->state) {
    case cache::route_state::active:
        return decide_active(kind, view, location, allow_targets);
    case cache::route_state::initializing:
        return document ? to_page(page::loading, 503, soon_s) : to_hold(view, location);
    case cache::route_state::failed:
        return document ? to_page(page::failed, 503) : to_answer(503);
    case cache::route_state::draining:
        return decide_draining(kind, location);
    case cache::route_state::inactive:
        break;
    }
    return document ? to_page(page::resume, 503) : to_answer(503);
}

} // namespace postern::edge
