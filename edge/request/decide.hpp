// The decision: a pure function of request kind, route, location and time. edge/README.md has its
// table in words.
#pragma once

#include "base/clock.hpp"
#include "base/ip_endpoint.hpp"
#include "cache/route.hpp"
#include "edge/http/request_head.hpp"
#include "edge/settings/settings.hpp"

#include <chrono>
#include <cstdint>
#include <string_view>

namespace postern::edge {

enum class request_kind { document, fetch, upgrade, unsafe };
[[nodiscard]] std::string_view name_of(request_kind kind) noexcept;

/// Whether a person will look at the answer: Sec-Fetch-Dest document/iframe/frame, else (header
/// absent) Accept names text/html.
[[nodiscard]] bool wants_page(const request_head& head) noexcept;

/// upgrade: a WebSocket handshake. document: GET/HEAD that wants a page. fetch: other GET/HEAD.
/// unsafe: the rest.
[[nodiscard]] request_kind kind_of(const request_head& head) noexcept;

enum class action {
    proxy,  // to the target
    tunnel, // WebSocket to the target
    hold, // wait for the route to become active, then decide again; at the deadline answer `status`
    show_page,    // `which` page with `status`
    answer,       // short text or JSON with `status`
    serve_static, // the static origin
    redirect,     // to the location's expired_redirect
    refuse_target // active, but outside allow_targets: 502, counted
};

struct decision {
    enum action action = action::answer;
    unsigned status = 404;
    page which = page::not_found;
    unsigned retry_after_s = 0; // Retry-After; 0: none
    base::ip_endpoint target;   // for proxy and tunnel, with the location's `port` applied
    bool operator==(const decision&) const = default;
};

/// The row of the table, and whether the target has just refused a connection (row "active, target
/// refuses").
struct route_view {
    const cache::route* route = nullptr; // none: unknown
    bool target_refuses = false;
    bool holds_exhausted = false; // hold time is over: what a hold turns into
    bool is_stale = false; // what the table says is too old to go by (stale_after ... static)
};

/// Whether a table that sync last had all of the store in at `synced_at_ms` (0: never) is too old
/// to go by.
[[nodiscard]] bool is_too_stale(const settings& conf, std::int64_t synced_at_ms,
                                base::wall_time now) noexcept;

/// Unknown, or past its expiry or route_ttl: what nobody can wake any more.
[[nodiscard]] bool is_gone(const cache::route* route, base::wall_time now) noexcept;

/// Whether nothing of the session runs any more: gone, failed or at rest. One that is draining
/// still runs.
[[nodiscard]] bool is_over(const cache::route* route, base::wall_time now) noexcept;

/// Requires: `location` is a session location. No I/O, no allocation.
[[nodiscard]] decision decide(request_kind kind, const route_view& route,
                              const location_settings& location,
                              const std::vector<base::ip_network>& allow_targets,
                              base::wall_time now) noexcept;

} // namespace postern::edge
