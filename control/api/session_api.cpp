#include "control/api/session_api.hpp"

#include "base/percent.hpp"
#include "control/api/names.hpp"
#include "control/api/token.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

namespace postern::control {

enum class session_api::endpoint {
    activate,
    of_client,
    status,
    keep_alive,
    deactivate,
    make_link,
    revoke_links,
    wake,
    health,
    readiness,
    metrics,
};

/// "{}" in a pattern takes one segment. The first pattern that fits is meant, with all its methods,
/// so fixed words stand before "{}".
struct session_api::path_rule {
    std::string_view pattern;
    std::string_view method;
    endpoint what;
    bool is_open = false; // needs no token
    [[nodiscard]] bool takes(std::string_view wanted) const noexcept {
        return wanted == method || (method == "GET" && wanted == "HEAD");
    }
};

const session_api::path_rule session_api::path_rules[] = {
    {"/healthz", "GET", endpoint::health, true},
    {"/readyz", "GET", endpoint::readiness, true},
    {"/metrics", "GET", endpoint::metrics},
    {"/api/sessions/activate", "POST", endpoint::activate},
    {"/api/sessions/client/{}", "GET", endpoint::of_client},
    {"/api/sessions/{}/status", "GET", endpoint::status},
    {"/api/sessions/{}/keepalive", "POST", endpoint::keep_alive},
    {"/api/sessions/{}/deactivate", "POST", endpoint::deactivate},
    {"/api/sessions/{}/links", "POST", endpoint::make_link},
    {"/api/sessions/{}/links", "DELETE", endpoint::revoke_links},
    {"/api/routes/{}/wake", "POST", endpoint::wake},
};

namespace {

constexpr std::string_view name_rule =
    "1 to 127 characters of A-Z a-z 0-9 . _ ~ - that begin with none of . and -";
constexpr field_rule activate_fields[] = {
    {"clientId", true, is_name, name_rule},
    {"userId", true, is_name, name_rule},
    {"threadId", true, is_name, name_rule},
    {"instruction", false, is_instruction, "at most 16384 bytes without a zero byte"},
    {"branch", false, is_branch, "a git branch of at most 255 characters of A-Z a-z 0-9 . _ / -"},
    {"sessionId", false, is_new_session_id,
     "1 to 255 characters of A-Z a-z 0-9 . _ ~ - that begin with none of . and -, and neither "
     "activate nor client"},
};

/// The segment that "{}" of the pattern stands for (empty without one), or nothing where the path
/// does not fit.
std::optional<std::string_view> matched(std::string_view pattern, std::string_view path) {
    const std::size_t hole = pattern.find("{}");
    if (hole == std::string_view::npos)
        return pattern == path ? std::optional{std::string_view{}} : std::nullopt;
    const std::string_view before = pattern.substr(0, hole);
    const std::string_view after = pattern.substr(hole + 2);
    if (path.size() <= before.size() + after.size() || !path.starts_with(before) ||
        !path.ends_with(after))
        return std::nullopt;
    path.remove_prefix(before.size());
    path.remove_suffix(after.size());
    if (path.find('/') != std::string_view::npos)
        return std::nullopt;
    return path;
}

api_error unauthorized(bool was_given) {
    return {401,
            "unauthorized",
            was_given ? "the token is not this server's; it is in the file that token_file names"
                      : "send Authorization: Bearer TOKEN; it is in the file that token_file names",
            {},
            {{"WWW-Authenticate", "Bearer realm=\"postern\""}}};
}

api_error bad_path(std::string_view segment, const percent_decoding& decoded) {
    const bool is_broken = decoded.wrong == percent_decoding::fault::broken;
    return {400, "bad_path",
            is_broken
                ? fmt::format("\"{}\" in the path has the broken escape \"{}\"; two hexadecimal "
                              "digits follow a %, and a % itself is written %25",
                              shown(segment), decoded.escape)
                : fmt::format("\"{}\" in the path has the escape {}, which stands for a control "
                              "byte; no id has one: send the id as the API gave it, each byte "
                              "escaped once",
                              shown(segment), decoded.escape)};
}

} // namespace

head_verdict session_api::judge(const http_request& request) noexcept try {
    head_verdict verdict;
    verdict.is_trusted = bears_token(request.authorization, parts_.opts.token);
    verdict.refusal = read(request).refusal;
    if (verdict.refusal)
        verdict.refusal = counted(*std::move(verdict.refusal));
    return verdict;
} catch (const std::exception& e) {
    return {false, failed(request, e)};
}

http_answer session_api::answer(const http_request& request) noexcept try {
    reading what = read(request);
    return counted(what.refusal ? *std::move(what.refusal)
                                : done(what.rule->what, what.name, request));
} catch (const std::exception& e) {
    return failed(request, e);
}

http_answer session_api::counted(http_answer answer) {
    const std::size_t status_class = answer.status / 100;
    if (status_class < parts_.numbers.api_answers.size())
        metrics::add(parts_.numbers.api_answers[status_class]);
    return answer;
}

http_answer session_api::failed(const http_request& request, const std::exception& why) {
    // Out of memory, at worst; the next request may fare better.
    parts_.log.error("{} {}: {}", request.method, request.path, why.what());
    http_answer answer;
    answer.status = 500;
    return answer;
}

/// The order of the checks is part of the API (README.md).
session_api::reading session_api::read(const http_request& request) const {
    const auto refused = [](const api_error& why) { return reading{nullptr, {}, answer_of(why)}; };
    std::string_view path = request.path;
    // The platform's other name for the same API.
    constexpr std::string_view hermes = "/hermes";
    if (path.starts_with("/hermes/api/sessions/"))
        path.remove_prefix(hermes.size());
    const path_rule* rule = nullptr;
    std::string_view segment;
    std::string allowed;
    for (const path_rule& r : path_rules) {
        const auto fit = matched(r.pattern, path);
        if (!fit || (rule != nullptr && r.pattern != rule->pattern))
            continue;
        if (rule == nullptr || r.takes(request.method))
            rule = &r;
        segment = *fit;
        allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ",
                               r.method == "GET" ? "GET, HEAD" : r.method);
    }
    // Who has no token does not learn which paths there are.
    if ((rule == nullptr || !rule->is_open) &&
        !bears_token(request.authorization, parts_.opts.token))
        return refused(unauthorized(!request.authorization.empty()));
    if (rule == nullptr)
        return refused(
            {404, "not_found", fmt::format("there is nothing at {}", shown(request.path))});
    if (!rule->takes(request.method))
        return refused({405,
                        "method_not_allowed",
                        fmt::format("{} is not for {}; use {}", shown(request.method),
                                    shown(request.path), allowed),
                        {},
                        {{"Allow", allowed}}});
    if (request.is_body_too_large)
        return refused(
            {413, "body_too_large",
             fmt::format("the body has more than {} bytes", parts_.opts.body_bytes_max)});
    percent_decoding name = percent_decoded(segment);
    if (name.wrong != percent_decoding::fault::none)
        return refused(bad_path(segment, name));
    if (rule->method != "GET" && request.has_body)
        if (const auto why = refused_type(request.content_type))
            return refused(*why);
    return {rule, std::move(name.text), std::nullopt};
}

