// The request as the upstream gets it. Appends into one string; nothing is built on the side.
#include "edge/request/rewrite.hpp"

#include "edge/request/authority.hpp"
#include "edge/request/rewrite_parts.hpp"
#include "edge/request/scan.hpp"
#include "edge/request/session_key.hpp"

#include <charconv>

namespace postern::edge {
namespace {

/// What trusted proxies in front of us said about the client.
struct forwarded_values {
    std::string_view real_ip, host, proto, prefix;
};

forwarded_values forwarded_by(const request_head& head, bool trusted) {
    if (!trusted)
        return {};
    return {value_of(head.fields, known::x_real_ip), value_of(head.fields, known::x_forwarded_host),
            value_of(head.fields, known::x_forwarded_proto),
            value_of(head.fields, known::x_forwarded_prefix)};
}

bool is_conditional(known id) noexcept {
    switch (id) {
    case known::if_match:
    case known::if_modified_since:
    case known::if_none_match:
    case known::if_range:
    case known::if_unmodified_since:
    case known::range:
        return true;
    default:
        return false;
    }
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
    constexpr std::size_t longest = 24;
    if (name.size() > longest || name.find('_') == std::string_view::npos)
        return false;
    char dashed[longest];
    for (std::size_t i = 0; i < name.size(); ++i)
        dashed[i] = name[i] == '_' ? '-' : name[i];
    const known id = known_field({dashed, name.size()});
    return is_replaced(id) || id == known::forwarded;
}

/// Cookie without postern's own; nothing when no other is left.
void write_cookies(std::string& out, const field& cookies) {
    if (cookies.value.find(session_cookie) == std::string_view::npos)
        return write_field(out, cookies.name, cookies.value);
    const std::size_t start = out.size();
    out.append(cookies.name).append(": ");
    const std::size_t values = out.size();
    std::string_view left = cookies.value;
    while (!left.empty()) {
        const std::size_t end = left.find(';');
        const std::string_view pair = trimmed(left.substr(0, end));
        const bool own = trimmed(pair.substr(0, pair.find('='))) == session_cookie;
        if (!own && !pair.empty()) {
            if (out.size() != values)
                out.append("; ");
            out.append(pair);
        }
        if (end == std::string_view::npos)
            break;
        left.remove_prefix(end + 1);
    }
    if (out.size() == values)
        out.resize(start);
    else
        out.append("\r\n");
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

void write_forwarded(std::string& out, const request_head& head, const request_rewrite& how,
                     const forwarded_values& by) {
    write_field_clean(out, "X-Real-IP", by.real_ip.empty() ? how.client_address : by.real_ip);
    out.append("X-Forwarded-For: ");
    if (how.trusted_client)
        for (const field& f : head.fields)
            if (f.id == known::x_forwarded_for && !f.value.empty())
                out.append(f.value).append(", ");
    append_clean(out, how.client_address);
    out.append("\r\n");
    const std::string_view host = by.host.empty() ? head.host : by.host;
    if (!host.empty())
        write_field(out, "X-Forwarded-Host", host);
    write_field(out, "X-Forwarded-Proto", by.proto.empty() ? how.scheme : by.proto);
    if (by.prefix.empty() && how.prefix.empty())
        return;
    out.append("X-Forwarded-Prefix: ").append(by.prefix);
    append_clean(out, how.prefix);
    out.append("\r\n");
}

void write_client_fields(std::string& out, const request_head& head, const request_rewrite& how,
                         const forwarded_values& by) {
    const nominations nominated{head.fields};
    for (const field& f : head.fields) {
        if (is_replaced(f.id))
            continue;
        if (f.id == known::other) {
            if (nominated.has(f.name) || is_twin_of_replaced(f.name))
                continue;
        } else if (how.identity_encoding &&
                   (f.id == known::accept_encoding || is_conditional(f.id))) {
            continue;
        } else if (f.id == known::cookie) {
            write_cookies(out, f);
            continue;
        } else if (f.id == known::authorization && !how.bearer_token.empty()) {
            continue;
        } else if (f.id == known::forwarded && !how.trusted_client) {
            continue;
        } else if (f.id == known::origin && how.rewrite_origin &&
                   is_public_origin(f.value, head, how, by)) {
            out.append("Origin: http://");
            append_clean(out, how.host);
            out.append("\r\n");
            continue;
        }
        write_field(out, f.name, f.value);
    }
}

} // namespace

void write_request_head(std::string& out, const request_head& head, const request_rewrite& how) {
    out.reserve(out.size() + head.head_bytes + how.path.size() + 512);
    out.append(head.method_text).append(" ");
    if (how.path.empty())
        out.append("/");
    else
        append_clean(out, how.path);
    if (head.has_query)
        out.append("?").append(head.query);
    out.append(" HTTP/1.1\r\n");
    write_field_clean(out, "Host", how.host.empty() ? head.host : how.host);
    const forwarded_values by = forwarded_by(head, how.trusted_client);
    write_client_fields(out, head, how, by);
    if (how.identity_encoding)
        out.append("Accept-Encoding: identity\r\n");
    write_forwarded(out, head, how, by);
    if (!how.session_id.empty())
        write_field_clean(out, "X-Session-Id", how.session_id);
    if (!how.bearer_token.empty()) {
        out.append("Authorization: Bearer ");
        append_clean(out, how.bearer_token);
        out.append("\r\n");
    }
    if (head.chunked)
        out.append("Transfer-Encoding: chunked\r\n");
    else if (head.content_length)
        write_length(out, *head.content_length);
    if (how.websocket)
        out.append("Connection: Upgrade\r\nUpgrade: websocket\r\n");
    out.append("\r\n");
}

} // namespace postern::edge
