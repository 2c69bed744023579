// The request as the upstream gets it. Appends into one string; nothing is built on the side.
#include "edge/request/rewrite.hpp"

#include "base/access_token.hpp"
#include "edge/http/authority.hpp"
#include "edge/http/scan.hpp"
#include "edge/http/text_writer.hpp"
#include "edge/request/rewrite_parts.hpp"
#include "edge/request/session_key.hpp"

namespace postern::edge {
namespace {

/// What trusted proxies in front of us said about the client.
struct forwarded_values {
    std::string_view host, proto, prefix;
};

forwarded_values forwarded_by(const request_head& head, bool trusted) {
    if (!trusted)
        return {};
    return {value_of(head.fields, known::x_forwarded_host),
            value_of(head.fields, known::x_forwarded_proto),
            value_of(head.fields, known::x_forwarded_prefix)};
}

/// Fields that postern writes itself, or that end at it.
bool is_replaced(known id) noexcept {
    switch (id) {
    case known::content_length:
    case known::expect:
    case known::host:
    case known::x_forwarded_for:
    case known::x_forwarded_host:
    case known::x_forwarded_prefix:
    case known::x_forwarded_proto:
    case known::x_postern:
    case known::x_real_ip:
    case known::x_session_id:
        return true;
    default:
        return is_hop_by_hop(id);
    }
}

/// CGI-like upstreams read X_Forwarded_For as X-Forwarded-For: such a twin of a field of ours must
/// not pass.
bool is_twin_of_replaced(std::string_view name) noexcept {
    const known id = known_with_dashes(name);
    return is_replaced(id) || id == known::forwarded || id == known::x_forwarded;
}

/// Whatever postern's own cookies are called, this is in it.
constexpr std::string_view own_cookie_part = "postern_";
static_assert(session_cookie.find(own_cookie_part) != session_cookie.npos &&
              base::access_cookie_prefix.find(own_cookie_part) != session_cookie.npos);

bool is_own_cookie(std::string_view name) noexcept {
    return name == session_cookie || name.starts_with(base::access_cookie_prefix);
}

/// Cookie without postern's own; nothing when no other is left.
void write_cookies(text_writer& out, const field& cookies) {
    if (cookies.value.find(own_cookie_part) == std::string_view::npos)
        return out.put_field(cookies);
    out.put_pending();
    const std::size_t start = out.size();
    out.put(cookies.name).put(": ");
    const std::size_t values = out.size();
    std::string_view left = cookies.value;
    while (!left.empty()) {
        const std::size_t end = left.find(';');
        const std::string_view pair = trimmed(left.substr(0, end));
        const bool own = is_own_cookie(trimmed(pair.substr(0, pair.find('='))));
        if (!own && !pair.empty()) {
            if (out.size() != values)
                out.put("; ");
            out.put(pair);
        }
        if (end == std::string_view::npos)
            break;
        left.remove_prefix(end + 1);
    }
    if (out.size() == values)
        out.cut(start);
    else
        out.put("\r\n");
}

/// Whether `origin` is the origin that the browser sees this request's host at.
bool is_public_origin(std::string_view origin, const request_head& head, const request_rewrite& how,
                      const forwarded_values& by) {
    const auto url = read_absolute_url(origin);
    const auto own = read_authority(by.host.empty() ? head.host : by.host);
    const bool secure = (by.proto.empty() ? how.scheme : by.proto) == "https";
    return url && own && url->rest.empty() && url->secure == secure &&
           same_authority(url->parts, *own, secure);
}

void write_forwarded(text_writer& out, const request_head& head, const request_rewrite& how,
                     const forwarded_values& by) {
    out.put("X-Real-IP: ").put_clean(how.client_address);
    out.put("\r\nX-Forwarded-For: ");
    if (how.trusted_client)
        for (const field& f : head.fields)
            if (f.id == known::x_forwarded_for && !f.value.empty())
                out.put(f.value).put(", ");
    out.put_clean(how.peer_address.empty() ? how.client_address : how.peer_address);
    const std::string_view host = by.host.empty() ? head.host : by.host;
    if (!host.empty())
        out.put("\r\nX-Forwarded-Host: ").put(host);
    out.put("\r\nX-Forwarded-Proto: ").put(by.proto.empty() ? how.scheme : by.proto);
    if (!by.prefix.empty() || !how.prefix.empty())
        out.put("\r\nX-Forwarded-Prefix: ").put(by.prefix).put_clean(how.prefix);
    out.put("\r\n");
}

/// Whether a field of the client's goes on as it is; some that do not are written here in another
/// form.
bool passes(text_writer& out, const field& f, const request_head& head, const request_rewrite& how,
            const forwarded_values& by) {
    switch (f.id) {
    case known::accept_encoding:
    case known::if_match:
    case known::if_modified_since:
    case known::if_none_match:
    case known::if_range:
    case known::if_unmodified_since:
    case known::range:
        return !how.identity_encoding;
    case known::authorization:
        return how.bearer_token.empty();
    case known::forwarded:
    case known::x_forwarded:
        return how.trusted_client;
    case known::cookie:
        write_cookies(out, f);
        return false;
    case known::origin:
        if (!how.rewrite_origin || !is_public_origin(f.value, head, how, by))
            return true;
        out.put_pending();
        out.put("Origin: http://").put_clean(how.host).put("\r\n");
        return false;
    default:
        return !is_replaced(f.id);
    }
}

void write_client_fields(text_writer& out, const request_head& head, const request_rewrite& how,
                         const forwarded_values& by) {
    const nominations nominated{head.fields, head.connection_names};
    for (const field& f : head.fields) {
        const bool kept = f.id == known::other
                              ? !nominated.has(f.name) && !is_twin_of_replaced(f.name)
                              : passes(out, f, head, how, by);
        if (kept)
            out.put_field(f);
    }
    out.put_pending();
}

} // namespace

void write_request_head(std::string& out, const request_head& head, const request_rewrite& how) {
    constexpr std::size_t own_fields_expected = 512;
    text_writer w{out, head.head_bytes + own_fields_expected};
    w.put(head.method_text).put(" ");
    if (how.path.empty())
        w.put("/");
    else
        w.put_clean(how.path);
    if (head.has_query)
        w.put("?").put(head.query);
    w.put(" HTTP/1.1\r\nHost: ").put_clean(how.host.empty() ? head.host : how.host).put("\r\n");
    const forwarded_values by = forwarded_by(head, how.trusted_client);
    write_client_fields(w, head, how, by);
    if (how.identity_encoding)
        w.put("Accept-Encoding: identity\r\n");
    write_forwarded(w, head, how, by);
    if (!how.session_id.empty())
        w.put("X-Session-Id: ").put_clean(how.session_id).put("\r\n");
    if (!how.bearer_token.empty())
        w.put("Authorization: Bearer ").put_clean(how.bearer_token).put("\r\n");
    if (head.chunked)
        w.put("Transfer-Encoding: chunked\r\n");
    else if (head.content_length)
        w.put("Content-Length: ").put_number(*head.content_length).put("\r\n");
    if (how.websocket)
        w.put("Connection: Upgrade\r\nUpgrade: websocket\r\n");
    w.put("\r\n");
    w.finish();
}

} // namespace postern::edge
