// Directives that the main part, servers and locations share: the innermost one holds.
#include "base/route_key.hpp"
#include "edge/settings/setters.hpp"

#include <algorithm>
#include <span>
#include <sys/stat.h>
#include <unistd.h>

namespace postern::edge {
namespace {

using namespace std::chrono_literals;
using answer = std::optional<complaint>;

constexpr off_t page_bytes_max = 1024 * 1024;

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&](char x, char y) { return lower(x) == lower(y); });
}

bool is_token(std::string_view text) { // RFC 9110 5.6.2
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c != '\0' && std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos);
    });
}

/// One line without control bytes.
bool is_field_value(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char b) {
        const auto byte = static_cast<unsigned char>(b);
        return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
    });
}

bool is_one_of(std::span<const std::string_view> names, std::string_view name) {
    return std::any_of(names.begin(), names.end(),
                       [&](std::string_view n) { return equal_ignoring_case(n, name); });
}

/// Fields that belong to the connection or to postern's own framing.
bool is_framing_field(std::string_view name) {
    constexpr std::string_view names[] = {"Connection", "Content-Length", "Transfer-Encoding",
                                          "Upgrade",    "Keep-Alive",     "TE",
                                          "Trailer",    "Host",           "Proxy-Connection"};
    return is_one_of(names, name);
}

/// Fields that say what this very answer is: it has them already, or must not have them.
bool is_answers_own_field(std::string_view name) {
    constexpr std::string_view names[] = {
        "Date",     "Content-Type",         "Content-Encoding",       "Content-Range",
        "Location", "Sec-WebSocket-Accept", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"};
    return is_one_of(names, name);
}

answer set_route_key(const call& c, scope& out) {
    auto key = template_of(c.word(0), any_name);
    if (!key)
        return key.error();
    if (key->names().empty())
        return complaint{fmt::format(
            "\"{}\" is the same for all sessions; write {{clientId}}-{{threadId}} or the like",
            shown(c.word(0)))};
    if (const auto fit = base::check_route_key(*key); !fit)
        return complaint{fit.error().what};
    out.route_key = std::move(*key);
    return std::nullopt;
}

answer set_strip_prefix(const call& c, scope& out) {
    return take(on_or_off(c.word(0)), out.strip_prefix);
}

answer set_dev_server(const call& c, scope& out) {
    constexpr std::string_view names[] = {"vite", "none"};
    const auto which = choice_of(c.word(0), names);
    if (!which)
        return which.error();
    out.dev_server = *which == 0 ? dev_server::vite : dev_server::none;
    return std::nullopt;
}

answer set_wake(const call& c, scope& out) {
    constexpr std::string_view names[] = {"auto", "button", "off"};
    constexpr wake_mode modes[] = {wake_mode::auto_, wake_mode::button, wake_mode::off};
    const auto which = choice_of(c.word(0), names);
    if (!which)
        return which.error();
    out.wake = modes[*which];
    return std::nullopt;
}

answer set_hold(const call& c, scope& out) {
    if (c.word(0) == "off") {
        out.hold = 0ms;
        return std::nullopt;
    }
    return take(duration_of(c.word(0), {0ms, 10min}), out.hold);
}

answer set_session_from(const call& c, scope& out) {
    session_sources sources;
    for (std::size_t i = 0; i < c.count(); ++i) {
        const std::string& word = c.word(i);
        const bool again = (word == "referer" && sources.referer) ||
                           (word == "cookie" && sources.cookie) ||
                           (word == "header" && !sources.header.empty());
        if (again)
            return complaint{fmt::format("{} stands twice", word)};
        if (word == "referer") {
            sources.referer = true;
        } else if (word == "cookie") {
            sources.cookie = true;
        } else if (word == "header") {
            if (++i == c.count())
                return complaint{
                    "header is followed by the field's name, such as X-Edit-Session-Id"};
            if (!is_token(c.word(i)))
                return complaint{fmt::format("\"{}\" is no field's name", shown(c.word(i)))};
            if (is_framing_field(c.word(i)) || equal_ignoring_case(c.word(i), "Cookie"))
                return complaint{
                    fmt::format("{} names no session; write a field of your own, such as "
                                "X-Edit-Session-Id",
                                c.word(i))};
            sources.header = c.word(i);
        } else if (word != "off" || c.count() > 1) {
            return complaint{fmt::format(
                "\"{}\" is not known{}; write off, or some of header NAME, referer and cookie",
                shown(word), word == "off" ? " among others" : "")};
        }
    }
    out.sources = std::move(sources);
    return std::nullopt;
}

answer set_on_expired(const call& c, scope& out) {
    constexpr std::string_view names[] = {"not_found", "static", "redirect"};
    constexpr enum on_expired values[] = {on_expired::not_found, on_expired::static_,
                                          on_expired::redirect};
    const auto which = choice_of(c.word(0), names);
    if (!which)
        return which.error();
    const bool redirect = *which == 2;
    if (redirect != (c.count() == 2))
        return complaint{redirect ? "redirect is followed by a URL"
                                  : fmt::format("nothing may follow {}, but \"{}\" does", c.word(0),
                                                shown(c.word(1)))};
    std::string url;
    if (redirect)
        if (auto wrong = take(url_of(c.word(1)), url))
            return wrong;
    out.expired = std::pair{values[*which], std::move(url)};
    return std::nullopt;
}

answer set_static_root(const call& c, scope& out) {
    return take(path_template_of(c, 0, any_name), out.static_root);
}

answer set_index(const call& c, scope& out) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < c.count(); ++i) {
        const std::string& name = c.word(i);
        if (name.empty() || name.find('/') != std::string::npos || name == "." || name == "..")
            return complaint{
                fmt::format("\"{}\" is no file's name; write index.html", shown(name))};
        names.push_back(name);
    }
    out.index = std::move(names);
    return std::nullopt;
}

