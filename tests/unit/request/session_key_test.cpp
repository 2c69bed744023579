// Where a session comes from: path and host, header, Referer, cookie; and when none of them may
// say.
#include "edge/request/session_key.hpp"
#include "tests/unit/http/heads.hpp"
#include "tests/unit/request/conf.hpp"

#include <gtest/gtest.h>

namespace postern::edge {
namespace {

using tests::conf;
using tests::get;
using tests::handshake;
using tests::location;
using tests::owned_request;
using tests::server;
using tests::session;

constexpr const char* navigation = "Sec-Fetch-Dest: document\r\n";

session_sources all_sources() {
    return {.header = "X-Edit-Session-Id", .referer = true, .cookie = true};
}

/// A shared host with sessions below a prefix, as the default conf for dev servers has it.
settings shared_host(session_sources sources = all_sources()) {
    return conf(
        {server({"edit.{clientId}.example.com"},
                {session("/session/{threadId}/", "{clientId}-{threadId}", std::move(sources)),
                 location("/session/{threadId}/files/", handler::static_files),
                 location("/hermes/", handler::proxy), location("/fixed/", handler::fixed),
                 location("/", handler::static_files)})});
}

constexpr const char* host = "edit.acme.example.com";

struct outcome_of {
    outcome_of(const settings& s, const std::string& text) : request{text} {
        const location_index index{s};
        index.locate(0, request.head, where);
        session_key_of(index, where, request.head, key);
    }
    owned_request request;
    located where;
    session_key key;
};

TEST(session_key, from_path_and_host) {
    const settings s = shared_host();
    const outcome_of o{s, get("/session/t1/x?y", "", host)};
    EXPECT_EQ(o.key.outcome, key_outcome::found);
    EXPECT_EQ(o.key.key, "acme-t1");
    EXPECT_FALSE(o.key.outside);
    EXPECT_EQ(o.where.prefix, "/session/t1");
    const outcome_of upgrade{s, handshake("/session/t1/?token=x", "", host)};
    EXPECT_EQ(upgrade.key.outcome, key_outcome::found);
}

TEST(session_key, path_wins_over_every_other_source) {
    const settings s = shared_host();
    const outcome_of o{s, get("/session/t1/",
                              std::string{navigation} +
                                  "X-Edit-Session-Id: t2\r\n"
                                  "Referer: http://edit.acme.example.com/session/t3/\r\n"
                                  "Cookie: postern_session=t4\r\n",
                              host)};
    EXPECT_EQ(o.key.outcome, key_outcome::found);
    EXPECT_EQ(o.key.key, "acme-t1");
}

TEST(session_key, a_missing_slash_is_added_with_the_query) {
    const settings s = shared_host();
    const outcome_of o{s, get("/session/t1?a=b?c", "", host)};
    EXPECT_EQ(o.key.outcome, key_outcome::redirect);
    EXPECT_EQ(o.key.redirect_to, "/session/t1/?a=b?c");
    EXPECT_FALSE(o.key.from_referer);
    const outcome_of upgrade{s, handshake("/session/t1", "", host)};
    EXPECT_EQ(upgrade.key.outcome, key_outcome::found);
    EXPECT_EQ(upgrade.key.key, "acme-t1");
}

TEST(session_key, refused_when_too_long) {
    const settings s = shared_host();
    const std::string longest(255 - 5, 'a');
    EXPECT_EQ((outcome_of{s, get("/session/" + longest + "/", "", host)}.key.outcome),
              key_outcome::found);
    EXPECT_EQ((outcome_of{s, get("/session/a" + longest + "/", "", host)}.key.outcome),
              key_outcome::refused);
}

TEST(session_key, refused_when_it_could_be_another_sessions) {
    const settings s = conf({server(
        {}, {session("/session/{clientId}/{threadId}/", "{clientId}-{threadId}", all_sources()),
             session("/by/{threadId}/{clientId}/", "{threadId}@{clientId}")})});
    EXPECT_EQ((outcome_of{s, get("/session/a/b-c/")}.key.key), "a-b-c");
    const outcome_of o{s, get("/session/a-b/c/")};
    EXPECT_EQ(o.key.outcome, key_outcome::refused);
    EXPECT_EQ(o.key.key, "");
    EXPECT_EQ((outcome_of{s, get("/by/a-b/c-d/")}.key.key), "a-b@c-d");
}

TEST(session_key, none_without_its_captures) {
    const settings s =
        conf({server({}, {session("/session/{threadId}/", "{clientId}-{threadId}")})});
    EXPECT_EQ((outcome_of{s, get("/session/t1/", "", host)}.key.outcome), key_outcome::none);
    EXPECT_EQ((outcome_of{s, get("/elsewhere", "", host)}.key.outcome), key_outcome::none);
}

TEST(session_key, from_a_header_outside_of_session_locations) {
    const settings s = shared_host();
    outcome_of o{s, get("/about?x", "x-edit-session-id: t2\r\n", host)};
    EXPECT_EQ(o.key.outcome, key_outcome::found);
    EXPECT_EQ(o.key.key, "acme-t2");
    EXPECT_TRUE(o.key.outside);
    ASSERT_NE(o.where.location, nullptr);
    EXPECT_EQ(o.where.location->handler, handler::session);
    EXPECT_EQ(o.where.prefix, "");
    EXPECT_EQ(o.where.rest, "/about");
    // Nothing is stripped, also where the location that was found first would have been.
    const outcome_of below{s, get("/session/t9/files/x", "X-Edit-Session-Id: t2\r\n", host)};
    EXPECT_EQ(below.key.key, "acme-t9") << "the path says more than the header";
    EXPECT_EQ(below.where.prefix, "");
    EXPECT_EQ(below.where.rest, "/session/t9/files/x");
    EXPECT_EQ((outcome_of{s, handshake("/ws", "X-Edit-Session-Id: t2\r\n", host)}.key.key),
              "acme-t2");
    for (const char* bad : {"", "a/b", "a b", "..%2f", "t2, t3", "{threadId}"}) {
        const outcome_of refused{
            s, get("/about", "X-Edit-Session-Id: " + std::string{bad} + "\r\n", host)};
        EXPECT_EQ(refused.key.outcome, key_outcome::refused) << bad;
    }
    // Other handlers mean themselves.
    EXPECT_EQ((outcome_of{s, get("/hermes/x", "X-Edit-Session-Id: t2\r\n", host)}.key.outcome),
              key_outcome::none);
}

TEST(session_key, a_header_opens_no_part_that_is_closed_to_urls) {
    const settings s = shared_host();
    const std::string header = "X-Edit-Session-Id: t2\r\n";
    // "/session/{threadId}/files/" is another location.
    const outcome_of o{s, get("/files/x", header, host)};
    EXPECT_EQ(o.key.outcome, key_outcome::none);
    EXPECT_EQ(o.key.redirect_to, "");
    EXPECT_EQ((outcome_of{s, handshake("/files/x", header, host)}.key.outcome), key_outcome::none);
    EXPECT_EQ((outcome_of{s, get("/file/x", header, host)}.key.key), "acme-t2");
    // Another session location is another one, too; and a path may have names that the key lacks.
    const settings two = conf(
        {server({}, {session("/session/{threadId}/", "{threadId}", {.header = "X-Edit-Session-Id"}),
                     session("/session/{threadId}/live/", "live-{threadId}"),
                     location("/", handler::static_files)})});
    EXPECT_EQ((outcome_of{two, get("/live/x", header)}.key.outcome), key_outcome::none);
    EXPECT_EQ((outcome_of{two, get("/x", header)}.key.key), "t2");
    const settings unknown = conf({server(
        {}, {session("/{userId}/{threadId}/", "{threadId}", {.header = "X-Edit-Session-Id"})})});
    EXPECT_EQ((outcome_of{unknown, get("/x", header)}.key.key), "t2");
}

TEST(session_key, from_a_header_where_the_path_has_no_session) {
    const settings s =
        conf({server({"edit.{clientId}.example.com"},
                     {session("/", "{clientId}-{threadId}", {.header = "X-Edit-Session-Id"})})});
    const outcome_of o{s, get("/about", "X-Edit-Session-Id: t2\r\n", host)};
    EXPECT_EQ(o.key.outcome, key_outcome::found);
    EXPECT_EQ(o.key.key, "acme-t2");
    EXPECT_FALSE(o.key.outside);
    EXPECT_EQ((outcome_of{s, get("/about", "", host)}.key.outcome), key_outcome::none);
}

TEST(session_key, referers) {
    const settings s = shared_host();
    const struct {
        const char* why;
        const char* target;
        const char* referer;
        const char* to; // nullptr: no redirect
    } cases[] = {
        {"a page's module", "/@vite/client", "http://edit.acme.example.com/session/t1/",
         "/session/t1/@vite/client"},
        {"a nested import", "/src/b.js?t=1", "http://edit.acme.example.com/session/t1/src/a.js",
         "/session/t1/src/b.js?t=1"},
        {"an empty query stays", "/x?", "http://edit.acme.example.com/session/t1/",
         "/session/t1/x?"},
        {"bytes stay", "/@fs//srv/%2Fa?b=%2F", "http://edit.acme.example.com/session/t1/",
         "/session/t1/@fs//srv/%2Fa?b=%2F"},
        {"the root", "/", "http://edit.acme.example.com/session/t1/x?y#z", "/session/t1/"},
        {"TLS ended before us", "/x", "https://edit.acme.example.com/session/t1/", "/session/t1/x"},
        {"case of the host", "/x", "http://EDIT.Acme.example.com/session/t1/", "/session/t1/x"},
        {"the scheme's own port", "/x", "http://edit.acme.example.com:80/session/t1/",
         "/session/t1/x"},
        {"nothing matched", "/hermesx", "http://edit.acme.example.com/session/t1/",
         "/session/t1/hermesx"},
        {"an origin-like path stays below", "//evil.example/x",
         "http://edit.acme.example.com/session/t1/", "/session/t1//evil.example/x"},
        {"another host", "/x", "http://evil.example/session/t1/", nullptr},
        {"another port", "/x", "http://edit.acme.example.com:81/session/t1/", nullptr},
        {"a host that starts alike", "/x", "http://edit.acme.example.com.evil/session/t1/",
         nullptr},
        {"a user", "/x", "http://edit.acme.example.com@evil/session/t1/", nullptr},
        {"no session in it", "/x", "http://edit.acme.example.com/", nullptr},
        {"only an origin", "/x", "http://edit.acme.example.com", nullptr},
        {"no final slash", "/x", "http://edit.acme.example.com/session/t1", nullptr},
        {"a bad id", "/x", "http://edit.acme.example.com/session/t%201/", nullptr},
        {"a dot segment", "/x", "http://edit.acme.example.com/session/t1/../t2/", nullptr},
        {"below a static part", "/x", "http://edit.acme.example.com/session/t1/files/", nullptr},
        {"relative", "/x", "/session/t1/", nullptr},
        {"rubbish", "/x", "\"><script>", nullptr},
        {"already there", "/session/t1/files/x", "http://edit.acme.example.com/session/t1/",
         nullptr},
        {"a proxied place", "/hermes/x", "http://edit.acme.example.com/session/t1/", nullptr},
        {"a fixed place", "/fixed/x", "http://edit.acme.example.com/session/t1/", nullptr},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.why);
        const outcome_of o{s, get(c.target, "Referer: " + std::string{c.referer} + "\r\n", host)};
        EXPECT_EQ(o.key.outcome, c.to ? key_outcome::redirect : key_outcome::none);
        EXPECT_EQ(o.key.redirect_to, c.to ? c.to : "");
        EXPECT_EQ(o.key.from_referer, c.to != nullptr);
    }
    const std::string referer = "Referer: http://edit.acme.example.com/session/t1/\r\n";
    const owned_request post{"POST /form HTTP/1.1\r\nHost: edit.acme.example.com\r\n" + referer +
                             "Content-Length: 3\r\n\r\n"};
    EXPECT_EQ((outcome_of{s, post.bytes}.key.redirect_to), "/session/t1/form");
    EXPECT_EQ((outcome_of{s, handshake("/", referer, host)}.key.outcome), key_outcome::none);
    const settings off = shared_host({});
    EXPECT_EQ((outcome_of{off, get("/x", referer, host)}.key.outcome), key_outcome::none);
}

TEST(session_key, cookies) {
    const settings s = shared_host();
    const std::string cookie = "Cookie: a=b; postern_session=/session/t1; c=d\r\n";
    const std::string own_origin = "Origin: http://edit.acme.example.com\r\n";
    const struct {
        const char* why;
        std::string text;
        key_outcome outcome;
        const char* result;
    } cases[] = {
        {"a navigation", get("/about?x", navigation + cookie, host), key_outcome::redirect,
         "/session/t1/about?x"},
        {"a navigation by Accept", get("/", "Accept: text/html\r\n" + cookie, host),
         key_outcome::redirect, "/session/t1/"},
        {"from another site",
         get("/about", navigation + cookie + "Referer: http://mail.example/\r\n", host),
         key_outcome::redirect, "/session/t1/about"},
        {"from the site itself",
         get("/about", navigation + cookie + "Referer: http://edit.acme.example.com/\r\n", host),
         key_outcome::none, ""},
        {"a fetch", get("/x.js", "Sec-Fetch-Dest: script\r\n" + cookie, host), key_outcome::none,
         ""},
        {"curl", get("/x", cookie, host), key_outcome::none, ""},
        {"a form",
         "POST /x HTTP/1.1\r\nHost: edit.acme.example.com\r\nAccept: text/html\r\n" + cookie +
             "Content-Length: 0\r\n\r\n",
         key_outcome::none, ""},
        {"already there", get("/session/t1/files/x", navigation + cookie, host), key_outcome::none,
         ""},
        {"another cookie",
         get("/about", std::string{navigation} + "Cookie: xpostern_session=/session/t1\r\n", host),
         key_outcome::none, ""},
        {"an empty one",
         get("/about", std::string{navigation} + "Cookie: postern_session=\r\n", host),
         key_outcome::none, ""},
        {"a bare name",
         get("/about", std::string{navigation} + "Cookie: postern_session=t1\r\n", host),
         key_outcome::none, ""},
        {"another host",
         get("/about", std::string{navigation} + "Cookie: postern_session=//evil.example\r\n",
             host),
         key_outcome::none, ""},
        {"a URL",
         get("/about",
             std::string{navigation} + "Cookie: postern_session=http://evil.example/session/t1\r\n",
             host),
         key_outcome::none, ""},
        {"no session's prefix",
         get("/about", std::string{navigation} + "Cookie: postern_session=/hermes\r\n", host),
         key_outcome::none, ""},
        {"more than a session's prefix",
         get("/about", std::string{navigation} + "Cookie: postern_session=/session/t1/a\r\n", host),
         key_outcome::none, ""},
        {"a slash behind it",
         get("/about", std::string{navigation} + "Cookie: postern_session=/session/t1/\r\n", host),
         key_outcome::none, ""},
        {"bytes that no name has",
         get("/about", std::string{navigation} + "Cookie: postern_session=/session/t1%0d%0aX:y\r\n",
             host),
         key_outcome::none, ""},
        {"a static part of the session's path", get("/files/x", navigation + cookie, host),
         key_outcome::none, ""},
        {"a socket to a static part of it", handshake("/files/x", cookie, host), key_outcome::none,
         ""},
        {"a malformed one",
         get("/about", std::string{navigation} + "Cookie: postern_session=/session/../t1\r\n",
             host),
         key_outcome::none, ""},
        {"a site's own socket", handshake("/ws", cookie, host), key_outcome::found, "acme-t1"},
        {"a socket of this origin", handshake("/ws", cookie + own_origin, host), key_outcome::found,
         "acme-t1"},
        {"a socket of another origin",
         handshake("/ws", cookie + "Origin: http://evil.example\r\n", host), key_outcome::none, ""},
        {"a socket of no origin", handshake("/ws", cookie + "Origin: null\r\n", host),
         key_outcome::none, ""},
        {"Vite's ping would be answered by another session",
         handshake("/", cookie + own_origin + "Sec-WebSocket-Protocol: vite-ping\r\n", host),
         key_outcome::none, ""},
        {"Vite's HMR",
         handshake("/?token=x", cookie + own_origin + "Sec-WebSocket-Protocol: vite-hmr\r\n", host),
         key_outcome::found, "acme-t1"},
        {"a proxied place", get("/hermes/", navigation + cookie, host), key_outcome::none, ""},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.why);
        const outcome_of o{s, c.text};
        EXPECT_EQ(o.key.outcome, c.outcome);
        EXPECT_EQ(c.outcome == key_outcome::found ? o.key.key : o.key.redirect_to, c.result);
        EXPECT_FALSE(o.key.from_referer);
        EXPECT_EQ(o.key.outside, c.outcome == key_outcome::found);
    }
    const settings off = shared_host({.referer = true});
    EXPECT_EQ((outcome_of{off, get("/about", navigation + cookie, host)}.key.outcome),
              key_outcome::none);
}

