// What no directive shows alone: servers that collide, clocks that contradict each other.
#include "edge/settings/build.hpp"

#include <algorithm>
#include <map>

namespace postern::edge {
namespace {

constexpr std::string_view record_fields[] = {"sessionId", "clientId", "userId", "threadId"};

/// Equal but for the names of captures: no request could tell them apart.
std::string shape_of(const location_settings& location) {
    std::string shape = location.exact ? "= " : "";
    for (const capture_pattern::piece& p : location.path.pieces)
        shape += p.is_capture ? std::string{"{}"} : p.text;
    return shape;
}

void check_locations(const server_draft& server, complaints& found) {
    std::map<std::string, const location_draft*> seen;
    for (const location_draft& location : server.locations) {
        const auto [first, is_new] = seen.try_emplace(shape_of(location.made), &location);
        if (is_new)
            continue;
        found.note(*location.node,
                   fmt::format("\"{}\" is the same as \"{}\" in line {}",
                               shown(location.made.path.text), shown(first->second->made.path.text),
                               first->second->node->line));
    }
}

/// The node of a server's listen that gave this address, or the server itself.
const directive_node& listen_node(const server_draft& server, const listen_settings& listen) {
    for (const directive_node& node : server.node->children)
        if (node.name == "listen" && fmt::format("{}:{}", *node.file, node.line) == listen.source) {
            const auto address =
                node.words.empty() ? complaint{} : listen_address_of(node.words[0].text);
            if (address && *address == listen.address)
                return node;
        }
    return *server.node;
}

void check_listeners(const conf_draft& draft, complaints& found) {
    std::map<base::ip_endpoint, const listen_settings*> defaults, firsts;
    for (const server_draft& server : draft.servers)
        for (const listen_settings& listen : server.made.listens) {
            const listen_settings& other =
                *firsts.try_emplace(listen.address, &listen).first->second;
            if (listen.proxy_protocol != other.proxy_protocol)
                found.note(listen_node(server, listen),
                           fmt::format("{} is with proxy_protocol in one server and without it in "
                                       "another: {}",
                                       listen.address.text(), other.source));
            if (listen.proxy_protocol && draft.made.trusted_proxies.empty())
                found.note(listen_node(server, listen),
                           "nobody may connect with proxy_protocol: trusted_proxies is off; name "
                           "the proxies there, such as \"trusted_proxies 10.0.0.0/24;\"");
            const base::ip_endpoint& control = draft.made.control.listen;
            if (listen.address == control && control.port != 0)
                found.note(
                    listen_node(server, listen),
                    fmt::format("{} is where control listens; take another port", control.text()));
            if (!listen.default_server)
                continue;
            const auto [first, is_new] = defaults.try_emplace(listen.address, &listen);
            if (!is_new)
                found.note(listen_node(server, listen),
                           fmt::format("{} has a default_server already: {}", listen.address.text(),
                                       first->second->source));
        }
}

/// All servers on one address speak the same there, and those that speak TLS have a certificate.
void check_ssl(const conf_draft& draft, complaints& found) {
    const auto words = [](const listen_settings& l) {
        return l.ssl     ? l.http2 ? "with ssl http2" : "with ssl"
               : l.http2 ? "with http2"
                         : "without ssl";
    };
    std::map<base::ip_endpoint, const listen_settings*> seen;
    for (const server_draft& server : draft.servers)
        for (const listen_settings& listen : server.made.listens) {
            const auto& node = listen_node(server, listen);
            if (listen.ssl && server.made.tls.certificates.empty())
                found.note(node, "ssl needs a certificate; write ssl_certificate CERTIFICATE KEY; "
                                 "in this server");
            const auto [first, is_new] = seen.try_emplace(listen.address, &listen);
            if (!is_new &&
                (first->second->ssl != listen.ssl || first->second->http2 != listen.http2))
                found.note(node,
                           fmt::format("{} is {} here and {} at {}; one address speaks one way",
                                       listen.address.text(), words(listen), words(*first->second),
                                       first->second->source));
        }
}

/// Redirects to https where nobody would answer.
void find_redirects(const std::vector<directive_node>& nodes, complaints& found) {
    for (const directive_node& node : nodes) {
        if (node.name == "ssl_redirect" && !node.words.empty() && node.words[0].text == "on")
            found.note(node, "no server listens with ssl, and no proxy of trusted_proxies could "
                             "speak TLS in front; write \"listen 443 ssl;\" in a server, or in "
                             "place of on the port where https is reached");
        find_redirects(node.children, found);
    }
}

void check_names(const conf_draft& draft, complaints& found) {
    std::map<std::pair<base::ip_endpoint, std::string>, const server_draft*> seen;
    for (const server_draft& server : draft.servers)
        for (const listen_settings& listen : server.made.listens) {
            // A server without names is one that takes any: a second one would get no request.
            std::vector<std::string> names;
            for (const capture_pattern& name : server.made.names) {
                names.emplace_back();
                for (const capture_pattern::piece& p : name.pieces)
                    names.back() += p.is_capture ? std::string{"{}"} : p.text;
            }
            if (names.empty() && !listen.default_server)
                names.emplace_back();
            for (const std::string& name : names) {
                const auto [first, is_new] = seen.try_emplace({listen.address, name}, &server);
                if (is_new)
                    continue;
                const auto* const said = find_node(server.node->children, {"server_name"});
                const std::string what = name.empty() ? std::string{"a server without server_name"}
                                                      : fmt::format("\"{}\"", name);
                const std::string where =
                    first->second == &server
                        ? "in this server"
                        : fmt::format("in the server at {}", first->second->made.source);
                found.note(
                    said != nullptr ? *said : *server.node,
                    fmt::format("{} is on {} already, {}", what, listen.address.text(), where));
            }
        }
}

void check_launcher(const directive_node& node, const launcher_settings& launcher,
                    complaints& found) {
    if (launcher.command.empty()) {
        found.note(node, "a command is missing, such as \"command npx astro dev --port {port};\"");
        return;
    }
    const auto knows_port = [](const base::text_template& text) {
        const auto names = text.names();
        return std::find(names.begin(), names.end(), "port") != names.end();
    };
    const bool told = std::any_of(launcher.command.begin(), launcher.command.end(), knows_port) ||
                      std::any_of(launcher.environment.begin(), launcher.environment.end(),
                                  [&](const auto& e) { return knows_port(e.second); });
    const auto* const command = find_node(node.children, {"command"});
    if (!told && launcher.port_first != launcher.port_last && command != nullptr)
        found.note(
            *command,
            "neither it nor environment has {port}, so that all sessions would listen on one port");
}

} // namespace

void check_servers(const conf_draft& draft, complaints& found) {
    for (const server_draft& server : draft.servers)
        check_locations(server, found);
    check_listeners(draft, found);
    check_ssl(draft, found);
    check_names(draft, found);
}

void check_redirects(const conf_tree& tree, const conf_draft& draft, complaints& found) {
    const bool has_https =
        std::any_of(draft.servers.begin(), draft.servers.end(),
                    [](const server_draft& server) { return server.made.has_ssl(); });
    if (!draft.servers.empty() && !has_https && draft.made.trusted_proxies.empty())
        find_redirects(tree.top, found);
}

void check_lifecycle(const conf_tree& tree, const settings& made, complaints& found) {
    const lifecycle_settings& life = made.lifecycle;
    const auto place = [&](std::string_view name) {
        return find_node(tree.top, {"lifecycle", name});
    };
    const auto* const flush = find_node(tree.top, {"store", "flush"});
    const auto* const idle = place("idle_timeout");
    if (life.idle_timeout.count() > 0 && life.idle_timeout < 3 * made.store.flush)
        if (const auto* const node = idle != nullptr ? idle : flush; node != nullptr)
            found.note(*node, fmt::format("idle_timeout {} is less than three times the store's "
                                          "flush {}; a session in use "
                                          "could be stopped",
                                          text_of(life.idle_timeout), text_of(made.store.flush)));
    const auto* const history = place("history");
    if (life.history < 3 * made.store.flush)
        if (const auto* const node = history != nullptr ? history : flush; node != nullptr)
            found.note(*node, fmt::format("history {} is less than three times the store's flush "
                                          "{}; the record of a session in use could go",
                                          text_of(life.history), text_of(made.store.flush)));
    const auto* const ttl = place("route_ttl");
    if (life.history < life.route_ttl)
        if (const auto* const node = history != nullptr ? history : ttl; node != nullptr)
            found.note(*node,
                       fmt::format(
                           "history {} is less than route_ttl {}; a link cannot outlive its record",
                           text_of(life.history), text_of(life.route_ttl)));
    const auto* const launcher = place("launcher");
    if (life.launcher && launcher != nullptr)
        check_launcher(*launcher, *life.launcher, found);
}

void check_record_key(const conf_tree& tree, const base::text_template& key, complaints& found) {
    const auto* const node = find_node(tree.top, {"route_key"});
    if (node == nullptr)
        return;
    for (const std::string_view name : key.names())
        if (std::find(std::begin(record_fields), std::end(record_fields), name) ==
            std::end(record_fields))
            found.note(*node, fmt::format("a session's record has no {{{}}}; there are {}", name,
                                          braced_list(record_fields)));
}

} // namespace postern::edge
