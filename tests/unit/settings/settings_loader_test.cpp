// Good confs and what they mean; check_tree_test.cpp has the bad ones.
#include "base/file.hpp"
#include "edge/settings/settings_loader.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace postern::edge {
namespace {

using namespace std::chrono_literals;

settings loaded(const std::string& text) {
    auto made = parse_settings(text, "/etc/postern/postern.conf");
    EXPECT_TRUE(made) << (made ? "" : made.error().text());
    return made ? std::move(*made) : settings{};
}

/// The locations of one server with this content.
std::vector<location_settings> locations(const std::string& server, const std::string& main = "") {
    const settings made = loaded(main + "server { " + server + " }");
    return made.servers.empty() ? std::vector<location_settings>{} : made.servers.front().locations;
}

TEST(settings_loader, an_empty_conf_has_defaults) {
    const settings s = loaded("");
    EXPECT_EQ(s.file, "/etc/postern/postern.conf");
    EXPECT_EQ(s.user, "");
    EXPECT_GE(s.workers, 1U);
    EXPECT_LE(s.workers, 64U);
    EXPECT_EQ(s.pid_file, "/run/postern.pid");
    EXPECT_EQ(s.error_log, "stderr");
    EXPECT_EQ(s.error_level, base::log_level::info);
    EXPECT_EQ(s.access_format, access_log_format::off);
    EXPECT_EQ(s.table_path, "/var/lib/postern/sessions.table");
    EXPECT_EQ(s.table_capacity, 100'000U);
    EXPECT_EQ(s.route_key.text(), "{clientId}-{threadId}");
    EXPECT_EQ(s.store.path, "/var/lib/postern/sessions.db");
    EXPECT_EQ(s.control.listen.text(), "127.0.0.1:9180");
    EXPECT_EQ(s.control.token_file, "/var/lib/postern/control.token");
    EXPECT_EQ(s.control.preview_url, "");
    EXPECT_FALSE(s.lifecycle.launcher);
    EXPECT_EQ(s.trusted_proxies.size(), 0U);
    EXPECT_TRUE(s.servers.empty());
}

TEST(settings_loader, defaults_are_those_of_the_plain_values) {
    const settings s = loaded("lifecycle { launcher process { command a {port}; } }");
    const settings plain;
    const timeouts& t = s.timeouts;
    const timeouts& pt = plain.timeouts;
    EXPECT_EQ(t.client_header, pt.client_header);
    EXPECT_EQ(t.client_body, pt.client_body);
    EXPECT_EQ(t.send, pt.send);
    EXPECT_EQ(t.keepalive, pt.keepalive);
    EXPECT_EQ(t.upstream_connect, pt.upstream_connect);
    EXPECT_EQ(t.upstream_send, pt.upstream_send);
    EXPECT_EQ(t.upstream_read, pt.upstream_read);
    EXPECT_EQ(t.upstream_idle, pt.upstream_idle);
    EXPECT_EQ(t.upgrade, pt.upgrade);
    EXPECT_EQ(t.tunnel_idle, pt.tunnel_idle);
    EXPECT_EQ(s.shutdown_timeout, plain.shutdown_timeout);
    EXPECT_EQ(s.limits.client_connections, plain.limits.client_connections);
    EXPECT_FALSE(s.limits.client_requests.on() || s.limits.client_bytes.on());
    EXPECT_FALSE(s.limits.session_requests.on() || s.limits.session_bytes.on());
    EXPECT_EQ(s.limits.worker_connections, plain.limits.worker_connections);
    EXPECT_EQ(s.limits.keepalive_requests, plain.limits.keepalive_requests);
    EXPECT_EQ(s.limits.upstream_keepalive, plain.limits.upstream_keepalive);
    EXPECT_EQ(s.limits.head_bytes_max, plain.limits.head_bytes_max);
    EXPECT_EQ(s.limits.head_fields_max, plain.limits.head_fields_max);
    EXPECT_EQ(s.limits.response_head_bytes_max, plain.limits.response_head_bytes_max);
    EXPECT_EQ(s.limits.holds_max, plain.limits.holds_max);
    EXPECT_EQ(s.store.flush, plain.store.flush);
    EXPECT_EQ(s.store.poll, plain.store.poll);
    EXPECT_EQ(s.lifecycle.idle_timeout, plain.lifecycle.idle_timeout);
    EXPECT_EQ(s.lifecycle.route_ttl, plain.lifecycle.route_ttl);
    EXPECT_EQ(s.lifecycle.history, plain.lifecycle.history);
    EXPECT_EQ(s.lifecycle.sessions_max, plain.lifecycle.sessions_max);
    const launcher_settings l;
    EXPECT_EQ(s.lifecycle.launcher->port_first, l.port_first);
    EXPECT_EQ(s.lifecycle.launcher->port_last, l.port_last);
    EXPECT_EQ(s.lifecycle.launcher->probe_http, l.probe_http);
    EXPECT_EQ(s.lifecycle.launcher->probe_path, l.probe_path);
    EXPECT_EQ(s.lifecycle.launcher->ready_within, l.ready_within);
    EXPECT_EQ(s.lifecycle.launcher->stop_signal, l.stop_signal);
    EXPECT_EQ(s.lifecycle.launcher->stop_within, l.stop_within);
    EXPECT_EQ(s.lifecycle.launcher->restarts_max, l.restarts_max);
    EXPECT_EQ(s.lifecycle.launcher->restart_window, l.restart_window);
    EXPECT_EQ(s.lifecycle.launcher->output_directory, "/var/lib/postern/output");
}

TEST(settings_loader, a_redirect_to_https_that_someone_answers) {
    for (const char* const text :
         {"ssl_redirect 443; server { listen 80; location / { return 404; } }",
          "trusted_proxies 10.0.0.0/8; server { listen 80; ssl_redirect on; }",
          "ssl_redirect on; server { listen 80; } server { listen 443 ssl; ssl_certificate c k; }",
          "server { listen 80; ssl_redirect off; }"})
        EXPECT_TRUE(parse_settings(text, "/p.conf")) << text;
}

TEST(settings_loader, targets_are_private_networks_but_not_the_metadata_service) {
    const auto allowed = [](const settings& s, const char* address) {
        for (const base::ip_network& n : s.allow_targets)
            if (n.contains(*base::ip_address::parse(address)))
                return true;
        return false;
    };
    const settings s = loaded("");
    for (const char* const inside :
         {"127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.0.9", "::1", "fd00::7"})
        EXPECT_TRUE(allowed(s, inside)) << inside;
    for (const char* const outside :
         {"169.254.169.254", "8.8.8.8", "172.32.0.1", "2001:db8::1", "fe80::1"})
        EXPECT_FALSE(allowed(s, outside)) << outside;
    EXPECT_TRUE(allowed(loaded("allow_targets 169.254.0.0/16;"), "169.254.169.254"));
    EXPECT_FALSE(allowed(loaded("allow_targets 169.254.0.0/16;"), "10.0.0.1"));
}

TEST(settings_loader, the_main_part) {
    const settings s = loaded(R"(
        user root; workers 3; pid off; error_log logs/error.log warn; access_log stdout json;
        session_table t capacity=2k; route_key {sessionId};
        store sqlite data/s.db { flush 2s; poll 50ms; }
        control { listen [::1]:91; token_file tok; preview_url https://{clientId}.example.com/{routeKey}/; }
        trusted_proxies 10.0.0.0/8 ::1; client_header_timeout 3; worker_connections 5k; client_header_size 8k;
        worker_shutdown_timeout 0; tunnel_timeout 7d;)");
    EXPECT_EQ(s.user, "root");
    EXPECT_EQ(s.workers, 3U);
    EXPECT_EQ(s.pid_file, "");
    EXPECT_EQ(s.error_log, "/etc/postern/logs/error.log");
    EXPECT_EQ(s.error_level, base::log_level::warn);
    EXPECT_EQ(s.access_log, "stdout");
    EXPECT_EQ(s.access_format, access_log_format::json);
    EXPECT_EQ(s.table_path, "/etc/postern/t");
    EXPECT_EQ(s.table_capacity, 2000U);
    EXPECT_EQ(s.route_key.text(), "{sessionId}");
    EXPECT_EQ(s.store.path, "/etc/postern/data/s.db");
    EXPECT_EQ(s.store.flush, 2s);
    EXPECT_EQ(s.store.poll, 50ms);
    EXPECT_EQ(s.control.listen.text(), "[::1]:91");
    EXPECT_EQ(s.control.token_file, "/etc/postern/tok");
    EXPECT_EQ(s.control.preview_url, "https://{clientId}.example.com/{routeKey}/");
    EXPECT_EQ(s.trusted_proxies.size(), 2U);
    EXPECT_EQ(s.timeouts.client_header, 3s);
    EXPECT_EQ(s.timeouts.tunnel_idle, 7 * 24h);
    EXPECT_EQ(s.limits.worker_connections, 5000U);
    EXPECT_EQ(s.limits.head_bytes_max, 8192U);
    EXPECT_EQ(s.shutdown_timeout, 0ms);
    EXPECT_EQ(loaded("access_log a.log;").access_format, access_log_format::combined);
}

TEST(settings_loader, the_lifecycle) {
    const settings s = loaded(R"(lifecycle {
        idle_timeout off; route_ttl 1h; history 2d; sessions_max 7;
        launcher process {
            command bin/start --port={port} '{{"a b"}}' "{{x}}" src/{threadId};
            directory sites/{clientId}; environment PORT {port}; environment NAME "a {branch}";
            output_directory out; ports 300-400; ready tcp within 5s; stop SIGINT; restarts off;
        } })");
    EXPECT_EQ(s.lifecycle.idle_timeout, 0ms);
    EXPECT_EQ(s.lifecycle.route_ttl, 1h);
    EXPECT_EQ(s.lifecycle.history, 48h);
    EXPECT_EQ(s.lifecycle.sessions_max, 7U);
    ASSERT_TRUE(s.lifecycle.launcher);
    const launcher_settings& l = *s.lifecycle.launcher;
    EXPECT_EQ(l.source, "/etc/postern/postern.conf:3");
    ASSERT_EQ(l.command.size(), 5U);
    EXPECT_EQ(l.command[0].text(), "/etc/postern/bin/start");
    EXPECT_EQ(l.command[1].text(), "--port={port}");
    EXPECT_EQ(l.command[3].fill([](auto) { return std::nullopt; }), "{x}");
    EXPECT_EQ(l.command[4].text(), "src/{threadId}"); // only the program is a path of the conf's
    EXPECT_EQ(l.directory.text(), "/etc/postern/sites/{clientId}");
    ASSERT_EQ(l.environment.size(), 2U);
    EXPECT_EQ(l.environment[1].first, "NAME");
    EXPECT_EQ(l.environment[1].second.text(), "a {branch}");
    EXPECT_EQ(l.output_directory, "/etc/postern/out");
    EXPECT_EQ(l.port_first, 300);
    EXPECT_EQ(l.port_last, 400);
    EXPECT_FALSE(l.probe_http);
    EXPECT_EQ(l.ready_within, 5s);
    EXPECT_EQ(l.stop_signal, SIGINT);
    EXPECT_EQ(l.restarts_max, 0U);
    const settings other = loaded(
        "lifecycle { launcher process { command npx {port}; ready http /up; restarts 9 in 1h; } }");
    EXPECT_EQ(other.lifecycle.launcher->command[0].text(), "npx");
    EXPECT_EQ(other.lifecycle.launcher->probe_path, "/up");
    EXPECT_EQ(other.lifecycle.launcher->ready_within, 60s);
    EXPECT_EQ(other.lifecycle.launcher->restarts_max, 9U);
    EXPECT_EQ(other.lifecycle.launcher->restart_window, 1h);
}

TEST(settings_loader, braces_in_the_folders_name_are_no_names) {
    const auto made = parse_settings("server { location / { static dist; } }", "/srv/{odd}/p.conf");
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_EQ(made->servers[0].locations[0].static_root.fill([](auto) { return std::nullopt; }),
              "/srv/{odd}/dist");
}

TEST(settings_loader, servers) {
    const settings s = loaded(R"(
        server { listen 80 default_server; listen [::]:80; server_name A.example.com {x}.example.com; }
        server { })");
    ASSERT_EQ(s.servers.size(), 2U);
    ASSERT_EQ(s.servers[0].listens.size(), 2U);
    EXPECT_EQ(s.servers[0].listens[0].address.text(), "0.0.0.0:80");
    EXPECT_TRUE(s.servers[0].listens[0].default_server);
    EXPECT_EQ(s.servers[0].listens[0].source, "/etc/postern/postern.conf:2");
    EXPECT_FALSE(s.servers[0].listens[1].default_server);
    EXPECT_EQ(s.servers[0].names[0].pieces[0].text, "a.example.com");
    EXPECT_TRUE(s.servers[0].names[1].has_captures());
    EXPECT_EQ(s.servers[1].listens.at(0).address.text(), "0.0.0.0:80");
    EXPECT_EQ(s.servers[1].source, "/etc/postern/postern.conf:3");
}

TEST(settings_loader, handlers) {
    const auto l = locations(R"(
        location = /x { return 301 https://example.com/; }
        location /y { return 200 "hello\n"; }
        location /p/ { proxy 10.0.0.1:3000; }
        location /api/ { control open; }
        location /api2/ { control; }
        location / { static dist; index a.html b.html; })");
    ASSERT_EQ(l.size(), 6U);
    EXPECT_TRUE(l[0].exact);
    EXPECT_EQ(l[0].status, 301U);
    EXPECT_EQ(l[0].body, "https://example.com/");
    EXPECT_EQ(l[0].source, "/etc/postern/postern.conf:2");
    EXPECT_EQ(l[1].handler, handler::fixed);
    EXPECT_EQ(l[1].body, "hello\n");
    EXPECT_EQ(l[2].handler, handler::proxy);
    EXPECT_EQ(l[2].upstream->text(), "10.0.0.1:3000");
    EXPECT_FALSE(l[2].strip_prefix);
    EXPECT_TRUE(l[3].control_open);
    EXPECT_EQ(l[4].handler, handler::control);
    EXPECT_FALSE(l[4].control_open);
    EXPECT_EQ(l[5].handler, handler::static_files);
    EXPECT_EQ(l[5].static_root.text(), "/etc/postern/dist");
    EXPECT_EQ(l[5].index, (std::vector<std::string>{"a.html", "b.html"}));
    EXPECT_EQ(l[5].body_bytes_max, 1024U * 1024);
}

TEST(settings_loader, what_caches_are_told) {
    const auto l = locations(R"(precompressed on; cache_control no-cache;
        location / { static dist; cache_control /a/ x; cache_control "max-age=1, public";
            cache_control /_astro/ immutable; cache_control /b/ y; }
        location /b/ { static dist; precompressed off; }
        location /session/{clientId}/{threadId}/ { session; })");
    ASSERT_EQ(l.size(), 3U);
    ASSERT_EQ(l[0].cache_rules.size(), 4U);
    constexpr std::pair<std::string_view, std::string_view> longest_first[] = {
        {"/_astro/", "immutable"}, {"/a/", "x"}, {"/b/", "y"}, {"", "max-age=1, public"}};
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(l[0].cache_rules[i].path, longest_first[i].first);
        EXPECT_EQ(l[0].cache_rules[i].value, longest_first[i].second);
    }
    EXPECT_TRUE(l[0].precompressed);
    EXPECT_FALSE(l[1].precompressed);
    ASSERT_EQ(l[1].cache_rules.size(), 1U);
    EXPECT_EQ(l[1].cache_rules[0].value, "no-cache");
    EXPECT_TRUE(l[2].precompressed);
}

TEST(settings_loader, who_is_let_in) {
    const auto l = locations(R"(access 10.0.0.0/8 fd00::/8;
        location /a/{clientId}/{threadId}/ { session; access link 192.168.1.7; }
        location /b/{clientId}/{threadId}/ { session; access link; }
        location /c/{clientId}/{threadId}/ { session; }
        location / { static dist; }
        location /open/ { proxy 127.0.0.1:1; access open; }
        location /fixed { return 204; })");
    ASSERT_EQ(l.size(), 6U);
    EXPECT_TRUE(l[0].access.link);
    ASSERT_EQ(l[0].access.networks.size(), 1U);
    EXPECT_EQ(l[0].access.networks[0].text(), "192.168.1.7/32");
    EXPECT_TRUE(l[1].access.link);
    EXPECT_TRUE(l[1].access.networks.empty());
    for (const std::size_t i : {2U, 3U}) {
        EXPECT_FALSE(l[i].access.open);
        EXPECT_FALSE(l[i].access.link);
        EXPECT_EQ(l[i].access.networks.size(), 2U);
    }
    EXPECT_TRUE(l[4].access.open);
    EXPECT_TRUE(l[5].access.open);
    EXPECT_TRUE(locations("location / { static dist; }")[0].access.open);
}

TEST(settings_loader, a_session_location) {
    const auto l = locations(R"(server_name edit.{clientId}.example.com;
        location /session/{threadId}/ {
            session; strip_prefix off; dev_server vite; wake button; hold 5s; port 8080;
            on_expired redirect /gone; client_max_body_size 0;
        }
        location /other/{threadId}/ { session; })");
    ASSERT_EQ(l.size(), 2U);
    EXPECT_FALSE(l[0].strip_prefix);
    EXPECT_EQ(l[0].dev_server, dev_server::vite);
    EXPECT_EQ(l[0].wake, wake_mode::button);
    EXPECT_EQ(l[0].hold, 5s);
    EXPECT_EQ(l[0].port, 8080);
    EXPECT_EQ(l[0].on_expired, on_expired::redirect);
    EXPECT_EQ(l[0].expired_redirect, "/gone");
    EXPECT_EQ(l[0].body_bytes_max, 0U);
    EXPECT_EQ(l[0].route_key.text(), "{clientId}-{threadId}");
    EXPECT_EQ(l[0].header_capture, "");
    EXPECT_TRUE(l[1].strip_prefix);
    EXPECT_EQ(l[1].dev_server, dev_server::none);
    EXPECT_EQ(l[1].wake, wake_mode::auto_);
    EXPECT_EQ(l[1].hold, 30s);
    EXPECT_EQ(l[1].on_expired, on_expired::not_found);
    EXPECT_EQ(l[1].body_bytes_max, 100U * 1024 * 1024);
}

TEST(settings_loader, where_sessions_come_from) {
    const std::string host = "server_name {threadId}.edit.{clientId}.example.com; ";
    const std::string path = "server_name edit.{clientId}.example.com; ";
    const auto sources = [](const std::string& server) {
        const auto l = locations(server);
        if (l.empty())
            return std::string{"none"};
        return l[0].sources.header + (l[0].sources.referer ? " referer" : "") +
               (l[0].sources.cookie ? " cookie" : "") + " " + l[0].header_capture;
    };
    EXPECT_EQ(sources(path + "location /s/{threadId}/ { session; }"), " ");
    EXPECT_EQ(sources(path + "location /s/{threadId}/ { session; dev_server vite; }"),
              " referer cookie ");
    EXPECT_EQ(
        sources(path + "dev_server vite; session_from off; location /s/{threadId}/ { session; }"),
        " ");
    EXPECT_EQ(
        sources(path + "location /s/{threadId}/ { session; session_from cookie header X-S; }"),
        "X-S cookie threadId");
    EXPECT_EQ(sources(host + "location / { session; dev_server vite; }"), " ");
    EXPECT_EQ(sources(path + "location / { session; session_from header X-Edit-Session-Id; }"),
              "X-Edit-Session-Id threadId");
    EXPECT_EQ(sources("location /{threadId}/ { session; route_key a-{threadId}; }"), " ");
    // Of two captures only one is in the key.
    EXPECT_EQ(sources("session_from header X-S; location /{userId}/{threadId}/ { session; "
                      "route_key a-{threadId}; }"),
              "X-S threadId");
    // Said further out, for others.
    EXPECT_EQ(sources(host + "session_from header X-S cookie; location / { session; }"),
              " cookie ");
}

TEST(settings_loader, the_innermost_one_holds) {
    const auto l = locations(R"(hold 2s; wake off; add_header A server; add_header B server;
        client_max_body_size 2m; static_root site; page error /etc/passwd; page loading /etc/hosts;
        location /a/{clientId}/{threadId}/ { session; hold 1s; add_header C here; page error /etc/group; }
        location /b/{clientId}/{threadId}/ { session; route_key b-{threadId}; index x; }
        location /c/ { static c; })",
                             "hold 3s; wake button; strip_prefix off; add_header D main; index "
                             "i.html; on_expired static;");
    ASSERT_EQ(l.size(), 3U);
    EXPECT_EQ(l[0].hold, 1s);
    EXPECT_EQ(l[1].hold, 2s);
    EXPECT_EQ(l[0].wake, wake_mode::off);
    EXPECT_FALSE(l[0].strip_prefix);
    EXPECT_EQ(l[0].index, std::vector<std::string>{"i.html"});
    EXPECT_EQ(l[1].index, std::vector<std::string>{"x"});
    // As in nginx: a level's own headers take the place of all that stand further out.
    ASSERT_EQ(l[0].add_headers.size(), 1U);
    EXPECT_EQ(l[0].add_headers[0].first, "C");
    ASSERT_EQ(l[1].add_headers.size(), 2U);
    EXPECT_EQ(l[1].add_headers[1].second, "server");
    EXPECT_EQ(l[0].pages[static_cast<std::size_t>(page::error)], "/etc/group");
    EXPECT_EQ(l[0].pages[static_cast<std::size_t>(page::loading)], "/etc/hosts");
    EXPECT_EQ(l[1].pages[static_cast<std::size_t>(page::error)], "/etc/passwd");
    EXPECT_EQ(l[1].pages[static_cast<std::size_t>(page::failed)], "");
    EXPECT_EQ(l[2].body_bytes_max, 2U * 1024 * 1024);
    EXPECT_EQ(l[1].route_key.text(), "b-{threadId}");
    EXPECT_EQ(l[1].static_root.text(), "/etc/postern/site");
    EXPECT_EQ(l[2].static_root.text(), "/etc/postern/c");
    EXPECT_EQ(
        locations("location / { static x; }", "add_header D main;")[0].add_headers.at(0).second,
        "main");
}

TEST(settings_loader, what_stands_behind_a_server_holds_for_it_too) {
    const settings s = loaded("server { location /{clientId}/{threadId}/ { session; } } hold 7s;");
    EXPECT_EQ(s.servers[0].locations[0].hold, 7s);
}

TEST(settings_loader, the_site_at_the_root_stands_in_for_sessions) {
    const auto l = locations("location /{clientId}/{threadId}/ { session; on_expired static; } "
                             "location / { static dist; }");
    EXPECT_EQ(l.at(0).static_root.text(), "/etc/postern/dist");
    EXPECT_TRUE(
        locations("location /{clientId}/{threadId}/ { session; } location / { return 404; }")
            .at(0)
            .static_root.empty());
}

TEST(settings_loader, servers_may_share_an_address) {
    EXPECT_EQ(loaded("server { listen 80; server_name a; } server { listen 80 default_server; "
                     "server_name b {c}.b; } "
                     "server { listen 81 default_server; server_name a; }")
                  .servers.size(),
              3U);
}

// The grammar that was promised, with the parts that this version has not left out.
TEST(settings_loader, a_whole_conf) {
    const settings s = loaded(R"(
user            root;
workers         auto;
error_log       stderr info;
access_log      /var/log/postern/access.log json;
session_table   /var/lib/postern/sessions.table capacity=100k;
route_key       {clientId}-{threadId};            # one template
store sqlite    /var/lib/postern/sessions.db;     # the embedded default
# store dynamodb {
# }
control {
    listen          127.0.0.1:9180;
    token_file      /var/lib/postern/control.token;
}
lifecycle {
    idle_timeout    5m;      # stops the compute
    route_ttl       30m;     # an old link still offers to resume
    history         24h;     # the record's ttl
    launcher process {
        command     npx astro dev --host 127.0.0.1 --port {port};
        directory   /srv/sites/{clientId};
        ready       http / within 60s;
        stop        TERM 10s;
    }
}
allow_targets   127.0.0.0/8 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16;
server {
    listen          80;
    server_name     edit.{clientId}.example.com;
    location /session/{threadId}/ {
        session;                     # look the route key up and decide
        strip_prefix    on;
        dev_server      vite;
        wake            auto;        # auto | button | off
        hold            30s;
    }
    location /session/{threadId}/api/ { session; port 8080; }   # another port of the same target
    location /api/sessions/ { control; }
    location /hermes/       { proxy 127.0.0.1:3000; }
    location /              { static /srv/sites/{clientId}/dist; }
}
server {                             # the cleaner way: an origin of its own for each session
    listen          80;
    server_name     {threadId}.edit.{clientId}.example.com;
    location /      { session; }
})");
    ASSERT_EQ(s.servers.size(), 2U);
    ASSERT_EQ(s.servers[0].locations.size(), 5U);
    EXPECT_TRUE(s.servers[0].locations[0].sources.referer);
    EXPECT_EQ(s.servers[0].locations[1].port, 8080);
    EXPECT_EQ(s.servers[0].locations[0].static_root.text(), "/srv/sites/{clientId}/dist");
}

TEST(settings_loader, a_file_is_read_and_named_in_full) {
    const std::string file = testing::TempDir() + "loader_test.conf";
    ASSERT_TRUE(base::replace_file(file, "pid x.pid;", 0600));
    const auto made = load_settings(file);
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_EQ(made->file, file);
    EXPECT_EQ(made->pid_file, testing::TempDir() + "x.pid");
    EXPECT_EQ(load_settings("/nonexistent/p.conf").error().text(),
              "/nonexistent/p.conf: No such file or directory");
    EXPECT_EQ(load_settings("/tmp").error().text(), "/tmp: is no regular file");
}

TEST(settings_loader, tls_is_inherited_by_servers) {
    const settings s = loaded(R"(
        ssl_certificate all.pem all.key;
        ssl_session_tickets off;
        ssl_redirect on;
        server { listen 80; listen 8443 ssl http2; location / { return 200; }
                 location /x { return 200; ssl_redirect off; } }
        server { server_name b; listen 80; listen 8443 ssl http2; ssl_protocols TLSv1.3;
                 ssl_certificate b.pem /b.key; ssl_certificate b2.pem b2.key;
                 ssl_session_tickets on; ssl_redirect 443; location / { return 200; } }
        server { server_name c; listen 81; location / { return 200; } }
    )");
    const server_settings &first = s.servers[0], &second = s.servers[1], &third = s.servers[2];
    EXPECT_FALSE(first.listens[0].ssl);
    EXPECT_TRUE(first.listens[1].ssl);
    EXPECT_TRUE(first.listens[1].http2);
    EXPECT_TRUE(first.has_ssl());
    EXPECT_FALSE(third.has_ssl());
    ASSERT_EQ(first.tls.certificates.size(), 1U);
    EXPECT_TRUE(first.tls.certificates[0].chain.ends_with("/all.pem"));
    EXPECT_FALSE(first.tls.tickets);
    EXPECT_TRUE(first.tls.tls12);
    EXPECT_TRUE(first.tls.tls13);
    EXPECT_EQ(first.locations[0].ssl_redirect, 8443); // where it listens
    EXPECT_EQ(first.locations[1].ssl_redirect, 0);
    ASSERT_EQ(second.tls.certificates.size(), 2U); // its own, not both
    EXPECT_EQ(second.tls.certificates[0].key, "/b.key");
    EXPECT_TRUE(second.tls.tickets);
    EXPECT_FALSE(second.tls.tls12);
    EXPECT_EQ(second.locations[0].ssl_redirect, 443);
    EXPECT_EQ(third.locations[0].ssl_redirect, 443); // nowhere: the usual place
    EXPECT_EQ(s.ticket_rotation, std::chrono::hours{12});
    EXPECT_EQ(s.timeouts.handshake, std::chrono::seconds{10});
}

} // namespace
} // namespace postern::edge
