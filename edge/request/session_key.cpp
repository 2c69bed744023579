// The rules come from what an unmodified Vite dev server needs behind a prefix: its URLs are
// root-absolute, and its sockets carry no Referer. edge/README.md has them in words.
#include "edge/request/session_key.hpp"

#include "base/limits.hpp"
#include "base/route_key.hpp"
#include "edge/http/authority.hpp"
#include "edge/http/scan.hpp"
#include "edge/request/decide.hpp"

#include <algorithm>

namespace postern::edge {
namespace {

/// Captures of a request, with one more that a header stands for.
struct named_values {
    const located& where;
    std::string_view extra_name;
    std::string_view extra_value;

    std::optional<std::string_view> operator()(std::string_view name) const noexcept {
        if (const auto value = where.value_of(name))
            return value;
        if (!extra_name.empty() && name == extra_name)
            return extra_value;
        return std::nullopt;
    }
};

bool is_capture(std::string_view text) noexcept {
    for (const char c : text)
        if (!is_capture_byte(c))
            return false;
    // As in a URL's captures: a name that means a folder is no name.
    return !text.empty() && text != "." && text != ".." &&
           text.size() <= base::limits::route_key_bytes_max;
}

/// One look at a request, with the steps as functions; each says whether it settled the outcome.
class finder {
  public:
    finder(const location_index& index, located& where, const request_head& head, session_key& out)
        : index_{index}, where_{where}, head_{head}, out_{out} {}

    void run() {
        const location_settings* const here = where_.location;
        if (here != nullptr && here->handler == handler::session) {
            if (where_.add_slash && !head_.websocket)
                return redirect(head_.path, "/");
            if (found_in_url(*here))
                return;
            if (by_header(*here, false))
                return;
        } else if (here == nullptr || here->handler == handler::static_files) {
            for (const location_settings& location : where_.server->locations)
                if (by_header(location, true))
                    return;
        } else {
            return;
        }
        const std::string_view referer = value_of(head_.fields, known::referer);
        if (!head_.websocket && by_referer(referer))
            return;
        if (!comes_from_here(referer))
            by_cookie();
    }

  private:
    /// By the captures of the located location itself: which they are was settled with the conf.
    bool found_in_url(const location_settings& here) {
        const auto value_at = [&](std::size_t place) -> std::optional<std::string_view> {
            for (const capture& c : where_.values)
                if (c.number == where_.key_captures[place])
                    return c.value;
            return std::nullopt;
        };
        return settle(base::make_route_key_by_place(here.route_key, value_at, out_.key), here,
                      false);
    }

    bool found_with(const location_settings& location, const named_values& values, bool outside) {
        return settle(base::make_route_key(location.route_key, values, out_.key), location,
                      outside);
    }

    /// By what came of the location's route key. False: a name of it has no value here.
    bool settle(const base::route_key_fault& fault, const location_settings& location,
                bool outside) {
        if (fault)
            out_.key.clear();
        if (fault.what == base::route_key_fault::kind::missing)
            return false;
        out_.outside = outside;
        if (outside) {
            where_.location = &location;
            where_.key_captures = {};
            where_.prefix = {};
            where_.rest = head_.path;
        }
        out_.outcome = fault ? key_outcome::refused : key_outcome::found;
        return true;
    }

    bool by_header(const location_settings& location, bool outside) {
        const std::string& name = location.sources.header;
        if (location.handler != handler::session || name.empty())
            return false;
        for (const field& f : head_.fields) {
            if (!equal_ignoring_case(f.name, name))
                continue;
            if (is_capture(f.value) && outside && !leads_to(location, f.value))
                return false;
            if (is_capture(f.value))
                return found_with(location, {where_, location.header_capture, f.value}, outside);
            out_.outcome = key_outcome::refused;
            return true;
        }
        return false;
    }

    /// Whether a URL with this name in the location's path would lead there, too: what another
    /// location takes out of a session's path is not to be had by a header. Other names of the path
    /// are not in the key; any will do.
    bool leads_to(const location_settings& location, std::string_view name) {
        std::string& url = out_.redirect_to;
        for (const capture_pattern::piece& p : location.path.pieces)
            url += p.is_capture ? name : std::string_view{p.text};
        while (url.ends_with('/'))
            url.pop_back();
        url += head_.path;
        located there;
        const bool leads =
            index_.locate_session(*where_.server, url, there) && there.location == &location;
        url.clear();
        return leads;
    }

    /// The Referer's URL when it is on this request's host.
    [[nodiscard]] std::optional<absolute_url> same_host(std::string_view url_text) const {
        const auto url = read_absolute_url(url_text);
        const auto own = read_authority(head_.host);
        if (!url || !own || !same_authority(url->parts, *own, url->secure))
            return std::nullopt;
        return url;
    }

