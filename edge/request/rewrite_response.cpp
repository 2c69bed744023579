// The response as the client gets it, and the one repair that is made to a body: Vite's HMR base.
#include "edge/http/scan.hpp"
#include "edge/http/text_writer.hpp"
#include "edge/request/rewrite.hpp"
#include "edge/request/rewrite_parts.hpp"

namespace postern::edge {
namespace {

constexpr unsigned switching_protocols = 101;

body_to_client body_of(const response_head& head, enum method to, const response_rewrite& how) {
    if (head.framing == body_framing::none || to == method::head)
        return body_to_client::none;
    const bool length_known =
        how.drop_length ? how.new_length.has_value() : head.framing == body_framing::length;
    if (length_known)
        return body_to_client::length;
    return how.client_minor_version >= 1 ? body_to_client::chunked : body_to_client::until_close;
}

void write_status_line(text_writer& out, const response_head& head) {
    const char digits[3] = {static_cast<char>('0' + head.status / 100 % 10),
                            static_cast<char>('0' + head.status / 10 % 10),
                            static_cast<char>('0' + head.status % 10)};
    out.put("HTTP/1.1 ").put(std::string_view{digits, sizeof digits}).put(" ");
    out.put(head.reason).put("\r\n");
}

/// `location` less the upstream's origin, when it has it ("http://localhost:4321", or
/// "//localhost:4321").
std::optional<std::string_view> below_origin(std::string_view location, std::string_view origin) {
    if (origin.empty())
        return std::nullopt;
    const auto starts_with = [&](std::string_view text) {
        return location.size() >= text.size() &&
               equal_ignoring_case(location.substr(0, text.size()), text);
    };
    const std::size_t slashes = origin.find("//");
    if (!starts_with(origin)) {
        if (slashes == std::string_view::npos)
            return std::nullopt;
        origin.remove_prefix(slashes);
        if (!starts_with(origin))
            return std::nullopt;
    }
    location.remove_prefix(origin.size());
    // "http://localhost:43210/" is another origin.
    if (!location.empty() &&
        std::string_view{"/?#"}.find(location.front()) == std::string_view::npos)
        return std::nullopt;
    return location;
}

bool is_below(std::string_view path, std::string_view prefix) {
    return path.starts_with(prefix) &&
           (path.size() == prefix.size() ||
            std::string_view{"/?#"}.find(path[prefix.size()]) != std::string_view::npos);
}

void write_location(text_writer& out, const field& f, const response_rewrite& how) {
    std::string_view path = f.value;
    if (const auto below = below_origin(path, how.upstream_origin)) {
        path = *below;
    } else if (how.prefix.empty() || !path.starts_with('/') || path.starts_with("//")) {
        return out.put_field(f);
    }
    out.put_pending();
    out.put(f.name).put(": ");
    // An upstream that knows its base has put it there already.
    if (!is_below(path, how.prefix))
        out.put_clean(how.prefix);
    if (!path.starts_with('/'))
        out.put("/");
    // Below no prefix "//host" would lead away.
    while (how.prefix.empty() && path.starts_with("//"))
        path.remove_prefix(1);
    out.put(path).put("\r\n");
}

bool describes_old_body(known id) noexcept {
    return id == known::etag || id == known::last_modified;
}

/// What postern says and nobody else.
bool is_ours(known id) noexcept {
    return id == known::x_postern || id == known::x_session_id;
}

void write_upstream_fields(text_writer& out, const response_head& head,
                           const response_rewrite& how) {
    const nominations nominated{head.fields, head.connection_names};
    for (const field& f : head.fields) {
        if (f.id == known::other) {
            if (!nominated.has(f.name) && !is_ours(known_with_dashes(f.name)))
                out.put_field(f);
        } else if (f.id == known::location) {
            write_location(out, f, how);
        } else if (!is_hop_by_hop(f.id) && f.id != known::content_length && !is_ours(f.id) &&
                   !(how.drop_length && describes_old_body(f.id))) {
            out.put_field(f);
        }
    }
    out.put_pending();
}

void write_framing(text_writer& out, const response_head& head, const response_rewrite& how,
                   body_to_client body) {
    // HEAD and 304 say what the body would have been; 1xx and 204 say nothing (RFC 9110 8.6).
    const bool may_declare = body == body_to_client::none && head.status >= 200 &&
                             head.status != 204 && head.has_content_length && !how.drop_length;
    if (body == body_to_client::chunked)
        out.put("Transfer-Encoding: chunked\r\n");
    else if (body == body_to_client::length || may_declare)
        out.put("Content-Length: ")
            .put_number(how.drop_length ? *how.new_length : head.content_length)
            .put("\r\n");
}

} // namespace

body_to_client write_response_head(std::string& out, const response_head& head, enum method to,
                                   const response_rewrite& how) {
    constexpr std::size_t own_fields_expected = 256;
    text_writer w{out, head.head_bytes + how.set_cookie.size() + own_fields_expected};
    write_status_line(w, head);
    write_upstream_fields(w, head, how);
    const body_to_client body = body_of(head, to, how);
    if (head.status < 200) {
        if (head.status == switching_protocols)
            w.put("Connection: Upgrade\r\nUpgrade: websocket\r\n");
        w.put("\r\n").finish();
        return body_to_client::none;
    }
    if (!how.date.empty())
        w.put("Date: ").put(how.date).put("\r\n");
    if (!how.set_cookie.empty())
        w.put("Set-Cookie: ").put_clean(how.set_cookie).put("\r\n");
    if (how.add_headers != nullptr)
        for (const auto& [name, value] : *how.add_headers)
            w.put(name).put(": ").put_clean(value).put("\r\n");
    w.put(how.own_lines);
    write_framing(w, head, how, body);
    if (how.close || body == body_to_client::until_close)
        w.put("Connection: close\r\n");
    else if (how.client_minor_version == 0)
        w.put("Connection: keep-alive\r\n");
    w.put("\r\n").finish();
    return body;
}

bool patch_hmr_base(std::string& client_module, std::string_view base) {
    constexpr std::string_view before = "${hmrPort || importMetaUrl.port}${";
    constexpr std::string_view old_base = "\"/\"";
    // The base becomes a string in a script: nothing may end it.
    for (const char c : base)
        if (c == '"' || c == '\\' || c == '<' || static_cast<unsigned char>(c) < 0x20)
            return false;
    std::size_t at = client_module.find(before);
    bool patched = false;
    for (; at != std::string::npos; at = client_module.find(before, at)) {
        at += before.size();
        if (client_module.compare(at, old_base.size() + 1, "\"/\"}") != 0)
            continue;
        client_module.replace(at + 1, 1, base);
        patched = true;
    }
    return patched;
}

} // namespace postern::edge
