// What control, lifecycle and launcher blocks hold.
#include "edge/settings/setters.hpp"

#include <algorithm>
#include <signal.h>

namespace postern::edge {
namespace {

using namespace std::chrono_literals;
using answer = std::optional<complaint>;

constexpr std::string_view launch_names[] = {"port",     "sessionId", "clientId",   "userId",
                                             "threadId", "branch",    "instruction"};

answer set_control_listen(const call& c, control_settings& out) {
    const bool has_port = c.word(0).find(':') != std::string::npos && !c.word(0).ends_with(']');
    if (!has_port)
        return complaint{fmt::format("\"{}\" is no address with a port; write 127.0.0.1:9180",
                                     shown(c.word(0)))};
    return take(listen_address_of(c.word(0)), out.listen);
}
answer set_token_file(const call& c, control_settings& out) {
    return take(path_of(c, 0), out.token_file);
}
answer set_preview_url(const call& c, control_settings& out) {
    if (c.word(0) == "off") {
        out.preview_url.clear();
        return std::nullopt;
    }
    constexpr std::string_view names[] = {"sessionId", "clientId", "userId", "threadId",
                                          "routeKey"};
    const auto url = template_of(c.word(0), names);
    if (!url)
        return url.error();
    if (!url->text().starts_with("http://") && !url->text().starts_with("https://"))
        return complaint{
            fmt::format("\"{}\" is no URL; write https://host/path", shown(url->text()))};
    out.preview_url = url->text();
    return std::nullopt;
}

answer set_connections(const call& c, control_settings& out) {
    const auto count = count_of(c.word(0), {8, 65'536});
    if (!count)
        return count.error();
    out.connections_max = static_cast<std::uint32_t>(*count);
    return std::nullopt;
}
answer set_control_body_size(const call& c, control_settings& out) {
    return take(size_of(c.word(0), {1024, 8UL * 1024 * 1024}), out.body_bytes_max);
}

const setter<control_settings> control_table[] = {{"listen", set_control_listen},
                                                  {"token_file", set_token_file},
                                                  {"preview_url", set_preview_url},
                                                  {"connections", set_connections},
                                                  {"body_size", set_control_body_size}};

answer set_idle(const call& c, lifecycle_settings& out) {
    if (c.word(0) == "off" || c.word(0) == "0") {
        out.idle_timeout = 0ms;
        return std::nullopt;
    }
    return take(duration_of(c.word(0), {1s, 365 * 24h}), out.idle_timeout);
}
answer set_route_ttl(const call& c, lifecycle_settings& out) {
    return take(duration_of(c.word(0), {1s, 365 * 24h}), out.route_ttl);
}
answer set_history(const call& c, lifecycle_settings& out) {
    return take(duration_of(c.word(0), {1s, 3650 * 24h}), out.history);
}
answer set_sessions_max(const call& c, lifecycle_settings& out) {
    return take(count_of(c.word(0), {0, 1'000'000}), out.sessions_max);
}

const setter<lifecycle_settings> lifecycle_table[] = {{"idle_timeout", set_idle},
                                                      {"route_ttl", set_route_ttl},
                                                      {"history", set_history},
                                                      {"sessions_max", set_sessions_max}};

answer set_command(const call& c, launcher_settings& out) {
    out.command.clear();
    for (std::size_t i = 0; i < c.count(); ++i) {
        // A program in a folder is a path like any other in a conf; the other words are the
        // program's own matter.
        const std::string& word = c.word(i);
        const bool path = i == 0 && word.find('/') != std::string::npos && !word.starts_with('{');
        auto made = path ? path_template_of(c, i, launch_names) : template_of(word, launch_names);
        if (!made)
            return made.error();
        out.command.push_back(std::move(*made));
    }
    if (out.command.front().empty())
        return complaint{"the program's name is empty"};
    return std::nullopt;
}

answer set_directory(const call& c, launcher_settings& out) {
    return take(path_template_of(c, 0, launch_names), out.directory);
}

answer set_environment(const call& c, launcher_settings& out) {
    const std::string& name = c.word(0);
    const bool good = !name.empty() && !(name[0] >= '0' && name[0] <= '9') &&
                      std::all_of(name.begin(), name.end(), [](char b) {
                          return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') ||
                                 (b >= '0' && b <= '9') || b == '_';
                      });
    if (!good)
        return complaint{
            fmt::format("\"{}\" is no variable's name; letters, digits and _", shown(name))};
    for (const auto& [other, value] : out.environment)
        if (other == name)
            return complaint{
                fmt::format("\"{}\" has a value already: \"{}\"", name, shown(value.text()))};
    auto value = template_of(c.word(1), launch_names);
    if (!value)
        return value.error();
    out.environment.emplace_back(name, std::move(*value));
    return std::nullopt;
}

answer set_output(const call& c, launcher_settings& out) {
    return take(path_of(c, 0), out.output_directory);
}

answer set_ports(const call& c, launcher_settings& out) {
    const std::string_view text = c.word(0);
    const std::size_t dash = text.find('-');
    const auto bad = [&] {
        return complaint{
            fmt::format("\"{}\" is no range of ports; write 20000-29999", shown(text))};
    };
    if (dash == std::string_view::npos)
        return bad();
    const auto first = count_of(text.substr(0, dash), {1, 65535});
    const auto last = count_of(text.substr(dash + 1), {1, 65535});
    if (!first || !last)
        return bad();
    if (*first > *last)
        return complaint{
            fmt::format("\"{}\" ends before it begins; write {}-{}", shown(text), *last, *first)};
    out.port_first = static_cast<std::uint16_t>(*first);
    out.port_last = static_cast<std::uint16_t>(*last);
    return std::nullopt;
}

answer set_ready(const call& c, launcher_settings& out) {
    constexpr std::string_view kinds[] = {"http", "tcp"};
    const auto kind = choice_of(c.word(0), kinds);
    if (!kind)
        return kind.error();
    const std::size_t own = *kind == 0 ? 2 : 1; // words without "within TIME"
    if ((c.count() != own && c.count() != own + 2) || (c.count() > own && c.word(own) != "within"))
        return complaint{"write \"http / within 60s\" or \"tcp within 60s\""};
    if (*kind == 0) {
        const auto path = url_of(c.word(1));
        if (!path || !path->starts_with('/'))
            return complaint{fmt::format("\"{}\" is no path; it starts with /", shown(c.word(1)))};
        out.probe_path = *path;
    }
    out.probe_http = *kind == 0;
    if (c.count() == own)
        return std::nullopt;
    return take(duration_of(c.word(own + 1), {100ms, 1h}), out.ready_within);
}

answer set_stop(const call& c, launcher_settings& out) {
    constexpr std::pair<std::string_view, int> signals[] = {
        {"TERM", SIGTERM}, {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"HUP", SIGHUP},
        {"KILL", SIGKILL}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2}};
    std::string_view name = c.word(0);
    if (name.starts_with("SIG"))
        name.remove_prefix(3);
    const auto* const found = std::find_if(std::begin(signals), std::end(signals),
                                           [&](const auto& s) { return s.first == name; });
    if (found == std::end(signals))
        return complaint{
            fmt::format("\"{}\" is not known; write TERM, INT, QUIT, HUP, USR1, USR2 or KILL",
                        shown(c.word(0)))};
    out.stop_signal = found->second;
    if (c.count() == 1)
        return std::nullopt;
    return take(duration_of(c.word(1), {0ms, 10min}), out.stop_within);
}

answer set_restarts(const call& c, launcher_settings& out) {
    if (c.count() == 1 && (c.word(0) == "off" || c.word(0) == "0")) {
        out.restarts_max = 0;
        return std::nullopt;
    }
    if (c.count() != 3 || c.word(1) != "in")
        return complaint{"write \"3 in 60s\" or off"};
    if (auto wrong = take(count_of(c.word(0), {0, 1000}), out.restarts_max))
        return wrong;
    return take(duration_of(c.word(2), {1s, 24h}), out.restart_window);
}

const setter<launcher_settings> launcher_table[] = {
    {"command", set_command},
    {"directory", set_directory},
    {"environment", set_environment},
    {"output_directory", set_output},
    {"ports", set_ports},
    {"ready", set_ready},
    {"stop", set_stop},
    {"restarts", set_restarts},
};

} // namespace

std::span<const setter<control_settings>> control_setters() {
    return control_table;
}
std::span<const setter<lifecycle_settings>> lifecycle_setters() {
    return lifecycle_table;
}
std::span<const setter<launcher_settings>> launcher_setters() {
    return launcher_table;
}

} // namespace postern::edge