http_answer session_api::done(endpoint what, const std::string& name, const http_request& request) {
    const bool takes_no_fields = what == endpoint::keep_alive || what == endpoint::deactivate ||
                                 what == endpoint::revoke_links || what == endpoint::wake;
    if (takes_no_fields)
        if (const auto none = read_fields(request.body, request.content_type, {}); !none)
            return answer_of(none.error());
    switch (what) {
    case endpoint::activate:
        return activate(request);
    case endpoint::of_client: {
        const auto found = parts_.store.of_client(name);
        if (!found)
            return answer_of(found.error());
        json list = json::array();
        for (const sync::session& record : *found)
            list.push_back(summary_of(record));
        return json_answer(200, list);
    }
    case endpoint::status: {
        const auto found = parts_.store.get(name);
        return found ? json_answer(200, status_of(*found)) : answer_of(found.error());
    }
    case endpoint::keep_alive: {
        const auto kept = parts_.store.keep_alive(name);
        return kept ? json_answer(200, {{"ttl", kept->ttl_ms / 1000}}) : answer_of(kept.error());
    }
    case endpoint::deactivate: {
        const auto ended = parts_.store.deactivate(name);
        if (!ended)
            return answer_of(ended.error());
        return json_answer(200,
                           {{"status", name_of(ended->status)}, {"productionBuildId", nullptr}});
    }
    case endpoint::make_link:
        return make_link(name, request);
    case endpoint::revoke_links: {
        const auto revoked = parts_.store.revoke_links(name);
        if (!revoked)
            return answer_of(revoked.error());
        wait_until_routed(*revoked);
        return json_answer(200, {{"sessionId", revoked->session_id}});
    }
    case endpoint::wake: {
        const auto woken = parts_.store.wake(name);
        if (!woken)
            return answer_of(woken.error());
        wait_until_routed(woken->record);
        return json_answer(woken->what == activated::how::restarted ? 202 : 200,
                           activated_of(woken->record));
    }
    case endpoint::health:
        return json_answer(200, {{"status", "ok"}});
    case endpoint::readiness:
        return ready();
    case endpoint::metrics: {
        http_answer text;
        text.content_type = "text/plain; version=0.0.4; charset=utf-8";
        text.body = prometheus_text(parts_.numbers, parts_.reader, parts_.time);
        return text;
    }
    }
    return answer_of({404, "not_found", "there is nothing here"});
}

http_answer session_api::activate(const http_request& request) {
    const auto wanted = read_fields(request.body, request.content_type, activate_fields);
    if (!wanted)
        return answer_of(wanted.error());
    const auto result = parts_.store.activate(*wanted);
    if (!result)
        return answer_of(result.error());
    wait_until_routed(result->record);
    const bool is_new = result->what == activated::how::made;
    const bool is_again = result->what == activated::how::restarted;
    http_answer answer = json_answer(is_new     ? 201
                                     : is_again ? 202
                                                : 200,
                                     activated_of(result->record));
    if (is_new)
        answer.headers.emplace_back("Location",
                                    fmt::format("/api/sessions/{}/status",
                                                base::percent_encoded(result->record.session_id)));
    return answer;
}

} // namespace postern::control