TEST(session_key, a_cookie_holds_all_captures_of_the_path) {
    const settings s =
        conf({server({"{userId}.example.com"},
                     {session("/session/{clientId}/{threadId}/", "{clientId}@{threadId}@{userId}",
                              {.referer = true, .cookie = true}),
                      location("/files/{threadId}/", handler::static_files)})});
    const char* at = "ann.example.com";
    std::string cookie;
    write_session_cookie(cookie, outcome_of{s, get("/session/m/x/deep", "", at)}.where, false);
    EXPECT_EQ(cookie, "postern_session=/session/m/x; Path=/; HttpOnly; SameSite=Lax");
    const std::string sent = "Cookie: postern_session=/session/m/x\r\n";
    const outcome_of page{s, get("/foo?q", navigation + sent, at)};
    EXPECT_EQ(page.key.outcome, key_outcome::redirect);
    EXPECT_EQ(page.key.redirect_to, "/session/m/x/foo?q");
    // The captures of the location that the socket's own path belongs to count for nothing.
    for (const char* path : {"/", "/files/other/ws"}) {
        const outcome_of socket{s, handshake(path, sent, at)};
        EXPECT_EQ(socket.key.outcome, key_outcome::found);
        EXPECT_EQ(socket.key.key, "m@x@ann");
        EXPECT_EQ(socket.key.redirect_to, "");
        EXPECT_TRUE(socket.key.outside);
        EXPECT_EQ(socket.where.value_of("threadId"), "x");
        EXPECT_EQ(socket.where.rest, path);
        EXPECT_EQ(socket.where.prefix, "");
    }
}

