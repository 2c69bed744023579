#include "edge/request/https.hpp"

#include "edge/http/scan.hpp"
#include "edge/request/pattern.hpp"
#include "edge/request/reply.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace postern::edge {
namespace {

bool has_name(const server_settings& server, const std::string& host) {
    for (const capture_pattern& name : server.names) {
        capture_names numbers;
        captures unused;
        const matcher whole{name, {.ignore_case = true, .whole = true}, numbers};
        if (whole.match(host, unused) != matcher::no_match)
            return true;
    }
    return server.names.empty();
}

} // namespace

bool came_by_https(const exchange& x) {
    return x.tls != nullptr ||
           (x.peer.trusted && value_of(x.head.fields, known::x_forwarded_proto) == "https");
}

std::string https_url(const located& where, const request_head& head) {
    const std::string& host = where.host_text;
    if (host.empty() || !has_name(*where.server, host))
        return {};
    const std::uint16_t port = where.location->ssl_redirect;
    std::string url = fmt::format("https://{}", host);
    if (port != 443)
        url += fmt::format(":{}", port);
    url += head.path.starts_with('/') ? head.path : "/"; // OPTIONS *
    if (head.has_query)
        url.append("?").append(head.query);
    return url;
}

task<bool> sent_elsewhere(exchange& x) {
    if (x.tls != nullptr && !x.tls->may_ask(*x.where.server)) {
        x.count(cache::counter::tls_misdirected);
        co_await reply_error(x, 421, "This host has another certificate; connect to it anew.");
        co_return true;
    }
    if (x.where.location == nullptr || x.where.location->ssl_redirect == 0 || came_by_https(x))
        co_return false;
    const std::string url = https_url(x.where, x.head);
    if (url.empty()) {
        co_await reply_error(x, 421, "There is no such host here.");
        co_return true;
    }
    const bool safe = x.head.method == method::get || x.head.method == method::head;
    co_await reply_redirect(x, url, false, safe ? 301 : 308);
    co_return true;
}

} // namespace postern::edge
