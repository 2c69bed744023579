// The main part's directives, except those that servers and locations inherit.
#include "base/limits.hpp"
#include "edge/settings/setters.hpp"

#include <algorithm>
#include <pwd.h>
#include <sched.h>
#include <set>
#include <unistd.h>

namespace postern::edge {
namespace {

using namespace std::chrono_literals;
using answer = std::optional<complaint>;

std::uint32_t processors() {
    cpu_set_t set;
    CPU_ZERO(&set);
    const int count = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return static_cast<std::uint32_t>(std::clamp<int>(count, 1, base::limits::workers_max));
}

answer set_user(const call& c, settings& out) {
    // Who is not root stays who he is, and may test a conf that names a user of another host.
    if (::geteuid() == 0 && ::getpwnam(c.word(0).c_str()) == nullptr)
        return complaint{
            fmt::format("\"{}\" is no user of this system; make it with \"useradd --system NAME\"",
                        shown(c.word(0)))};
    out.user = c.word(0);
    return std::nullopt;
}

answer set_workers(const call& c, settings& out) {
    if (c.word(0) == "auto") {
        out.workers = processors();
        return std::nullopt;
    }
    if (auto wrong = take(count_of(c.word(0), {1, base::limits::workers_max}), out.workers))
        return complaint{wrong->text + ", or auto"};
    return std::nullopt;
}

answer set_pid(const call& c, settings& out) {
    if (c.word(0) != "off")
        return take(path_of(c, 0), out.pid_file);
    out.pid_file.clear();
    return std::nullopt;
}

answer set_access_key_file(const call& c, settings& out) {
    return take(path_of(c, 0), out.access_key_file);
}

answer set_error_log(const call& c, settings& out) {
    if (c.count() == 2) {
        const auto level = base::log_level_named(c.word(1));
        if (!level)
            return complaint{
                fmt::format("\"{}\" is no level; write debug, info, notice, warn, error or crit",
                            shown(c.word(1)))};
        out.error_level = *level;
    }
    if (c.word(0) != "stderr")
        return take(path_of(c, 0), out.error_log);
    out.error_log = "stderr";
    return std::nullopt;
}

answer nothing_after_off(const call& c) {
    if (c.count() == 1)
        return std::nullopt;
    return complaint{fmt::format("nothing may follow off, but \"{}\" does", shown(c.word(1)))};
}

answer set_access_log(const call& c, settings& out) {
    if (c.word(0) == "off") {
        if (auto wrong = nothing_after_off(c))
            return wrong;
        out.access_log.clear();
        out.access_format = access_log_format::off;
        return std::nullopt;
    }
    constexpr std::string_view formats[] = {"combined", "json"};
    const auto format = choice_of(c.count() == 2 ? c.word(1) : formats[0], formats);
    if (!format)
        return format.error();
    out.access_format = *format == 0 ? access_log_format::combined : access_log_format::json;
    if (c.word(0) != "stdout")
        return take(path_of(c, 0), out.access_log);
    out.access_log = "stdout";
    return std::nullopt;
}

answer set_session_table(const call& c, settings& out) {
    if (c.count() == 2) {
        const auto text = keyed_word(c.word(1), "capacity=100k");
        if (!text)
            return text.error();
        const auto capacity = count_of(*text, {1, 100'000'000});
        if (!capacity)
            return complaint{"capacity: " + capacity.error().text};
        out.table_capacity = *capacity;
    }
    return take(path_of(c, 0), out.table_path);
}

answer set_stale_after(const call& c, settings& out) {
    out.table_stale_after = milliseconds{0};
    out.static_when_stale = false;
    if (c.word(0) == "off")
        return nothing_after_off(c);
    if (auto wrong = take(duration_of(c.word(0), {1s, 30 * 24h}), out.table_stale_after))
        return complaint{wrong->text + ", or off"};
    if (c.count() == 1)
        return std::nullopt;
    constexpr std::string_view ways[] = {"serve", "static"};
    const auto way = choice_of(c.word(1), ways);
    if (!way)
        return way.error();
    out.static_when_stale = *way == 1;
    return std::nullopt;
}

answer set_store(const call& c, settings& out) {
    constexpr std::string_view kinds[] = {"sqlite", "dynamodb"};
    const auto kind = choice_of(c.word(0), kinds);
    if (!kind)
        return kind.error();
    out.store.source = c.source();
    if (*kind == 0) {
        out.store.which = store_settings::kind::sqlite;
        return take(path_of(c, 1), out.store.path);
    }
    out.store.which = store_settings::kind::dynamodb;
    out.store.path.clear();
    if (auto wrong = take(table_name_of(c.word(1)), out.store.dynamodb.table))
        return wrong;
    // Each write to the table costs money. What the block says comes after this.
    out.store.flush = 1min;
    return std::nullopt;
}

answer read_networks(const call& c, std::vector<base::ip_network>& out) {
    std::vector<base::ip_network> networks;
    for (std::size_t i = 0; i < c.count(); ++i) {
        const auto network = network_of(c.word(i));
        if (!network)
            return network.error();
        networks.push_back(*network);
    }
    out = std::move(networks);
    return std::nullopt;
}

answer set_allow_targets(const call& c, settings& out) {
    return read_networks(c, out.allow_targets);
}

answer set_trusted_proxies(const call& c, settings& out) {
    if (c.count() > 1 || c.word(0) != "off")
        return read_networks(c, out.trusted_proxies);
    out.trusted_proxies.clear();
    return std::nullopt;
}

template <auto Member>
answer set_timeout(const call& c, settings& out) {
    return take(duration_of(c.word(0), {1ms, 7 * 24h}), out.timeouts.*Member);
}

answer set_shutdown(const call& c, settings& out) {
    return take(duration_of(c.word(0), {0ms, 24h}), out.shutdown_timeout);
}

answer set_ticket_rotation(const call& c, settings& out) {
    return take(duration_of(c.word(0), {1s, 7 * 24h}), out.ticket_rotation); // RFC 8446 4.6.1
}

template <auto Member, std::uint64_t Least, std::uint64_t Most>
answer set_count(const call& c, settings& out) {
    return take(count_of(c.word(0), {Least, Most}), out.limits.*Member);
}

template <auto Member, std::uint64_t Least, std::uint64_t Most>
answer set_size(const call& c, settings& out) {
    return take(size_of(c.word(0), {Least, Most}), out.limits.*Member);
}

/// "off", or a rate and what may come at once.
template <auto Member, parsed<rate_limit> (*Read)(std::string_view, std::string_view)>
answer set_rate(const call& c, settings& out) {
    if (c.word(0) == "off") {
        if (auto wrong = nothing_after_off(c))
            return wrong;
        out.limits.*Member = {};
        return std::nullopt;
    }
    return take(Read(c.word(0), c.count() == 2 ? c.word(1) : std::string_view{}),
                out.limits.*Member);
}

answer set_client_connections(const call& c, settings& out) {
    out.limits.client_connections = 0;
    if (c.word(0) == "off")
        return std::nullopt;
    if (auto wrong = take(count_of(c.word(0), {1, 1'000'000}), out.limits.client_connections))
        return complaint{wrong->text + ", or off"};
    return std::nullopt;
}

answer set_client_min_rate(const call& c, settings& out) {
    out.limits.client_bytes_min = 0;
    if (c.word(0) == "off" && c.count() == 1)
        return std::nullopt;
    const auto rate = byte_rate_of(c.word(0), {});
    if (!rate)
        return rate.error();
    out.limits.client_bytes_min = rate->units;
    if (c.count() == 1)
        return std::nullopt;
    const auto lag = keyed_word(c.word(1), "within=60s");
    if (!lag)
        return lag.error();
    return take(duration_of(*lag, {1ms, 24h}), out.limits.client_lag_max);
}

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;
using limits = limits_settings;

const setter<settings> table[] = {
    {"user", set_user},
    {"workers", set_workers},
    {"pid", set_pid},
    {"error_log", set_error_log},
    {"access_log", set_access_log},
    {"worker_shutdown_timeout", set_shutdown},
    {"session_table", set_session_table},
    {"stale_after", set_stale_after},
    {"store", set_store},
    {"access_key_file", set_access_key_file},
    {"allow_targets", set_allow_targets},
    {"trusted_proxies", set_trusted_proxies},
    {"ssl_ticket_rotation", set_ticket_rotation},
    {"ssl_handshake_timeout", set_timeout<&timeouts::handshake>},
    {"client_header_timeout", set_timeout<&timeouts::client_header>},
    {"client_body_timeout", set_timeout<&timeouts::client_body>},
    {"send_timeout", set_timeout<&timeouts::send>},
    {"keepalive_timeout", set_timeout<&timeouts::keepalive>},
    {"proxy_connect_timeout", set_timeout<&timeouts::upstream_connect>},
    {"proxy_send_timeout", set_timeout<&timeouts::upstream_send>},
    {"proxy_read_timeout", set_timeout<&timeouts::upstream_read>},
    {"upstream_keepalive_timeout", set_timeout<&timeouts::upstream_idle>},
    {"upgrade_timeout", set_timeout<&timeouts::upgrade>},
    {"tunnel_timeout", set_timeout<&timeouts::tunnel_idle>},
    {"client_min_rate", set_client_min_rate},
    {"client_connections", set_client_connections},
    {"client_request_rate", set_rate<&limits::client_requests, request_rate_of>},
    {"client_byte_rate", set_rate<&limits::client_bytes, byte_rate_of>},
    {"session_request_rate", set_rate<&limits::session_requests, request_rate_of>},
    {"session_byte_rate", set_rate<&limits::session_bytes, byte_rate_of>},
    {"worker_connections", set_count<&limits::worker_connections, 1, 1'000'000>},
    {"keepalive_requests", set_count<&limits::keepalive_requests, 1, 1'000'000'000>},
    {"upstream_keepalive", set_count<&limits::upstream_keepalive, 0, 10'000>},
    {"client_header_size", set_size<&limits::head_bytes_max, kib, mib>},
    {"client_header_fields", set_count<&limits::head_fields_max, 8, 1000>},
    {"proxy_buffer_size", set_size<&limits::response_head_bytes_max, kib, mib>},
    {"http2_max_concurrent_streams", set_count<&limits::http2_streams_max, 1, 1000>},
    {"http2_resets", set_count<&limits::http2_resets, 1, 100'000>},
    {"http2_control_frames", set_count<&limits::http2_control_frames, 10, 1'000'000>},
    {"hold_requests", set_count<&limits::holds_max, 0, 100'000>},
};

} // namespace

std::span<const setter<settings>> main_setters() {
    return table;
}

std::string call::source() const {
    return fmt::format("{}:{}", *node.file, node.line);
}

std::optional<complaint> named_twice(const call& c, std::size_t first) {
    std::set<std::string_view> names;
    for (std::size_t i = first; i < c.count(); ++i) {
        const std::string_view word = c.word(i);
        const std::size_t equals = word.find('=');
        if (equals != std::string_view::npos && !names.insert(word.substr(0, equals)).second)
            return complaint{fmt::format("{}= is there twice", shown(word.substr(0, equals)))};
    }
    return std::nullopt;
}

parsed<std::string> path_of(const call& c, std::size_t i) {
    return path_of(c, c.word(i));
}

parsed<std::string> path_of(const call& c, const std::string& word) {
    if (word.empty())
        return complaint{"\"\" is no path"};
    for (const char byte : word)
        if (static_cast<unsigned char>(byte) < ' ')
            return complaint{fmt::format("\"{}\": a path has no control bytes", shown(word))};
    return {boost::system::in_place_value, path_from(c.folder, word)};
}

parsed<base::text_template> path_template_of(const call& c, std::size_t i,
                                             std::span<const std::string_view> known) {
    const auto path = path_of(c, i);
    if (!path)
        return path.error();
    // Looked at as written first, so that a complaint shows what was written.
    auto made = template_of(c.word(i), known);
    if (!made || c.word(i).starts_with('/'))
        return made;
    std::string folder;
    for (const char byte : c.folder)
        folder.append(byte == '{' || byte == '}' ? 2 : 1, byte);
    return template_of(path_from(folder, c.word(i)), known);
}

} // namespace postern::edge
