// One loaded conf file as plain values: what every process is built from. Made by settings_loader,
// never changed after.
#pragma once

#include "base/ip_endpoint.hpp"
#include "base/log.hpp"
#include "base/text_template.hpp"
#include "edge/settings/limits_settings.hpp"
#include "edge/settings/listen_settings.hpp"
#include "edge/settings/location_rules.hpp"
#include "edge/settings/store_settings.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace postern::edge {

inline constexpr std::size_t captures_max = 8; // of a request: of its host and path together

/// A pattern with {captures}, matched against a path prefix or a host name. Literal and capture
/// pieces alternate; a capture takes one or more bytes of [A-Za-z0-9._~-] up to the next literal
/// (or, at the end, to '/' or the end).
struct capture_pattern {
    struct piece {
        std::string text; // literal, or the capture's name
        bool is_capture = false;
    };
    std::string text; // as written
    std::vector<piece> pieces;
    [[nodiscard]] bool has_captures() const noexcept {
        for (const piece& p : pieces)
            if (p.is_capture)
                return true;
        return false;
    }
};

enum class page { loading, resume, failed, reconnecting, not_found, error, count_ };

/// Where a session's captures may come from besides path and host, tried in this order.
struct session_sources {
    std::string header;   // e.g. X-Edit-Session-Id, its value is one capture; empty: off
    bool referer = false; // 307 to the prefixed path (facts: dev servers emit root-absolute URLs)
    bool cookie = false;  // the prefix of the last opened session: navigations, as a redirect, and
                          // sockets
};

enum class wake_mode { auto_, button, off };
enum class dev_server { none, vite };
enum class on_expired { not_found, static_, redirect };

/// What a location does. Exactly one handler.
enum class handler { session, static_files, proxy, control, fixed };

struct location_settings {
    capture_pattern path;
    bool exact = false; // `location = /x`
    enum handler handler = handler::fixed;

    // session
    bool strip_prefix = true;
    enum dev_server dev_server = dev_server::none;
    wake_mode wake = wake_mode::auto_;
    milliseconds hold{30'000};
    std::uint16_t port = 0; // another port of the target; 0: the target's own
    session_sources sources;
    base::text_template route_key; // main's, or this location's own
    enum on_expired on_expired = on_expired::not_found;
    std::string expired_redirect; // for on_expired redirect
    std::string header_capture;   // the name in route_key that the value of sources.header stands
                                  // for; empty without a header

    // static_files; also the static origin of a session location (draining, on_expired static):
    // inherited from server
    base::text_template static_root; // over captures; empty: none
    std::vector<std::string> index{"index.html"};
    bool precompressed = false;
    std::vector<cache_rule> cache_rules; // longest path first

    // proxy
    std::optional<base::ip_endpoint> upstream;

    // control: pass the API through; open: worker adds the token for same-origin requests of its
    // own pages
    bool control_open = false;

    // fixed
    unsigned status = 404;
    std::string body; // or the Location of a redirect

    access_rule access;
    std::vector<std::pair<std::string, std::string>> add_headers;
    std::string table_age_header;     // the field's name; empty: none
    std::uint64_t body_bytes_max = 0; // client_max_body_size; 0: no bound
    std::uint16_t ssl_redirect = 0;   // plain HTTP is sent to this port by https; 0: it is served
    std::string pages[static_cast<std::size_t>(
        page::count_)]; // files that replace built-in pages; empty: built in
    std::string source; // "file:line", for explain and messages
};

struct server_settings {
    std::vector<listen_settings> listens;
    std::vector<capture_pattern> names; // server_name; empty list: matches any host
    std::vector<location_settings> locations;
    tls_settings tls;
    std::string source;
    [[nodiscard]] bool has_ssl() const noexcept {
        for (const listen_settings& l : listens)
            if (l.ssl)
                return true;
        return false;
    }
};

struct control_settings {
    base::ip_endpoint listen;
    std::string token_file;
    std::string preview_url; // template text
    std::uint32_t connections_max = 1024;
    std::uint64_t body_bytes_max = 64UL * 1024;
};

struct launcher_settings {
    std::vector<base::text_template> command;
    base::text_template directory;
    std::vector<std::pair<std::string, base::text_template>> environment;
    std::string output_directory;
    std::uint16_t port_first = 20'000, port_last = 29'999;
    bool probe_http = true;
    std::string probe_path = "/";
    milliseconds ready_within{60'000};
    int stop_signal = 15;
    milliseconds stop_within{10'000};
    unsigned restarts_max = 3;
    milliseconds restart_window{60'000};
    std::string source;
};

struct lifecycle_settings {
    milliseconds idle_timeout{5 * 60'000};
    milliseconds route_ttl{30 * 60'000};
    milliseconds history{24 * 3'600'000};
    std::uint32_t sessions_max = 0;
    std::optional<launcher_settings> launcher;
};

enum class access_log_format { off, combined, json };

struct settings {
    std::string file; // the conf's absolute path
    std::string user; // empty: as started
    std::uint32_t workers = 1;
    std::string pid_file; // empty: none
    std::string error_log = "stderr";
    base::log_level error_level = base::log_level::info;
    std::string access_log; // path, "stdout" or empty
    access_log_format access_format = access_log_format::off;

    std::string table_path;
    std::uint64_t table_capacity = 100'000;
    milliseconds table_stale_after{0}; // 0: never
    bool static_when_stale = false;
    base::text_template route_key;
    store_settings store;
    control_settings control;
    lifecycle_settings lifecycle;
    std::string access_key_file; // used where a location has links
    std::vector<base::ip_network> allow_targets;
    std::vector<base::ip_network> trusted_proxies; // whose X-Forwarded-* are kept and appended to
    struct timeouts timeouts;
    limits_settings limits;
    milliseconds shutdown_timeout{
        30'000}; // drain of workers at quit and reload; then they are ended
    milliseconds ticket_rotation{12 * 3'600'000}; // of the keys that TLS tickets are sealed with
    std::vector<server_settings> servers;
};

/// Whether a location lets people in by link.
[[nodiscard]] bool has_links(const settings& conf) noexcept;

} // namespace postern::edge