    [[nodiscard]] bool comes_from_here(std::string_view referer) const {
        return !referer.empty() && same_host(referer).has_value();
    }

    bool by_referer(std::string_view referer) {
        const auto url = referer.empty() ? std::nullopt : same_host(referer);
        if (!url || !url->rest.starts_with('/'))
            return false;
        const std::string_view path = url->rest.substr(0, url->rest.find_first_of("?#"));
        located from;
        if (!index_.locate_session(*where_.server, path, from) || from.add_slash ||
            from.prefix.empty() || !from.location->sources.referer)
            return false;
        if (is_below(from.prefix))
            return false;
        redirect(from.prefix, head_.path);
        out_.from_referer = true;
        return true;
    }

    bool by_cookie() {
        std::string_view prefix;
        for (const field& f : head_.fields)
            if (f.id == known::cookie && prefix.empty())
                prefix = cookie_value(f.value, session_cookie);
        if (!prefix.starts_with('/') || prefix.starts_with("//") || is_below(prefix))
            return false;
        if (head_.websocket ? !same_origin_socket() : kind_of(head_) != request_kind::document)
            return false;
        // Believed no more than a URL that somebody typed: this target below the cookie's prefix
        // must be a session's, with exactly this prefix.
        std::string& url = out_.redirect_to;
        url.append(prefix).append(head_.path);
        located there;
        const bool is_own = index_.locate_session(*where_.server, url, there) &&
                            there.prefix == prefix && there.location->sources.cookie;
        bool settled = is_own && !head_.websocket;
        if (is_own && head_.websocket) {
            take_captures(there, url, prefix);
            settled = found_with(*there.location, {where_, {}, {}}, true);
        }
        url.clear();
        if (settled && !head_.websocket)
            redirect(prefix, head_.path);
        return settled;
    }

    /// Captures as a request for `url` would have them: the host's, then those of the prefix, which
    /// `url` begins with; `prefix` is what stays.
    void take_captures(const located& there, std::string_view url, std::string_view prefix) {
        std::size_t of_path = 0;
        if (where_.location != nullptr)
            for (const capture_pattern::piece& p : where_.location->path.pieces)
                of_path += p.is_capture ? 1 : 0;
        where_.values.resize(where_.values.size() - std::min(of_path, where_.values.size()));
        for (const capture& c : there.values) {
            const auto at = static_cast<std::size_t>(c.value.data() - url.data());
            if (where_.values.size() < where_.values.capacity())
                where_.values.push_back({c.name, prefix.substr(at, c.value.size()), c.number});
        }
    }

    /// A socket that another site opens carries our cookie, too, where browsers are lax.
    [[nodiscard]] bool same_origin_socket() const {
        const std::string_view origin = value_of(head_.fields, known::origin);
        return (origin.empty() || same_host(origin)) &&
               !list_has(value_of(head_.fields, known::sec_websocket_protocol), "vite-ping");
    }

    [[nodiscard]] bool is_below(std::string_view prefix) const {
        const std::string_view path = head_.path;
        return path.starts_with(prefix) &&
               (path.size() == prefix.size() || path[prefix.size()] == '/');
    }

    void redirect(std::string_view first, std::string_view second) {
        out_.redirect_to.append(first).append(second);
        if (head_.has_query)
            out_.redirect_to.append("?").append(head_.query);
        out_.outcome = key_outcome::redirect;
    }

    const location_index& index_;
    located& where_;
    const request_head& head_;
    session_key& out_;
};

} // namespace

void session_key::clear() {
    outcome = key_outcome::none;
    key.clear();
    redirect_to.clear();
    from_referer = false;
    outside = false;
}

void session_key_of(const location_index& index, located& where, const request_head& head,
                    session_key& out) {
    out.clear();
    if (where.server == nullptr || where.refused != nullptr)
        return;
    finder{index, where, head, out}.run();
}

void write_session_cookie(std::string& out, const located& where, bool secure) {
    if (where.location == nullptr || !where.location->sources.cookie)
        return;
    if (where.prefix.empty())
        return;
    out.append(session_cookie).append("=").append(where.prefix);
    out.append("; Path=/; HttpOnly; SameSite=Lax");
    if (secure)
        out.append("; Secure");
}

std::string_view cookie_value(std::string_view cookies, std::string_view name) noexcept {
    while (!cookies.empty()) {
        const std::size_t end = cookies.find(';');
        const std::string_view pair = trimmed(cookies.substr(0, end));
        const std::size_t equals = pair.find('=');
        if (equals != std::string_view::npos && trimmed(pair.substr(0, equals)) == name)
            return trimmed(pair.substr(equals + 1));
        if (end == std::string_view::npos)
            break;
        cookies.remove_prefix(end + 1);
    }
    return {};
}

} // namespace postern::edge
