#include "sync/aws/sts.hpp"

#include "base/file.hpp"
#include "base/percent.hpp"
#include "sync/aws/credential_document.hpp"
#include "sync/aws/endpoint.hpp"
#include "sync/aws/service_error.hpp"
#include "sync/aws/sigv4.hpp"

#include <fmt/format.h>

#include <array>

namespace postern::sync::aws {
namespace {

constexpr std::size_t token_bytes_max = 64 * 1024;
constexpr std::string_view content_type = "application/x-www-form-urlencoded; charset=utf-8";

std::string form_of(std::string_view action, const role_wish& wish) {
    std::string form =
        fmt::format("Action={}&Version=2011-06-15&RoleArn={}&RoleSessionName={}&DurationSeconds={}",
                    action, base::percent_encoded(wish.role_arn),
                    base::percent_encoded(wish.session_name), wish.duration_s);
    if (!wish.external_id.empty())
        form += "&ExternalId=" + base::percent_encoded(wish.external_id);
    return form;
}

base::result<endpoint> endpoint_of(const sts_place& place, std::string_view region) {
    return place.endpoint.empty() ? aws_endpoint("sts", region) : endpoint::parse(place.endpoint);
}

base::result<credentials> credentials_of(const http_answer& answer, const role_wish& wish) {
    if (answer.status != 200) {
        const std::string code = xml_text(answer.body, "Code");
        http_headers as_header;
        if (!code.empty())
            as_header.push_back({"x-amzn-errortype", code});
        const service_error error = read_service_error(answer.status, as_header, {});
        return base::failure{error.code == aws_error::no_credentials ? aws_error::refused
                                                                     : error.code,
                             fmt::format("STS, for {}: status {}{}{}: {}", wish.role_arn,
                                         answer.status, code.empty() ? "" : ", ", code,
                                         xml_text(answer.body, "Message").substr(0, 500))};
    }
    credentials found{xml_text(answer.body, "AccessKeyId"),
                      xml_text(answer.body, "SecretAccessKey"),
                      xml_text(answer.body, "SessionToken"),
                      iso_time_of(xml_text(answer.body, "Expiration")), "role " + wish.role_arn};
    if (found.access_key_id.empty() || found.secret_access_key.empty() ||
        found.session_token.empty() || !found.expires_at)
        return base::failure{aws_error::garbage,
                             fmt::format("STS, for {}: an answer of {} bytes without credentials",
                                         wish.role_arn, answer.body.size())};
    return found;
}

/// `by`: null for a call that is not signed.
base::result<credentials> ask(const provider_parts& parts, const sts_place& place,
                              const role_wish& wish, const std::string& form, const credentials* by,
                              const std::stop_token& stop) {
    const std::string region = place.region.empty() ? "us-east-1" : place.region;
    const auto to = endpoint_of(place, region);
    if (!to)
        return to.error();
    http_request request;
    request.method = "POST";
    request.url = to->origin + "/";
    request.body = form;
    request.headers = {{"Content-Type", std::string{content_type}}};
    if (by != nullptr) {
        const std::string sum = sha256_hex(form);
        for (http_header& h : sign({.method = request.method,
                              .host = to->host,
                              .path = "/",
                              .headers = request.headers,
                              .payload_sha256 = sum},
                                   {region, "sts"}, *by, parts.time.wall()))
            request.headers.push_back(std::move(h));
    }
    const auto answer = fetch(parts.http, request, stop);
    if (!answer)
        return answer.error();
    return credentials_of(*answer, wish);
}

struct entity {
    std::string_view text;
    char character;
};
constexpr std::array entities{entity{"&amp;", '&'}, entity{"&lt;", '<'}, entity{"&gt;", '>'},
                              entity{"&quot;", '"'}, entity{"&apos;", '\''}};

} // namespace

std::string xml_text(std::string_view xml, std::string_view name) {
    const std::string open = fmt::format("<{}>", name), close = fmt::format("</{}>", name);
    const std::size_t from = xml.find(open);
    if (from == std::string_view::npos)
        return {};
    std::string_view inner = xml.substr(from + open.size());
    inner = inner.substr(0, inner.find('<'));
    if (!xml.substr(from + open.size() + inner.size()).starts_with(close))
        return {};
    std::string text;
    while (!inner.empty()) {
        const auto* const known =
            std::find_if(entities.begin(), entities.end(),
                         [&](const entity& e) { return inner.starts_with(e.text); });
        text += known == entities.end() ? inner[0] : known->character;
        inner.remove_prefix(known == entities.end() ? 1 : known->text.size());
    }
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (first == std::string::npos)
        return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

base::result<credentials> assume_role(const provider_parts& parts, const sts_place& place,
                                      const role_wish& wish, const credentials& by,
                                      const std::stop_token& stop) {
    return ask(parts, place, wish, form_of("AssumeRole", wish), &by, stop);
}

base::result<credentials> assume_role_with_web_identity(const provider_parts& parts,
                                                        const sts_place& place,
                                                        const role_wish& wish,
                                                        const std::string& token_file,
                                                        const std::stop_token& stop) {
    const auto token = base::read_file(token_file, token_bytes_max);
    if (!token)
        return unusable("the web identity token: " + token.error().text());
    std::string_view bare = *token;
    bare = bare.substr(0, bare.find_last_not_of(" \t\r\n") + 1);
    if (bare.empty())
        return unusable(fmt::format("the web identity token: {} is empty", token_file));
    return ask(parts, place, wish,
               form_of("AssumeRoleWithWebIdentity", wish) +
                   "&WebIdentityToken=" + base::percent_encoded(bare),
               nullptr, stop);
}

} // namespace postern::sync::aws