answer set_precompressed(const call& c, scope& out) {
    return take(on_or_off(c.word(0)), out.precompressed);
}

answer set_cache_control(const call& c, scope& out) {
    cache_rule rule;
    rule.value = c.word(c.count() - 1);
    if (c.count() == 2)
        rule.path = c.word(0);
    if (c.count() == 2 && !rule.path.starts_with('/'))
        return complaint{fmt::format("\"{}\" is no path; write /_astro/, or the value alone for "
                                     "all files, in quotes where it has spaces",
                                     shown(rule.path))};
    if (rule.value.empty() || rule.value.starts_with('/') || !is_field_value(rule.value))
        return complaint{fmt::format("\"{}\" is nothing to tell a cache; write no-cache, or "
                                     "\"public, max-age=31536000, immutable\"",
                                     shown(rule.value))};
    if (!out.cache_rules)
        out.cache_rules.emplace();
    auto place = out.cache_rules->begin();
    for (; place != out.cache_rules->end() && place->path.size() >= rule.path.size(); ++place)
        if (place->path == rule.path)
            return complaint{fmt::format("{} has one already: \"{}\"",
                                         rule.path.empty() ? "every file" : shown(rule.path),
                                         shown(place->value))};
    out.cache_rules->insert(place, std::move(rule));
    return std::nullopt;
}

answer set_access(const call& c, scope& out) {
    access_rule rule;
    rule.open = false;
    for (std::size_t i = 0; i < c.count(); ++i) {
        const std::string& word = c.word(i);
        if (word == "open" && c.count() == 1) {
            rule.open = true;
        } else if (word == "link" && !rule.link) {
            rule.link = true;
        } else if (word == "open" || word == "link") {
            return complaint{word == "open"
                                 ? "open lets everybody in; write it alone, or leave it out"
                                 : "link is there twice"};
        } else {
            auto network = network_of(word);
            if (!network && base::ip_network::parse(word))
                return network.error();
            if (!network)
                return complaint{fmt::format("\"{}\" is not known; write open, or some of link and "
                                             "networks such as 10.0.0.0/8",
                                             shown(word))};
            rule.networks.push_back(*network);
        }
    }
    out.access = std::move(rule);
    return std::nullopt;
}

answer set_page(const call& c, scope& out) {
    constexpr std::string_view names[] = {"loading",      "resume",    "failed",
                                          "reconnecting", "not_found", "error"};
    static_assert(std::size(names) == static_cast<std::size_t>(page::count_));
    const auto which = choice_of(c.word(0), names);
    if (!which)
        return which.error();
    std::string& place = out.pages[*which];
    if (!place.empty())
        return complaint{
            fmt::format("the page {} has a file already: \"{}\"", c.word(0), shown(place))};
    const auto file = path_of(c, 1);
    if (!file)
        return file.error();
    struct stat what {};
    if (::stat(file->c_str(), &what) != 0 || ::access(file->c_str(), R_OK) != 0)
        return complaint{
            fmt::format("{} cannot be read: {}", shown(*file), base::last_errno().message())};
    if (!S_ISREG(what.st_mode))
        return complaint{fmt::format("{} is no regular file", shown(*file))};
    if (what.st_size > page_bytes_max)
        return complaint{fmt::format("{} has {} bytes; 1 MiB at most", shown(*file), what.st_size)};
    place = *file;
    return std::nullopt;
}

