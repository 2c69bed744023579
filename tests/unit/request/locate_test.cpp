// Which server, which location, which captures: nginx's order, raw bytes.
#include "edge/request/locate.hpp"
#include "tests/unit/http/heads.hpp"
#include "tests/unit/request/conf.hpp"

#include <gtest/gtest.h>

namespace postern::edge {
namespace {

using tests::conf;
using tests::exact;
using tests::get;
using tests::location;
using tests::owned_request;
using tests::server;
using tests::session;

/// "a=1 b=2"
std::string text_of(const captures& values) {
    std::string out;
    for (const capture& c : values)
        out.append(out.empty() ? "" : " ").append(c.name).append("=").append(c.value);
    return out;
}

TEST(locate, server_by_exact_name_then_pattern_then_default) {
    const settings s = conf({
        server({"first.example"}, {}),
        server({"{a}.pattern.example", "*.no"}, {}),
        server({"{b}.pattern.example"}, {}),
        server({"exact.pattern.example", "Upper.Example"}, {}),
        server({"default.example"}, {}, "127.0.0.1:80", true),
        server({}, {}),
        server({"other.port"}, {}, "127.0.0.1:81"),
        server({}, {}, "127.0.0.1:81"),
        server({"second"}, {}, "127.0.0.1:82"),
        server({"third"}, {}, "127.0.0.1:82"),
    });
    const location_index index{s};
    ASSERT_EQ(index.listeners().size(), 3U);
    EXPECT_EQ(index.listeners()[1].text(), "127.0.0.1:81");
    const struct {
        std::size_t listener;
        const char* host;
        const char* source;
    } cases[] = {
        {0, "first.example", "first.example"},
        {0, "FIRST.example:8080", "first.example"},
        {0, "first.example.", "first.example"},
        {0, "x.pattern.example", "{a}.pattern.example"},
        {0, "exact.pattern.example", "exact.pattern.example"},
        {0, "upper.example", "exact.pattern.example"},
        {0, "unknown", "default.example"},
        {0, ".pattern.example", "default.example"},
        {0, "[::1]:80", "default.example"},
        {1, "other.port", "other.port"},
        {1, "first.example", "nameless"},
        {2, "unknown", "second"},
        {2, "third", "third"},
    };
    located out;
    for (const auto& c : cases) {
        request_head head;
        head.path = "/";
        head.host = c.host;
        index.locate(c.listener, head, out);
        ASSERT_NE(out.server, nullptr);
        EXPECT_EQ(out.server->source, c.source) << c.host;
    }
    request_head no_host;
    no_host.path = "/";
    index.locate(0, no_host, out);
    EXPECT_EQ(out.server->source, "default.example");
    EXPECT_EQ(out.location, nullptr);
}

TEST(locate, one_place_for_many_requests_is_as_good_as_a_new_one_each) {
    const settings s = conf({
        server({"edit.{c}.example"},
               {session("/session/{t}/", "{t}"), location("/", handler::fixed)}),
        server({"exact.example"}, {location("/{x}/", handler::fixed)}),
        server({}, {session("/{t}/", "{t}")}, "127.0.0.1:81"),
    });
    const location_index index{s};
    located reused;
    const std::pair<std::size_t, std::pair<const char*, const char*>> requests[] = {
        {0, {"edit.a.example", "/session/t1/x"}},
        {0, {"edit.a.example", "/other"}},
        {0, {"edit.a.example", "/../x"}},
        {0, {"edit.a.example", "/session/t2/"}},
        {0, {"edit.b.example", "/session/t2/"}},
        {0, {"exact.example", "/y/"}},
        {0, {"exact.example", "/"}},
        {1, {"exact.example", "/y/z"}},
        {0, {"exact.example", "/y/z"}},
        {0, {"", "/y/z"}},
        {0, {"EDIT.a.example:80", "/session/t1"}}};
    for (const auto& [listener, request] : requests) {
        // Hosts at other addresses each time, as on a connection.
        const std::string host{request.first}, path{request.second};
        request_head head;
        head.host = host;
        head.path = path;
        located fresh;
        index.locate(listener, head, fresh);
        index.locate(listener, head, reused);
        EXPECT_EQ(reused.server, fresh.server) << host << path;
        EXPECT_EQ(reused.location, fresh.location) << host << path;
        EXPECT_EQ(text_of(reused.values), text_of(fresh.values)) << host << path;
        EXPECT_EQ(reused.prefix, fresh.prefix) << host << path;
        EXPECT_EQ(reused.rest, fresh.rest) << host << path;
        EXPECT_EQ(reused.add_slash, fresh.add_slash) << host << path;
        EXPECT_EQ(reused.refused, fresh.refused) << host << path;
        EXPECT_EQ(reused.host_text, fresh.host_text) << host << path;
    }
}

TEST(locate, no_capture_leads_out_of_a_folder) {
    const settings s = conf({server({"{threadId}.edit.example"}, {}),
                             server({"sites.example"}, {location("/s/{site}-x/", handler::fixed)},
                                    "127.0.0.1:80", true)});
    const location_index index{s};
    located out;
    for (const auto& [path, found] : {std::pair{"/s/..-x/a", false},
                                      {"/s/.-x/a", false},
                                      {"/s/...-x/a", true},
                                      {"/s/.a-x/a", true}}) {
        request_head head;
        head.path = path;
        head.host = "sites.example";
        index.locate(0, head, out);
        EXPECT_EQ(out.location != nullptr, found) << path;
    }
    request_head head;
    head.path = "/";
    head.host = "...edit.example";
    index.locate(0, head, out);
    EXPECT_EQ(out.value_of("threadId"), std::nullopt);
}

TEST(locate, host_captures_come_first_and_in_lower_case) {
    const settings s = conf(
        {server({"{threadId}.Edit.{clientId}.example.com"}, {location("/{x}/", handler::fixed)})});
    const location_index index{s};
    located out;
    const owned_request r{get("/Y/z", "", "T-1.a.EDIT.acme.example.com:8443")};
    index.locate(0, r.head, out);
    ASSERT_NE(out.location, nullptr);
    EXPECT_EQ(text_of(out.values), "threadId=t-1.a clientId=acme x=Y");
    EXPECT_EQ(out.host_text, "t-1.a.edit.acme.example.com");
    EXPECT_EQ(out.value_of("clientId"), "acme");
    EXPECT_FALSE(out.value_of("userId"));
}

TEST(locate, a_host_pattern_takes_the_whole_name) {
    const settings s = conf({server({"none"}, {}), server({"edit.{c}.example.com"}, {})});
    const location_index index{s};
    located out;
    for (const auto& [host, hit] : {std::pair{"edit.a.example.com", true},
                                    {"edit.a.b.example.com", true},
                                    {"edit..example.com", false},
                                    {"edit.example.com", false},
                                    {"xedit.a.example.com", false},
                                    {"edit.a.example.com.evil", false},
                                    {"edit.a.example.comx", false}}) {
        request_head head;
        head.path = "/";
        head.host = host;
        index.locate(0, head, out);
        EXPECT_EQ(out.server->source == "none", !hit) << host;
    }
}

struct path_case {
    const char* path;
    const char* source; // of the location; nullptr: none
    const char* captures;
    const char* prefix;
    const char* rest;
    bool add_slash = false;
};

void expect_paths(const settings& s, const std::vector<path_case>& cases) {
    const location_index index{s};
    located out;
    for (const path_case& c : cases) {
        SCOPED_TRACE(c.path);
        const owned_request r{get(c.path)};
        index.locate(0, r.head, out);
        if (c.source == nullptr) {
            EXPECT_EQ(out.location, nullptr);
            continue;
        }
        ASSERT_NE(out.location, nullptr);
        EXPECT_EQ(out.location->source, c.source);
        EXPECT_EQ(text_of(out.values), c.captures);
        EXPECT_EQ(out.prefix, c.prefix);
        EXPECT_EQ(out.rest, c.rest);
        EXPECT_EQ(out.add_slash, c.add_slash);
    }
}

TEST(locate, location_by_exact_then_longest_prefix) {
    expect_paths(
        conf({server({}, {location("/", handler::static_files), location("/api", handler::proxy),
                          location("/api/v2/", handler::proxy), exact("/api/v2/", handler::fixed),
                          exact("/favicon.ico", handler::fixed)})}),
        {
            {"/", "/", "", "", "/"},
            {"/x/y", "/", "", "", "/x/y"},
            {"//x", "/", "", "", "//x"},
            {"/api", "/api", "", "/api", ""},
            {"/api/x", "/api", "", "/api", "/x"},
            {"/apix/y", "/api", "", "", "/apix/y"},
            {"/api/v2", "/api", "", "/api", "/v2"},
            {"/api/v2/x", "/api/v2/", "", "/api/v2", "/x"},
            {"/api/v2//x", "/api/v2/", "", "/api/v2", "//x"},
            {"/api/v2/", "= /api/v2/", "", "", "/api/v2/"},
            {"/api%2Fv2/x", "/api", "", "", "/api%2Fv2/x"},
            {"/favicon.ico", "= /favicon.ico", "", "", "/favicon.ico"},
            {"/favicon.ico/", "/", "", "", "/favicon.ico/"},
            {"/favicon.icon", "/", "", "", "/favicon.icon"},
        });
    expect_paths(
        conf({server({}, {location("/a/", handler::fixed)})}),
        {{"/", nullptr, "", "", ""}, {"/a", nullptr, "", "", ""}, {"/b/a/", nullptr, "", "", ""}});
}

TEST(locate, session_locations_and_their_captures) {
    expect_paths(
        conf({server({}, {session("/session/{threadId}/", "{threadId}"),
                          session("/session/{threadId}/api/", "{threadId}"),
                          location("/session/", handler::fixed),
                          location("/", handler::static_files)})}),
        {
            {"/session/a/", "/session/{threadId}/", "threadId=a", "/session/a", "/"},
            {"/session/a/x?q", "/session/{threadId}/", "threadId=a", "/session/a", "/x"},
            {"/session/a/@id/__x00__p", "/session/{threadId}/", "threadId=a", "/session/a",
             "/@id/__x00__p"},
            {"/session/a/@fs//srv/x", "/session/{threadId}/", "threadId=a", "/session/a",
             "/@fs//srv/x"},
            {"/session/a//", "/session/{threadId}/", "threadId=a", "/session/a", "//"},
            {"/session/A.b_c~d-9/", "/session/{threadId}/", "threadId=A.b_c~d-9",
             "/session/A.b_c~d-9", "/"},
            {"/session/a", "/session/{threadId}/", "threadId=a", "/session/a", "", true},
            {"/session/a/api/x", "/session/{threadId}/api/", "threadId=a", "/session/a/api", "/x"},
            {"/session/a/api", "/session/{threadId}/api/", "threadId=a", "/session/a/api", "",
             true},
            {"/session/a/apix", "/session/{threadId}/", "threadId=a", "/session/a", "/apix"},
            {"/session/", "/session/", "", "/session", "/"},
            {"/session//", "/session/", "", "/session", "//"},
            {"/session//x", "/session/", "", "/session", "//x"},
            {"/session/a%20b/", "/session/", "", "/session", "/a%20b/"},
            {"/session/a%2Fb/", "/session/", "", "/session", "/a%2Fb/"},
            {"/session/a@b/", "/session/", "", "/session", "/a@b/"},
            {"/session/a:b", "/session/", "", "/session", "/a:b"},
            {"/Session/a/", "/", "", "", "/Session/a/"},
            {"/session", "/", "", "", "/session"},
        });
}

TEST(locate, ties_and_odd_patterns) {
    expect_paths(
        conf(
            {server({}, {location("/{a}/x/", handler::fixed), location("/{a}-{b}/", handler::fixed),
                         location("/p/{id}", handler::fixed), location("/p/q{id}", handler::fixed),
                         session("/edit", "x"), session("/live/", "x"),
                         location("/{c}/x/", handler::fixed, "later"),
                         location("/deep/{a}/{b}/tail/", handler::fixed),
                         location("/deep/one/", handler::fixed)})}),
        {
            {"/1/x/y", "/{a}/x/", "a=1", "/1/x", "/y"},
            {"/1-2-3/", "/{a}-{b}/", "a=1 b=2-3", "/1-2-3", "/"},
            {"/-1-2/", "/{a}-{b}/", "a=-1 b=2", "/-1-2", "/"},
            {"/1-/", nullptr, "", "", ""},
            {"/p/7", "/p/{id}", "id=7", "/p/7", ""},
            {"/p/7/x", "/p/{id}", "id=7", "/p/7", "/x"},
            {"/p/7%20", nullptr, "", "", ""},
            {"/p/", nullptr, "", "", ""},
            {"/p/q7", "/p/q{id}", "id=7", "/p/q7", ""},
            {"/p/q", "/p/{id}", "id=q", "/p/q", ""},
            {"/edit", "/edit", "", "/edit", "", true},
            {"/edit/x", "/edit", "", "/edit", "/x"},
            {"/live", "/live/", "", "/live", "", true},
            // More literal bytes in all win over a longer first literal.
            {"/deep/one/b/tail/x", "/deep/{a}/{b}/tail/", "a=one b=b", "/deep/one/b/tail", "/x"},
            {"/deep/one/b/", "/deep/one/", "", "/deep/one", "/b/"},
        });
}

TEST(locate, more_captures_than_there_is_room_for_match_nothing) {
    const settings s =
        conf({server({"{a}.{b}.{c}.{d}.{e}"}, {location("/{f}/{g}/{h}/{i}/", handler::fixed),
                                               location("/{f}/{g}/{h}/", handler::fixed)})});
    const location_index index{s};
    const owned_request r{get("/6/7/8/9/", "", "1.2.3.4.5")};
    located out;
    index.locate(0, r.head, out);
    ASSERT_NE(out.location, nullptr);
    EXPECT_EQ(out.location->source, "/{f}/{g}/{h}/");
    EXPECT_EQ(out.values.size(), 8U);

    const settings nine =
        conf({server({}, {location("/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/", handler::fixed),
                          location("/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/", handler::fixed)})});
    const owned_request deep{get("/1/2/3/4/5/6/7/8/9/")};
    const location_index nine_index{nine};
    nine_index.locate(0, deep.head, out);
    ASSERT_NE(out.location, nullptr);
    EXPECT_EQ(out.rest, "/9/");
}

TEST(locate, a_refused_path_has_no_location) {
    const settings s = conf({server({}, {location("/", handler::fixed)})});
    const location_index index{s};
    located out;
    const owned_request bad{get("/a/%2e%2E/b")};
    index.locate(0, bad.head, out);
    EXPECT_EQ(out.location, nullptr);
    ASSERT_NE(out.refused, nullptr);
    const owned_request good{get("/a/b")};
    index.locate(0, good.head, out);
    EXPECT_NE(out.location, nullptr);
    EXPECT_EQ(out.refused, nullptr);
}

TEST(locate, sessions_of_a_referers_path) {
    const settings s =
        conf({server({}, {session("/session/{threadId}/", "{threadId}"),
                          location("/session/{threadId}/static/", handler::static_files),
                          location("/", handler::static_files)})});
    const location_index index{s};
    located out;
    const server_settings& own = s.servers.front();
    EXPECT_TRUE(index.locate_session(own, "/session/a/x", out));
    EXPECT_EQ(out.prefix, "/session/a");
    EXPECT_FALSE(index.locate_session(own, "/session/a/static/x", out));
    EXPECT_FALSE(index.locate_session(own, "/", out));
    EXPECT_FALSE(index.locate_session(own, "/session/a/../b", out));
    EXPECT_FALSE(index.locate_session(server_settings{}, "/session/a/x", out));
}

TEST(refuse_path, dot_segments_in_every_spelling) {
    for (const char* path : {"/..",
                             "/.",
                             "/../",
                             "/./",
                             "/a/../b",
                             "/a/./b",
                             "/a/..",
                             "/a/.",
                             "/%2e%2e/",
                             "/%2E/",
                             "/.%2e/",
                             "/%2e./",
                             "/a/%2e%2E/b",
                             "/a%2f..%2fb",
                             "/a%2F%2e%2e%2Fb",
                             "/a%5c..%5cb",
                             "/a/..%2fb",
                             "/a/..%5Cb",
                             "/..;/",
                             "/..;x=y/",
                             "/..%3b/",
                             "/.;/",
                             "//..",
                             "//../",
                             "/a//./b",
                             "/session/a/../b",
                             "/session/a%2f..",
                             "\\..\\",
                             "/a\\b",
                             "/..\\",
                             "/\\",
                             "/a b",
                             "/a\tb",
                             "/\x7f",
                             "/\x01",
                             "/%00",
                             "/a%00b",
                             "/%",
                             "/%2",
                             "/a%zz",
                             "/a%u002e"})
        EXPECT_NE(refuse_path(path), nullptr) << path;
    EXPECT_NE(refuse_path({"/\0", 2}), nullptr);
}

TEST(refuse_path, wherever_it_stands) {
    for (const std::string_view bad : {"\\", " ", "\x7f", "\x1f", "%00", "%g0", "/./", "/../"})
        for (std::size_t size = 1; size < 60; ++size)
            for (std::size_t at = 1; at < size; ++at) {
                std::string path(size, 'a');
                path.front() = '/';
                path.insert(at, bad);
                ASSERT_NE(refuse_path(path), nullptr) << path;
            }
    for (std::size_t size = 1; size < 60; ++size)
        for (const char* end : {"/..", "/."})
            EXPECT_NE(refuse_path(std::string(size, 'a') + end), nullptr) << size;
}

TEST(refuse_path, what_dev_servers_need_passes) {
    for (const char* path : {"/",
                             "//",
                             "/@id/__x00__virtual:x",
                             "/@fs//srv/a.js",
                             "/a%2Fb",
                             "/%01%0d%0a",
                             "/a%5cb",
                             "/...",
                             "/.../",
                             "/..a",
                             "/a..",
                             "/.a/",
                             "/a./",
                             "/.well-known/x",
                             "/a/..b/c",
                             "/.env",
                             "/%2e%2e%2e/",
                             "/%252e%252e/",
                             "/%2e%2ex",
                             "/a;b/..c",
                             "/node_modules/.vite/deps/x.js",
                             "/a,b;c=d:e@f&g=h+i$j!k'l(m)n*o",
                             "*",
                             ""})
        EXPECT_EQ(refuse_path(path), nullptr) << path;
}

} // namespace
} // namespace postern::edge