TEST(session_key, a_cookie_never_leads_to_another_host) {
    const settings s =
        conf({server({}, {session("//x/{threadId}/", "{threadId}", {.cookie = true})})});
    EXPECT_EQ((outcome_of{s, get("//x/t1/")}.key.key), "t1");
    const outcome_of o{
        s, get("/about", std::string{navigation} + "Cookie: postern_session=//x/t1\r\n")};
    EXPECT_EQ(o.key.outcome, key_outcome::none);
}

TEST(session_key, a_cookie_needs_a_prefix) {
    const settings s =
        conf({server({"{threadId}.x"}, {session("/", "{threadId}", {.cookie = true})})});
    std::string cookie;
    write_session_cookie(cookie, outcome_of{s, get("/x", "", "t.x")}.where, false);
    EXPECT_EQ(cookie, "");
}

TEST(session_key, is_written_where_the_rule_is_on) {
    const settings s = shared_host();
    const outcome_of o{s, get("/session/t1/", "", host)};
    std::string value;
    write_session_cookie(value, o.where, false);
    EXPECT_EQ(value, "postern_session=/session/t1; Path=/; HttpOnly; SameSite=Lax");
    value.clear();
    write_session_cookie(value, o.where, true);
    EXPECT_EQ(value, "postern_session=/session/t1; Path=/; HttpOnly; SameSite=Lax; Secure");
    value.clear();
    const settings off = shared_host({});
    write_session_cookie(value, outcome_of{off, get("/session/t1/", "", host)}.where, false);
    EXPECT_EQ(value, "");
}

