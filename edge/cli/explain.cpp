// `postern explain URL`: a worker's own steps over a made-up request, told in words. Asks the
// session table, not a worker.
#include "base/access_token.hpp"
#include "base/utf8.hpp"
#include "cache/layout.hpp"
#include "cache/session_reader.hpp"
#include "edge/cli/cli.hpp"
#include "edge/cli/text_table.hpp"
#include "edge/http/authority.hpp"
#include "edge/request/decide.hpp"
#include "edge/request/https.hpp"
#include "edge/request/locate.hpp"
#include "edge/request/look_through.hpp"
#include "edge/request/session_key.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

namespace postern::edge {
namespace {

constexpr std::string_view page_names[] = {"loading",      "resume",    "failed",
                                           "reconnecting", "not_found", "error"};

std::string text_of(const decision& d) {
    switch (d.action) {
    case action::proxy:
        return "proxy to " + d.target.text();
    case action::tunnel:
        return "tunnel to " + d.target.text();
    case action::hold:
        return fmt::format("hold until the session is active, else answer {}", d.status);
    case action::show_page:
        return fmt::format("show the {} page with {}",
                           page_names[static_cast<std::size_t>(d.which)], d.status);
    case action::answer:
        return fmt::format("answer {}", d.status);
    case action::serve_static:
        return "serve the static site";
    case action::redirect:
        return fmt::format("redirect with {}", d.status);
    case action::refuse_target:
        break;
    }
    return fmt::format("answer {}: the target is outside of allow_targets", d.status);
}

class explainer {
  public:
    explainer(const command_line& line, const settings& conf, const console& to)
        : line_{line}, conf_{conf}, to_{to}, index_{conf} {}

    int run() {
        if (conf_.servers.empty())
            return to_.refuse(exit_failed, base::printable(conf_.file) + " has no server");
        const auto url = read_absolute_url(line_.subject);
        if (!url)
            return to_.refuse(exit_usage,
                              fmt::format("\"{}\" is no URL; write http://HOST[:PORT]/PATH",
                                          base::printable(line_.subject)));
        make_request(*url);
        const read_outcome read = read_request_head(bytes_, {64 * 1024, 1000}, head_);
        if (read.state != read_state::done)
            return to_.refuse(
                exit_failed, fmt::format("a worker would answer {}: {}", read.status, read.reason));
        tell("request",
             fmt::format("{} {}, a {}", head_.method_text, head_.target, name_of(kind_of(head_))));
        if (const char* const reason = refuse_path(head_.path))
            return decide_so(fmt::format("answer 400: {}", reason));
        const std::size_t listener = listener_for(*url);
        const base::ip_endpoint& address = index_.listeners()[listener];
        tell("listen", address.text() +
                           (address.port == port_of(*url) ? "" : ", as none has the URL's port"));
        index_.locate(listener, head_, where_);
        session_key_of(index_, where_, head_, key_);
        tell_place();
        if (!url->secure && where_.location != nullptr && where_.location->ssl_redirect != 0) {
            const std::string place = https_url(where_, head_);
            return decide_so(place.empty() ? "answer 421: the server has no such name"
                                           : "redirect with 301 to " + place);
        }
        switch (key_.outcome) {
        case key_outcome::redirect:
            return decide_so(fmt::format("redirect with 307 to {}{}", key_.redirect_to,
                                         key_.from_referer ? ", from the Referer" : ""));
        case key_outcome::refused:
            return decide_so(
                "answer 404: the route key is empty, too long, malformed, or could be another "
                "session's, too");
        case key_outcome::none:
        case key_outcome::found:
            break;
        }
        if (where_.location == nullptr)
            return decide_so("answer 404: no location has this path");
        tell_access(where_.location->access);
        return decide_by_handler(*where_.location);
    }

  private:
    void make_request(const absolute_url& url) {
        std::string rest{url.rest.substr(0, url.rest.find('#'))};
        // A link's token is a secret: what is told here is pasted elsewhere.
        std::string query;
        if (const std::size_t mark = rest.find('?'); mark != rest.npos)
            if (base::take_access_token(std::string_view{rest}.substr(mark + 1), query))
                rest.replace(mark, rest.npos, query.empty() ? "" : "?" + query);
        bytes_ = fmt::format("GET {}{} HTTP/1.1\r\nHost: {}\r\n", rest.starts_with('/') ? "" : "/",
                             rest, url.authority_text);
        bool accepts = false;
        for (const auto& [name, value] : line_.headers) {
            bytes_ += fmt::format("{}: {}\r\n", name, value);
            accepts = accepts || equal_ignoring_case(name, "accept") ||
                      equal_ignoring_case(name, "sec-fetch-dest");
        }
        if (!accepts)
            bytes_ += "Accept: text/html\r\n"; // what a browser sends for an address that is typed
        bytes_ += "\r\n";
    }