answer check_field_name(const std::string& name) {
    if (!is_token(name))
        return complaint{fmt::format("\"{}\" is no field's name", shown(name))};
    if (is_framing_field(name))
        return complaint{fmt::format("{} is not yours to set; it belongs to the connection", name)};
    if (is_answers_own_field(name))
        return complaint{fmt::format("{} is not yours to set; each answer has its own", name)};
    return std::nullopt;
}

answer set_table_age_header(const call& c, scope& out) {
    const bool off = c.word(0) == "off";
    if (!off)
        if (auto wrong = check_field_name(c.word(0)))
            return wrong;
    out.table_age_header = off ? std::string{} : c.word(0);
    return std::nullopt;
}

answer set_add_header(const call& c, scope& out) {
    const std::string& name = c.word(0);
    const std::string& value = c.word(1);
    if (auto wrong = check_field_name(name))
        return wrong;
    if (!is_field_value(value))
        return complaint{
            fmt::format("\"{}\": a field's value is one line without control bytes", shown(value))};
    if (!out.add_headers)
        out.add_headers.emplace();
    out.add_headers->emplace_back(name, value);
    return std::nullopt;
}

answer set_body_size(const call& c, scope& out) {
    return take(size_of(c.word(0), {0, std::uint64_t{1} << 40U}), out.body_bytes_max);
}

answer set_ssl_redirect(const call& c, scope& out) {
    ssl_redirect_choice chosen;
    if (c.word(0) != "off") {
        chosen.on = true;
        if (c.word(0) != "on") {
            const auto port = count_of(c.word(0), {1, 65535});
            if (!port)
                return complaint{fmt::format("\"{}\" is not on, off or the port where https is "
                                             "reached",
                                             shown(c.word(0)))};
            chosen.port = static_cast<std::uint16_t>(*port);
        }
    }
    out.ssl_redirect = chosen;
    return std::nullopt;
}

const setter<scope> table[] = {
    {"route_key", set_route_key},
    {"strip_prefix", set_strip_prefix},
    {"dev_server", set_dev_server},
    {"wake", set_wake},
    {"hold", set_hold},
    {"session_from", set_session_from},
    {"on_expired", set_on_expired},
    {"static_root", set_static_root},
    {"index", set_index},
    {"precompressed", set_precompressed},
    {"cache_control", set_cache_control},
    {"access", set_access},
    {"page", set_page},
    {"add_header", set_add_header},
    {"table_age_header", set_table_age_header},
    {"client_max_body_size", set_body_size},
    {"ssl_redirect", set_ssl_redirect},
};

template <class T>
void inherit_one(std::optional<T>& own, const std::optional<T>& outer) {
    if (!own)
        own = outer;
}

} // namespace

std::span<const setter<scope>> scope_setters() {
    return table;
}

void scope::inherit(const scope& outer) {
    inherit_one(strip_prefix, outer.strip_prefix);
    inherit_one(dev_server, outer.dev_server);
    inherit_one(wake, outer.wake);
    inherit_one(hold, outer.hold);
    inherit_one(sources, outer.sources);
    inherit_one(route_key, outer.route_key);
    inherit_one(expired, outer.expired);
    inherit_one(static_root, outer.static_root);
    inherit_one(index, outer.index);
    inherit_one(precompressed, outer.precompressed);
    inherit_one(cache_rules, outer.cache_rules);
    inherit_one(access, outer.access);
    inherit_one(add_headers, outer.add_headers);
    inherit_one(table_age_header, outer.table_age_header);
    inherit_one(body_bytes_max, outer.body_bytes_max);
    inherit_one(ssl_redirect, outer.ssl_redirect);
    for (std::size_t i = 0; i < std::size(pages); ++i)
        if (pages[i].empty())
            pages[i] = outer.pages[i];
}

} // namespace postern::edge
