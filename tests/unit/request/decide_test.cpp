// The decision: its whole table, and what turns one row into another.
#include "edge/request/decide.hpp"
#include "tests/unit/http/heads.hpp"
#include "tests/unit/request/conf.hpp"

#include <gtest/gtest.h>

namespace postern::edge {

void PrintTo(const decision& d, std::ostream* out) {
    *out << "action " << static_cast<int>(d.action) << " status " << d.status << " page "
         << static_cast<int>(d.which) << " retry " << d.retry_after_s << " target "
         << d.target.text();
}

namespace {

using base::wall_time;
using cache::route_state;
using std::chrono::milliseconds;

constexpr auto document = request_kind::document;
constexpr auto fetch = request_kind::fetch;
constexpr auto upgrade = request_kind::upgrade;
constexpr auto unsafe = request_kind::unsafe;
constexpr request_kind all_kinds[] = {document, fetch, upgrade, unsafe};

constexpr std::int64_t now_ms = 1'000'000;
const wall_time now{milliseconds{now_ms}};
const std::vector<base::ip_network> loopback{base::ip_network::parse("127.0.0.0/8").value()};

decision to_page(page which, unsigned status, unsigned retry_after_s = 0) {
    return {.action = action::show_page,
            .status = status,
            .which = which,
            .retry_after_s = retry_after_s};
}
decision to_answer(unsigned status, unsigned retry_after_s = 0) {
    return {.action = action::answer, .status = status, .retry_after_s = retry_after_s};
}
decision to_target(enum action action, std::string_view target = "127.0.0.1:4321") {
    return {.action = action, .status = 200, .target = tests::address(target)};
}
const decision held{.action = action::hold, .status = 503, .retry_after_s = 2};
const decision from_static{.action = action::serve_static, .status = 200};

cache::route route_in(route_state state) {
    cache::route route;
    route.state = state;
    route.target = tests::address("127.0.0.1:4321");
    route.resume_until_ms = now_ms + 1;
    return route;
}

/// A session location with a static origin.
location_settings usual() {
    location_settings made = tests::session("/session/{threadId}/", "{threadId}");
    made.static_root = tests::text("/srv/site");
    return made;
}

decision decided(request_kind kind, const route_view& view,
                 const location_settings& location = usual()) {
    return decide(kind, view, location, loopback, now);
}

decision decided(request_kind kind, route_state state,
                 const location_settings& location = usual()) {
    const cache::route route = route_in(state);
    return decided(kind, {.route = &route}, location);
}

TEST(decide, the_table_of_states_and_kinds) {
    const struct {
        route_state state;
        decision by_kind[4]; // document, fetch, upgrade, unsafe
    } rows[] = {
        {route_state::active,
         {to_target(action::proxy), to_target(action::proxy), to_target(action::tunnel),
          to_target(action::proxy)}},
        {route_state::initializing, {to_page(page::loading, 503, 2), held, held, held}},
        {route_state::failed,
         {to_page(page::failed, 503), to_answer(503), to_answer(503), to_answer(503)}},
        {route_state::draining, {from_static, from_static, to_answer(503, 2), to_answer(503, 2)}},
        {route_state::inactive,
         {to_page(page::resume, 503), to_answer(503), to_answer(503), to_answer(503)}},
    };
    for (const auto& row : rows)
        for (const request_kind kind : all_kinds)
            EXPECT_EQ(decided(kind, row.state), row.by_kind[static_cast<std::size_t>(kind)])
                << name_of(row.state) << " " << name_of(kind);
}

TEST(decide, unknown_sessions) {
    for (const request_kind kind : all_kinds)
        EXPECT_EQ(decided(kind, route_view{}),
                  kind == document ? to_page(page::not_found, 404) : to_answer(404))
            << name_of(kind);
}

TEST(decide, a_target_that_refuses) {
    const cache::route route = route_in(route_state::active);
    const route_view refused{.route = &route, .target_refuses = true};
    EXPECT_EQ(decided(document, refused), to_page(page::reconnecting, 503, 2));
    for (const request_kind kind : {fetch, upgrade, unsafe})
        EXPECT_EQ(decided(kind, refused), held);
}

TEST(decide, holds_end_in_503) {
    for (const route_state state : {route_state::initializing, route_state::active}) {
        const cache::route route = route_in(state);
        const route_view over{.route = &route, .target_refuses = true, .holds_exhausted = true};
        for (const request_kind kind : {fetch, upgrade, unsafe})
            EXPECT_EQ(decided(kind, over), to_answer(503, 2)) << name_of(state);
        EXPECT_EQ(decided(document, over).action, action::show_page);
    }
    // Patience that is over changes nothing for a route that has become active.
    const cache::route active = route_in(route_state::active);
    EXPECT_EQ(decided(fetch, {.route = &active, .holds_exhausted = true}),
              to_target(action::proxy));
}

TEST(decide, a_location_without_patience_never_holds) {
    location_settings location = usual();
    location.hold = milliseconds{0};
    EXPECT_EQ(decided(fetch, route_state::initializing, location), to_answer(503, 2));
}

TEST(decide, active_without_a_target_is_a_target_that_refuses) {
    cache::route route = route_in(route_state::active);
    route.target.address = {};
    EXPECT_EQ(decided(document, {.route = &route}), to_page(page::reconnecting, 503, 2));
    route = route_in(route_state::active);
    route.target.port = 0;
    EXPECT_EQ(decided(fetch, {.route = &route}), held);
    location_settings other_port = usual();
    other_port.port = 8080;
    EXPECT_EQ(decided(fetch, {.route = &route}, other_port),
              to_target(action::proxy, "127.0.0.1:8080"));
}

TEST(decide, the_locations_port_replaces_the_targets) {
    location_settings location = usual();
    location.port = 8080;
    EXPECT_EQ(decided(fetch, route_state::active, location),
              to_target(action::proxy, "127.0.0.1:8080"));
    EXPECT_EQ(decided(upgrade, route_state::active, location),
              to_target(action::tunnel, "127.0.0.1:8080"));
}

TEST(decide, what_is_too_old_to_go_by_is_answered_as_if_it_were_ending) {
    for (const route_state state : {route_state::active, route_state::initializing,
                                    route_state::failed, route_state::draining}) {
        const cache::route route = route_in(state);
        const cache::route ending = route_in(route_state::draining);
        for (const request_kind kind : all_kinds)
            EXPECT_EQ(decided(kind, {.route = &route, .is_stale = true}),
                      decided(kind, {.route = &ending}));
    }
    EXPECT_EQ(decided(document, route_view{.is_stale = true}), decided(document, route_view{}))
        << "not known at all";
}

TEST(decide, a_table_is_too_stale_where_the_conf_says_static) {
    constexpr std::int64_t second = 1000, at_ms = 1'000 * second;
    const base::wall_time later{std::chrono::milliseconds{at_ms}};
    settings conf;
    EXPECT_FALSE(is_too_stale(conf, 0, later));
    conf.table_stale_after = milliseconds{60 * second};
    EXPECT_FALSE(is_too_stale(conf, 0, later)) << "serve";
    conf.static_when_stale = true;
    EXPECT_TRUE(is_too_stale(conf, 0, later)) << "never in step";
    EXPECT_TRUE(is_too_stale(conf, at_ms - 61 * second, later));
    EXPECT_FALSE(is_too_stale(conf, at_ms - 60 * second, later));
    EXPECT_FALSE(is_too_stale(conf, at_ms + 5 * second, later)) << "another clock";
}

TEST(decide, targets_outside_allow_targets_are_refused) {
    const decision refused{.action = action::refuse_target, .status = 502};
    for (const char* target :
         {"169.254.169.254:80", "10.0.0.7:4321", "[::1]:4321", "128.0.0.1:1"}) {
        cache::route route = route_in(route_state::active);
        route.target = tests::address(target);
        for (const request_kind kind : all_kinds)
            EXPECT_EQ(decided(kind, {.route = &route}), refused) << target;
    }
    const cache::route inside = route_in(route_state::active);
    EXPECT_EQ(decide(fetch, {.route = &inside}, usual(), {}, now), refused);
    const std::vector<base::ip_network> two{base::ip_network::parse("10.0.0.0/8").value(),
                                            base::ip_network::parse("127.0.0.1").value()};
    EXPECT_EQ(decide(fetch, {.route = &inside}, usual(), two, now).action, action::proxy);
}

TEST(decide, expired_routes_are_unknown_whatever_their_state) {
    for (const route_state state :
         {route_state::active, route_state::initializing, route_state::failed,
          route_state::draining, route_state::inactive}) {
        cache::route route = route_in(state);
        route.expires_at_ms = now_ms - 1;
        EXPECT_EQ(decided(document, {.route = &route}), to_page(page::not_found, 404));
        EXPECT_EQ(decided(fetch, {.route = &route}), to_answer(404));
        route.expires_at_ms = now_ms;
        EXPECT_NE(decided(document, {.route = &route}), to_page(page::not_found, 404));
        route.expires_at_ms = 0; // never
        EXPECT_NE(decided(document, {.route = &route}), to_page(page::not_found, 404));
    }
}

TEST(decide, an_old_link_offers_to_resume_until_route_ttl) {
    cache::route route = route_in(route_state::inactive);
    route.resume_until_ms = now_ms;
    EXPECT_EQ(decided(document, {.route = &route}), to_page(page::resume, 503));
    route.resume_until_ms = now_ms - 1;
    EXPECT_EQ(decided(document, {.route = &route}), to_page(page::not_found, 404));
    EXPECT_EQ(decided(unsafe, {.route = &route}), to_answer(404));
    // Only inactive routes have this clock.
    for (const route_state state : {route_state::active, route_state::initializing}) {
        cache::route running = route_in(state);
        running.resume_until_ms = 0;
        EXPECT_NE(decided(document, {.route = &running}).which, page::resume);
        EXPECT_NE(decided(fetch, {.route = &running}).status, 404U);
    }
}

TEST(decide, on_expired_static) {
    location_settings location = usual();
    location.on_expired = on_expired::static_;
    EXPECT_EQ(decided(document, route_view{}, location), from_static);
    EXPECT_EQ(decided(fetch, route_view{}, location), from_static);
    EXPECT_EQ(decided(upgrade, route_view{}, location), to_answer(404));
    EXPECT_EQ(decided(unsafe, route_view{}, location), to_answer(404));
    EXPECT_EQ(decided(document, route_state::inactive, location), to_page(page::resume, 503));
    location.static_root = {};
    EXPECT_EQ(decided(document, route_view{}, location), to_page(page::not_found, 404));
    EXPECT_EQ(decided(fetch, route_view{}, location), to_answer(404));
}

TEST(decide, on_expired_redirect) {
    location_settings location = usual();
    location.on_expired = on_expired::redirect;
    location.expired_redirect = "https://example.com/";
    EXPECT_EQ(decided(document, route_view{}, location),
              (decision{.action = action::redirect, .status = 302}));
    for (const request_kind kind : {fetch, upgrade, unsafe})
        EXPECT_EQ(decided(kind, route_view{}, location), to_answer(404));
    location.expired_redirect.clear();
    EXPECT_EQ(decided(document, route_view{}, location), to_page(page::not_found, 404));
}

TEST(decide, draining_without_a_static_origin) {
    location_settings location = usual();
    location.static_root = {};
    EXPECT_EQ(decided(document, route_state::draining, location),
              to_page(page::reconnecting, 503, 2));
    EXPECT_EQ(decided(fetch, route_state::draining, location), to_answer(503, 2));
}

TEST(decide, a_state_that_nobody_knows_reaches_nothing) {
    for (const request_kind kind : all_kinds) {
        const decision d = decided(kind, static_cast<route_state>(77));
        EXPECT_TRUE(d.action == action::show_page || d.action == action::answer);
        EXPECT_EQ(d.status, 503U);
    }
}

TEST(kind_of, by_method_destination_and_accept) {
    using tests::get;
    const auto with_method = [](std::string_view method, std::string_view lines) {
        return std::string{method} + " / HTTP/1.1\r\nHost: h\r\n" + std::string{lines} + "\r\n";
    };
    const struct {
        std::string text;
        request_kind kind;
    } cases[] = {
        {get("/", "Sec-Fetch-Dest: document\r\n"), document},
        {get("/", "Sec-Fetch-Dest: iframe\r\n"), document},
        {get("/", "Sec-Fetch-Dest: frame\r\n"), document},
        {get("/", "Sec-Fetch-Dest: Document\r\n"), document},
        {get("/", "Sec-Fetch-Dest: empty\r\nAccept: text/html\r\n"), fetch},
        {get("/", "Accept: text/html\r\nSec-Fetch-Dest: script\r\n"), fetch},
        {get("/", "Sec-Fetch-Dest: image\r\n"), fetch},
        {get("/", "Sec-Fetch-Dest:\r\nAccept: text/html\r\n"), document},
        {get("/", "Accept: text/html,application/xhtml+xml;q=0.9\r\n"), document},
        {get("/", "Accept: application/json, TEXT/HTML;q=0.5\r\n"), document},
        {get("/", "Accept: application/json\r\nAccept: text/html\r\n"), document},
        {get("/", "Accept: */*\r\n"), fetch},
        {get("/", "Accept: text/*\r\n"), fetch},
        {get("/", "Accept: application/json\r\n"), fetch},
        {get("/", "Accept: text/htmlx\r\n"), fetch},
        {get("/"), fetch},
        {with_method("HEAD", "Sec-Fetch-Dest: document\r\n"), document},
        {with_method("HEAD", ""), fetch},
        {with_method("POST", "Sec-Fetch-Dest: document\r\nContent-Length: 0\r\n"), unsafe},
        {with_method("PUT", "Accept: text/html\r\nContent-Length: 0\r\n"), unsafe},
        {with_method("OPTIONS", ""), unsafe},
        {with_method("DELETE", ""), unsafe},
        {with_method("get", "Sec-Fetch-Dest: document\r\n"), unsafe},
        {tests::handshake("/", "Sec-Fetch-Dest: websocket\r\n"), upgrade},
        {tests::handshake("/", "Sec-Fetch-Dest: document\r\n"), upgrade},
    };
    for (const auto& c : cases) {
        const tests::owned_request r{c.text};
        EXPECT_EQ(name_of(kind_of(r.head)), name_of(c.kind)) << c.text;
    }
}

} // namespace
} // namespace postern::edge
