#include "edge/request/access.hpp"

#include "edge/request/reply.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace postern::edge {
namespace {

std::int64_t seconds_of(base::wall_time now) noexcept {
    return base::to_epoch_ms(now) / 1000;
}

/// `url` without access parameters, in `out`; false: it had none.
bool without_token(std::string_view url, std::string& out) {
    const std::size_t mark = url.find('?');
    if (mark == std::string_view::npos)
        return false;
    const std::size_t end = std::min(url.find('#', mark), url.size());
    std::string rest;
    if (!base::take_access_token(url.substr(mark + 1, end - mark - 1), rest))
        return false;
    out = url.substr(0, mark);
    if (!rest.empty())
        out.append("?").append(rest);
    out += url.substr(end);
    return true;
}

bool is_in_networks(const access_rule& rule, std::string_view client) {
    if (rule.networks.empty())
        return false;
    const auto address = base::ip_address::parse(client);
    return address && base::is_in(rule.networks, *address);
}

base::access_reading read_pass(const exchange& x, base::access_use use, std::string_view token) {
    const base::access_grant wanted{
        .use = use,
        .scope = x.key.key,
        .generation = x.has_route ? x.route.access_generation : 0,
    };
    // Read in any case: how long a refusal takes says nothing of the session.
    base::access_reading read = base::read_access_token(x.worker.access_keys, wanted, token,
                                                        seconds_of(x.worker.time.wall()));
    if (!x.has_route && read.fault == base::access_fault::none)
        read.fault = base::access_fault::revoked;
    return read;
}

std::string_view cookie_of(const exchange& x) {
    const std::string name = base::access_cookie_name(x.key.key);
    for (const field& f : x.head.fields)
        if (f.id == known::cookie)
            if (const std::string_view value = cookie_value(f.value, name); !value.empty())
                return value;
    return {};
}

/// As read_pass of the request's cookie.
base::access_reading read_cookie(exchange& x) {
    const std::string_view cookie = cookie_of(x);
    std::unique_ptr<access_pass::good_cookie>& known = x.access.known;
    if (known && x.has_route && known->generation == x.route.access_generation &&
        known->key == x.key.key && known->expires_s > seconds_of(x.worker.time.wall()) &&
        base::same_secret(known->cookie, cookie))
        return {base::access_fault::none, known->expires_s};
    const base::access_reading read = read_pass(x, base::access_use::cookie, cookie);
    if (read.fault == base::access_fault::none) {
        if (!known)
            known = std::make_unique<access_pass::good_cookie>();
        known->cookie = cookie;
        known->key = x.key.key;
        known->generation = x.route.access_generation;
        known->expires_s = read.expires_s;
    }
    return read;
}

void admit_by_link(exchange& x, const base::access_reading& read) {
    x.access.by_link = true;
    x.access.generation = x.route.access_generation;
    x.access.expires_s = read.expires_s;
}

/// To the same URL without its token, so that it stands in no address bar, no history and no
/// Referer.
task<void> redirect_without_token(exchange& x, const base::access_reading& link) {
    // "//host/x" would be another origin; "/.//host/x" is the same path (RFC 3986 5.2.4).
    const std::string to =
        fmt::format("{}{}", x.head.path.starts_with("//") ? "/." : "", x.head.target);
    std::string cookie;
    if (link.fault == base::access_fault::none)
        cookie = fmt::format(
            "{}={}; Path=/; Max-Age={}; Secure; HttpOnly; SameSite=Lax",
            base::access_cookie_name(x.key.key),
            base::make_access_token(x.worker.access_keys, {.use = base::access_use::cookie,
                                                           .scope = x.key.key,
                                                           .generation = x.route.access_generation,
                                                           .expires_s = link.expires_s}),
            link.expires_s - seconds_of(x.worker.time.wall()));
    x.decision_name = "access-link";
    if (!cookie.empty())
        x.count(cache::counter::access_links_opened);
    reply_options options;
    options.location = to;
    options.set_cookie = cookie;
    co_await reply(x, 303, {}, options);
}

} // namespace

void take_access_token(exchange& x) {
    if (x.worker.access_keys.empty())
        return;
    std::string rest;
    if (x.head.has_query)
        if (const auto token = base::take_access_token(x.head.query, rest)) {
            access_pass::taken_texts& texts = x.access.texts();
            x.access.has_token = true;
            texts.token = *token;
            texts.query = std::move(rest);
            texts.target = x.head.path;
            if (!texts.query.empty())
                texts.target.append("?").append(texts.query);
            x.head.target = texts.target;
            x.head.query = texts.query;
            x.head.has_query = !texts.query.empty();
        }
    for (field& f : x.head.fields)
        if (f.id == known::referer && base::find_access_parameter(f.value) != f.value.size()) {
            std::string cleaned;
            if (!without_token(f.value, cleaned))
                continue;
            // One is enough: a second field of the name is no Referer that anybody relies on.
            std::string& referer = x.access.texts().referer;
            if (referer.empty())
                referer = std::move(cleaned);
            f.value = referer;
            f.verbatim = false;
        }
}

task<bool> admit(exchange& x) {
    const access_rule& rule = x.location().access;
    if (rule.open)
        co_return true;
    bool admitted = is_in_networks(rule, x.client_address);
    base::access_reading link;
    if (rule.link) {
        if (x.access.has_token)
            link = read_pass(x, base::access_use::link, x.access.taken->token);
        const bool good_link = link.fault == base::access_fault::none;
        if (!admitted && good_link)
            admit_by_link(x, link);
        if (!admitted && !good_link) {
            const auto cookie = read_cookie(x);
            if (cookie.fault == base::access_fault::none)
                admit_by_link(x, cookie);
        }
        admitted = admitted || x.access.by_link;
    }
    if (!admitted) {
        co_await refuse_access(x);
        co_return false;
    }
    if (rule.link && x.access.has_token && kind_of(x.head) == request_kind::document) {
        co_await redirect_without_token(x, link);
        co_return false;
    }
    co_return true;
}

bool may_be_admitted(exchange& x) {
    const access_rule& rule = x.location().access;
    if (rule.open || is_in_networks(rule, x.client_address))
        return true;
    const auto is_ours = [](const base::access_reading& read) {
        return read.fault == base::access_fault::none || read.fault == base::access_fault::revoked;
    };
    if (!rule.link)
        return false;
    if (x.access.has_token && is_ours(read_pass(x, base::access_use::link, x.access.taken->token)))
        return true;
    return is_ours(read_cookie(x));
}

task<void> refuse_access(exchange& x) {
    x.has_route = false; // nothing of it is to be seen on the page
    x.decision_name = "refused-access";
    x.count(cache::counter::access_refused);
    co_await reply_error(x, 403,
                         x.location().access.link
                             ? "A link opens this preview, and the one that was used is not, or no "
                               "longer, good. Ask for a new one."
                             : "This is not open to your network.");
}

bool still_admitted(const access_pass& pass, const cache::route* route,
                    base::wall_time now) noexcept {
    return !pass.by_link || (route != nullptr && route->access_generation == pass.generation &&
                             seconds_of(now) < pass.expires_s);
}

} // namespace postern::edge
