// A location with all that it inherits, and what does not go together in it.
#include "edge/settings/build.hpp"
#include "edge/settings/directives.hpp"

#include <algorithm>

namespace postern::edge {
namespace {

constexpr std::uint64_t session_body_bytes_max = 100 * 1024 * 1024; // editors upload files
constexpr std::uint64_t other_body_bytes_max = 1024 * 1024;         // nginx's

std::string_view name_of(enum handler what) {
    switch (what) {
    case handler::session:
        return "session";
    case handler::static_files:
        return "static";
    case handler::proxy:
        return "proxy";
    case handler::control:
        return "control";
    case handler::fixed:
        break;
    }
    return "return";
}

bool has(const std::vector<std::string_view>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string_view> captures_of(const capture_pattern& pattern) {
    std::vector<std::string_view> names;
    for (const capture_pattern::piece& p : pattern.pieces)
        if (p.is_capture)
            names.emplace_back(p.text);
    return names;
}

/// Captures that each of the server's names has, in the order of the first one.
std::vector<std::string_view> host_captures(const server_settings& server) {
    if (server.names.empty())
        return {};
    std::vector<std::string_view> common = captures_of(server.names.front());
    for (const capture_pattern& name : server.names)
        std::erase_if(common, [&](std::string_view c) { return !has(captures_of(name), c); });
    return common;
}

class finisher {
  public:
    finisher(location_draft& location, const server_draft& server, complaints& found)
        : draft_{location}, out_{location.made}, own_{location.own}, server_{server}, found_{found},
          of_path_{captures_of(out_.path)}, of_host_{host_captures(server.made)} {}

    void run() {
        if (draft_.handler_node == nullptr) {
            complain(nullptr,
                     "does nothing; give it one of session, static, proxy, control and return");
            return;
        }
        check_captures();
        check_handlers();
        const bool session = out_.handler == handler::session;
        out_.strip_prefix = session && *own_.strip_prefix;
        out_.dev_server = *own_.dev_server;
        out_.wake = *own_.wake;
        out_.hold = *own_.hold;
        out_.index = *own_.index;
        out_.precompressed = *own_.precompressed;
        if (own_.cache_rules)
            out_.cache_rules = *own_.cache_rules;
        if (out_.handler != handler::fixed)
            out_.access = *own_.access;
        if (out_.access.link && !session)
            complain(place_of("access"),
                     fmt::format("link is for sessions, and the location {} has \"{}\"; write "
                                 "\"access open;\" or networks in it",
                                 shown(out_.path.text), name_of(out_.handler)));
        if (own_.add_headers)
            out_.add_headers = *own_.add_headers;
        out_.table_age_header = own_.table_age_header.value_or(std::string{});
        out_.body_bytes_max =
            own_.body_bytes_max.value_or(session ? session_body_bytes_max : other_body_bytes_max);
        if (own_.ssl_redirect->on)
            out_.ssl_redirect = redirect_port();
        std::copy(std::begin(own_.pages), std::end(own_.pages), std::begin(out_.pages));
        if (session)
            finish_session();
        else if (out_.handler == handler::static_files)
            check_names(out_.static_root, draft_.handler_node);
    }

  private:
    void complain(const directive_node* node, std::string reason) {
        found_.note(node != nullptr ? *node : *draft_.node, std::move(reason));
    }

    [[nodiscard]] const directive_node* given(std::string_view name) const {
        return find_node(draft_.node->children, {name});
    }
    /// Where `name` was said: here, else in the server; else the location's own place.
    [[nodiscard]] const directive_node* place_of(std::string_view name) const {
        const directive_node* const here = given(name);
        const directive_node* const around = find_node(server_.node->children, {name});
        return here != nullptr ? here : around != nullptr ? around : draft_.handler_node;
    }

    [[nodiscard]] bool captured(std::string_view name) const {
        return has(of_path_, name) || has(of_host_, name);
    }
    [[nodiscard]] std::string all_captures() const {
        std::vector<std::string_view> all = of_host_;
        all.insert(all.end(), of_path_.begin(), of_path_.end());
        return all.empty() ? "there are none" : "there are " + braced_list(all);
    }

    void check_captures() {
        for (const capture_pattern& name : server_.made.names) {
            const auto of_name = captures_of(name);
            for (const std::string_view capture : of_path_)
                if (has(of_name, capture))
                    return complain(nullptr,
                                    fmt::format("{{{}}} is captured from server_name {} already",
                                                capture, name.text));
            if (of_name.size() + of_path_.size() > captures_max)
                return complain(
                    nullptr, fmt::format("more than {} captures in path and host", captures_max));
        }
        if (of_path_.size() > captures_max)
            complain(nullptr, fmt::format("more than {} captures", captures_max));
    }

    /// Directives of this block that mean nothing to its handler.
    void check_handlers() {
        for (const directive_node& node : draft_.node->children) {
            const directive* const d = find_directive(node.name, context::location);
            if (d == nullptr || (d->handlers & for_handler(out_.handler)) != 0)
                continue;
            found_.note(node, fmt::format("means nothing in a location with \"{}\"",
                                          name_of(out_.handler)));
        }
    }

    void check_names(const base::text_template& text, const directive_node* node) {
        for (const std::string_view name : text.names())
            if (!captured(name))
                return complain(node,
                                fmt::format("neither path nor server_name captures {{{}}}; {}",
                                            name, all_captures()));
    }

    /// Where this server is reached by https.
    [[nodiscard]] std::uint16_t redirect_port() const {
        if (own_.ssl_redirect->port != 0)
            return own_.ssl_redirect->port;
        for (const listen_settings& listen : server_.made.listens)
            if (listen.ssl && listen.address.port != 0)
                return listen.address.port;
        return 443;
    }

    void finish_session() {
        const bool path_form = !of_path_.empty();
        const bool vite = out_.dev_server == dev_server::vite;
        out_.sources =
            own_.sources.value_or(session_sources{{}, path_form && vite, path_form && vite});
        out_.route_key = *own_.route_key;
        out_.on_expired = own_.expired->first;
        out_.expired_redirect = own_.expired->second;
        finish_route_key();
        if (out_.sources.cookie)
            check_cookie();
        finish_static_root();
    }

    void finish_route_key() {
        std::vector<std::string_view> missing;
        for (const std::string_view name : out_.route_key.names())
            if (!captured(name) && !has(missing, name))
                missing.push_back(name);
        // A header's value stands for what the URL lacks; for one name, no more.
        if (missing.empty() || (missing.size() == 1 && !out_.sources.header.empty()))
            return finish_header(missing);
        const auto with_default =
            out_.route_key.fill([&](std::string_view name) -> std::optional<std::string_view> {
                if (has(missing, name))
                    return "default";
                braced_ = fmt::format("{{{}}}", name);
                return braced_;
            });
        const std::string hint =
            missing.size() == out_.route_key.names().size()
                ? "write a path such as /session/{threadId}/ or such a server_name"
                : fmt::format(
                      "capture it, or write a route_key without it, such as \"route_key {};\"",
                      *with_default);
        complain(
            place_of("route_key"),
            fmt::format(
                "route_key {} needs {}, which neither the path {} nor server_name captures; {}",
                shown(out_.route_key.text()), braced_list(missing), shown(out_.path.text), hint));
    }

    /// What the header's value stands for: the name that the URL lacks, else the only one of the
    /// path, which requests outside of it lack.
    void finish_header(const std::vector<std::string_view>& missing) {
        if (out_.sources.header.empty())
            return;
        std::vector<std::string_view> needed = missing;
        if (missing.empty())
            for (const std::string_view name : out_.route_key.names())
                if (has(of_path_, name) && !has(needed, name))
                    needed.push_back(name);
        if (needed.size() == 1) {
            out_.header_capture = needed.front();
            return;
        }
        const directive_node* const here = given("session_from");
        if (needed.empty() && here == nullptr) {
            out_.sources.header.clear(); // said further out, for other locations
            return;
        }
        if (needed.empty())
            return complain(here, fmt::format("the header {} has nothing to say here: server_name "
                                              "captures all that route_key {} needs",
                                              out_.sources.header, shown(out_.route_key.text())));
        complain(place_of("session_from"),
                 fmt::format("the header {} has one value, but the path {} captures {} for "
                             "route_key {}; leave the header out, or capture all but one by "
                             "server_name",
                             out_.sources.header, shown(out_.path.text), braced_list(needed),
                             shown(out_.route_key.text())));
    }

    /// Whether the path of a session can be a cookie's value (RFC 6265 4.1.1).
    void check_cookie() {
        for (const capture_pattern::piece& p : out_.path.pieces)
            if (!p.is_capture && p.text.find_first_of("\",;\\") != std::string::npos)
                complain(place_of("session_from"),
                         fmt::format("a cookie cannot hold the path {}: it has one of \" , ; \\ "
                                     "in it; write session_from without cookie",
                                     shown(out_.path.text)));
    }

    void finish_static_root() {
        if (own_.static_root) {
            check_names(*own_.static_root, place_of("static_root"));
            out_.static_root = *own_.static_root;
        } else if (const location_draft* const root = static_site()) {
            out_.static_root = root->made.static_root;
        } else if (out_.on_expired == on_expired::static_) {
            complain(
                place_of("on_expired"),
                "static needs a static_root, or a \"location /\" with static in the same server");
        }
    }

    /// The server's `location /` with static files: what is shown where no session is.
    [[nodiscard]] const location_draft* static_site() const {
        for (const location_draft& l : server_.locations)
            if (l.made.path.text == "/" && !l.made.exact && l.handler_node != nullptr &&
                l.made.handler == handler::static_files)
                return &l;
        return nullptr;
    }

    location_draft& draft_;
    location_settings& out_;
    const scope& own_;
    const server_draft& server_;
    complaints& found_;
    std::vector<std::string_view> of_path_;
    std::vector<std::string_view> of_host_;
    std::string braced_;
};

} // namespace

void finish_location(location_draft& location, const server_draft& server, complaints& found) {
    finisher{location, server, found}.run();
}

} // namespace postern::edge