TEST(session_key, a_reused_one_keeps_nothing) {
    const settings s = shared_host();
    const location_index index{s};
    located where;
    session_key key;
    const auto ask = [&](const owned_request& r) {
        index.locate(0, r.head, where);
        session_key_of(index, where, r.head, key);
    };
    const owned_request redirected{
        get("/x", "Referer: http://edit.acme.example.com/session/t1/\r\n", host)};
    const owned_request found{get("/session/t9/", "", host)};
    const owned_request none{get("/x", "", host)};
    ask(redirected);
    EXPECT_TRUE(key.from_referer);
    ask(found);
    EXPECT_EQ(key.key, "acme-t9");
    EXPECT_EQ(key.redirect_to, "");
    EXPECT_FALSE(key.from_referer);
    ask(none);
    EXPECT_EQ(key.outcome, key_outcome::none);
    EXPECT_EQ(key.key, "");
    EXPECT_EQ(where.location->handler, handler::static_files);
}

TEST(cookie_value, finds_whole_names_only) {
    EXPECT_EQ(cookie_value("a=1; b=2;c=3", "b"), "2");
    EXPECT_EQ(cookie_value("a=1; b=2;c=3", "c"), "3");
    EXPECT_EQ(cookie_value("a=1; ab=2", "b"), "");
    EXPECT_EQ(cookie_value("b; a=b=c", "a"), "b=c");
    EXPECT_EQ(cookie_value("", "a"), "");
    EXPECT_EQ(cookie_value(";;=;a", "a"), "");
}

} // namespace
} // namespace postern::edge