    /// The address with the URL's port; behind another proxy there may be none: then the first one
    /// that speaks the URL's scheme.
    [[nodiscard]] std::size_t listener_for(const absolute_url& url) const {
        const std::uint16_t port = port_of(url);
        const auto& all = index_.listeners();
        const auto position = [&](auto holds) {
            return static_cast<std::size_t>(std::find_if(all.begin(), all.end(), holds) -
                                            all.begin());
        };
        const std::size_t at = position([&](const base::ip_endpoint& a) { return a.port == port; });
        if (at < all.size())
            return at;
        const std::size_t alike =
            position([&](const base::ip_endpoint& a) { return has_ssl(a) == url.secure; });
        return alike < all.size() ? alike : 0;
    }
    [[nodiscard]] bool has_ssl(const base::ip_endpoint& address) const {
        for (const server_settings& server : conf_.servers)
            for (const listen_settings& l : server.listens)
                if (l.ssl && l.address == address)
                    return true;
        return false;
    }
    static std::uint16_t port_of(const absolute_url& url) {
        return url.parts.port != 0 ? url.parts.port : url.secure ? 443 : 80;
    }

    void tell(std::string_view what, const std::string& text) {
        to_.out << fmt::format("{:<10} {}\n", what, base::printable(text));
    }
    int decide_so(const std::string& text) {
        const bool is_guarded = where_.location != nullptr && !where_.location->access.open;
        tell("decision", (is_guarded ? "for whom access lets in: " : "") + text);
        return exit_ok;
    }

    void tell_place() {
        if (where_.server != nullptr) {
            std::string names;
            for (const capture_pattern& name : where_.server->names)
                names += " " + name.text;
            tell("server", where_.server->source + (names.empty() ? " (any name)" : names));
        }
        if (where_.location != nullptr)
            tell("location",
                 fmt::format("{} {}{}", where_.location->source, where_.location->exact ? "= " : "",
                             where_.location->path.text));
        std::string captured;
        for (const capture& c : where_.values)
            captured += fmt::format("{}{}={}", captured.empty() ? "" : " ", c.name, c.value);
        if (!captured.empty())
            tell("captures", captured);
        if (key_.outcome == key_outcome::found)
            tell("route key", key_.key);
    }

    void tell_access(const access_rule& rule) {
        if (rule.open)
            return;
        std::string who = rule.link ? "only by a link to the session" : "only from";
        for (std::size_t i = 0; i < rule.networks.size(); ++i)
            who += (i > 0 ? " " : rule.link ? ", or from " : " ") + rule.networks[i].text();
        tell("access", who + "; all others are answered 403");
    }

    int decide_by_handler(const location_settings& location) {
        switch (location.handler) {
        case handler::session:
            return decide_session(location);
        case handler::static_files:
            return decide_so("serve files of " + location.static_root.text());
        case handler::proxy:
            return decide_so("proxy to " + location.upstream->text());
        case handler::control:
            return decide_so("proxy to the session API at " + conf_.control.listen.text());
        case handler::fixed:
            break;
        }
        return decide_so(fmt::format("answer {} {}", location.status, location.body));
    }

    int decide_session(const location_settings& location) {
        if (key_.outcome != key_outcome::found)
            return decide_so("answer 404: the request names no session");
        const auto table =
            cache::session_reader::open(conf_.table_path, cache::master_process_slot);
        if (!table)
            return to_.refuse(exit_failed,
                              "the session table cannot be read: " + table.error().text());
        const auto route = table->look_up(key_.key);
        tell("route", route ? route_text(*route) : "none");
        const base::wall_time now = base::system_clock{}.wall();
        route_view view;
        if (route)
            view.route = &*route;
        view.is_stale = is_too_stale(conf_, table->synced_at_ms(), now);
        if (view.is_stale)
            tell("table", "older than stale_after allows");
        if (is_gone(view.route, now) && is_askable(conf_, key_.key))
            tell("store", fmt::format("is asked for the session first, and the request waits for "
                                      "the answer, {} ms at most; where it has none:",
                                      conf_.store.dynamodb.look_through.within.count()));
        const decision d = decide(kind_of(head_), view, location, conf_.allow_targets, now);
        std::string text = text_of(d);
        if (d.action == action::redirect)
            text += " to " + location.expired_redirect;
        const bool passed_on = d.action == action::proxy || d.action == action::tunnel;
        if (passed_on)
            text += fmt::format(", path {}", location.strip_prefix && !where_.prefix.empty()
                                                 ? where_.rest
                                                 : head_.path);
        return decide_so(text);
    }

    static std::string route_text(const cache::route& route) {
        std::string text =
            fmt::format("{}, session {}", cache::name_of(route.state), route.session_id());
        if (!route.target.address.is_none())
            text += ", target " + route.target.text();
        text += fmt::format(", table version {}", route.version);
        if (route.resume_until_ms != 0)
            text += ", resumable until " + time_text(route.resume_until_ms);
        if (!route.reason().empty())
            text += fmt::format(", {}", route.reason());
        return text;
    }

    const command_line& line_;
    const settings& conf_;
    const console& to_;
    location_index index_;
    std::string bytes_;
    request_head head_;
    located where_;
    session_key key_;
};

} // namespace

int run_explain(const command_line& line, const settings& conf, const console& to) {
    return explainer{line, conf, to}.run();
}

} // namespace postern::edge
