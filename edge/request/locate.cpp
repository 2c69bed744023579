#include "edge/request/locate.hpp"

#include "base/check.hpp"
#include "edge/http/authority.hpp"
#include "edge/http/scan.hpp"
#include "edge/request/location_tree.hpp"
#include "edge/request/pattern.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

namespace postern::edge {
namespace {

struct server_entry {
    const server_settings* settings;
    location_tree locations;
};

struct host_pattern {
    matcher pattern;
    const server_entry* server;
};

/// The servers that listen on one address.
struct listener_entry {
    std::unordered_map<std::string, const server_entry*> exact; // by lower-case name
    std::vector<host_pattern> patterns;                         // in conf order
    const server_entry* fallback = nullptr;
    bool http2 = false;
    bool proxy_protocol = false;
};

std::string lower(std::string_view text) {
    std::string out{text};
    std::transform(out.begin(), out.end(), out.begin(), to_lower);
    return out;
}

/// Host's name without port and final dot, in lower case, into `out` without allocating once it has
/// grown.
void set_host_text(std::string_view host, std::string& out) {
    std::string_view name = host;
    if (!name.empty() && name.front() == '[')
        name = name.substr(0, name.find(']') + 1);
    else
        name = name.substr(0, name.find(':'));
    if (name.size() > 1 && name.back() == '.')
        name.remove_suffix(1);
    out.resize(name.size());
    std::transform(name.begin(), name.end(), out.begin(), to_lower);
}

} // namespace

struct location_index::impl {
    std::vector<std::unique_ptr<server_entry>> servers;
    std::vector<base::ip_endpoint> addresses;
    std::vector<listener_entry> listeners; // as addresses

    listener_entry& listener_of(const base::ip_endpoint& address) {
        const auto at = std::find(addresses.begin(), addresses.end(), address);
        if (at != addresses.end())
            return listeners[static_cast<std::size_t>(at - addresses.begin())];
        addresses.push_back(address);
        return listeners.emplace_back();
    }

    const server_entry* server_for(std::size_t listener, const std::string& host,
                                   captures& found) const {
        const listener_entry& entry = listeners[listener];
        if (const auto at = entry.exact.find(host); at != entry.exact.end())
            return at->second;
        for (const host_pattern& p : entry.patterns)
            if (p.pattern.match(host, found) != matcher::no_match)
                return p.server;
        return entry.fallback;
    }
};

location_index::location_index(const settings& conf) : impl_{std::make_unique<impl>()} {
    struct claims { // who answers what no name matches, best first
        const server_entry* default_server = nullptr;
        const server_entry* nameless = nullptr;
        const server_entry* first = nullptr;
    };
    std::vector<claims> claimed;
    const auto claim = [](const server_entry*& place, const server_entry* server) {
        if (place == nullptr)
            place = server;
    };
    capture_names names;
    for (const server_settings& server : conf.servers) {
        location_tree locations{server.locations, names};
        const server_entry* const made =
            impl_->servers.emplace_back(new server_entry{&server, std::move(locations)}).get();
        for (const listen_settings& listen : server.listens) {
            listener_entry& at = impl_->listener_of(listen.address);
            claimed.resize(impl_->listeners.size());
            claims& here = claimed[static_cast<std::size_t>(&at - impl_->listeners.data())];
            at.http2 = at.http2 || listen.http2;
            at.proxy_protocol = at.proxy_protocol || listen.proxy_protocol;
            claim(here.first, made);
            if (server.names.empty())
                claim(here.nameless, made);
            if (listen.default_server)
                claim(here.default_server, made);
            for (const capture_pattern& name : server.names) {
                if (name.has_captures())
                    at.patterns.push_back(
                        {matcher{name, {.ignore_case = true, .whole = true}, names}, made});
                else
                    at.exact.try_emplace(lower(name.text), made);
            }
        }
    }
    for (std::size_t i = 0; i < claimed.size(); ++i) {
        const claims& c = claimed[i];
        impl_->listeners[i].fallback = c.default_server != nullptr ? c.default_server
                                       : c.nameless != nullptr     ? c.nameless
                                                                   : c.first;
    }
}

location_index::location_index(location_index&&) noexcept = default;
location_index::~location_index() = default;

void location_index::locate(std::size_t listener, const request_head& head, located& out) const {
    located::host_memo& memo = out.memo;
    if (!memo.known || memo.listener != listener || memo.host != head.host) {
        POSTERN_CHECK(listener < impl_->listeners.size());
        out.clear();
        set_host_text(head.host, out.host_text);
        const server_entry* const server = impl_->server_for(listener, out.host_text, out.values);
        memo = {true,
                listener,
                std::string{head.host},
                server->settings,
                &server->locations,
                out.values.size()};
    }
    out.values.resize(memo.captures);
    out.server = memo.server;
    out.location = nullptr;
    out.key_captures = {};
    out.prefix = out.rest = {};
    out.add_slash = false;
    out.refused = refuse_path(head.path);
    if (out.refused == nullptr)
        static_cast<void>(memo.locations->find(head.path, out));
}

const server_settings& location_index::server_of(std::size_t listener,
                                                 std::string_view host) const {
    POSTERN_CHECK(listener < impl_->listeners.size());
    std::string name;
    set_host_text(host, name);
    captures unused;
    return *impl_->server_for(listener, name, unused)->settings;
}

bool location_index::locate_session(const server_settings& server, std::string_view path,
                                    located& out) const {
    out.clear();
    if (refuse_path(path) != nullptr)
        return false;
    for (const auto& entry : impl_->servers) {
        if (entry->settings != &server)
            continue;
        out.server = &server;
        return entry->locations.find(path, out) && out.location->handler == handler::session;
    }
    return false;
}

const std::vector<base::ip_endpoint>& location_index::listeners() const noexcept {
    return impl_->addresses;
}

bool location_index::speaks_http2(std::size_t listener) const noexcept {
    return impl_->listeners[listener].http2;
}

bool location_index::takes_proxy_header(std::size_t listener) const noexcept {
    return impl_->listeners[listener].proxy_protocol;
}

std::optional<std::string_view> located::value_of(std::string_view name) const noexcept {
    for (const capture& c : values)
        if (c.name == name)
            return c.value;
    return std::nullopt;
}

void located::clear() noexcept {
    server = nullptr;
    location = nullptr;
    values.clear();
    key_captures = {};
    prefix = rest = {};
    add_slash = false;
    refused = nullptr;
    memo.known = false;
}

} // namespace postern::edge
