#include "sync/aws/container_credentials.hpp"

#include "base/file.hpp"
#include "sync/aws/credential_document.hpp"
#include "sync/aws/endpoint.hpp"
#include "sync/aws/json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace postern::sync::aws {
namespace {

constexpr std::string_view task_origin = "http://169.254.170.2";
// ECS, and EKS Pod Identity by IPv4 and IPv6.
constexpr std::array<std::string_view, 3> plain_hosts{"169.254.170.2", "169.254.170.23",
                                                      "fd00:ec2::23"};
constexpr std::size_t token_bytes_max = 64 * 1024;

base::result<std::string> full_url(const std::string& uri) {
    const std::string variable = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    const std::size_t scheme = uri.find("://");
    const std::size_t path =
        scheme == std::string::npos ? scheme : uri.find_first_of("/?#", scheme + 3);
    const auto origin = endpoint::parse(uri.substr(0, path));
    if (scheme == std::string::npos || !origin)
        return unusable(fmt::format("{} is no http or https URL", variable));
    const bool is_allowed =
        !origin->is_plain() || origin->is_loopback() ||
        std::find(plain_hosts.begin(), plain_hosts.end(), origin->host_name()) != plain_hosts.end();
    if (!is_allowed)
        return unusable(fmt::format(
            "{} is http to {}; right would be https, or http to this host, 169.254.170.2, "
            "169.254.170.23 or [fd00:ec2::23]",
            variable, origin->host));
    return origin->origin + (path == std::string::npos ? "/" : uri.substr(path));
}

base::result<std::string> authorization_of(const environment& env) {
    const auto file = env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    if (!file)
        return env("AWS_CONTAINER_AUTHORIZATION_TOKEN").value_or("");
    auto token = base::read_file(*file, token_bytes_max);
    if (!token)
        return unusable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: " + token.error().text());
    token->erase(token->find_last_not_of(" \t\r\n") + 1);
    if (token->empty())
        return unusable(fmt::format("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: {} is empty", *file));
    return *token;
}

} // namespace

base::result<credentials> container_credentials::find(const std::stop_token& stop) {
    http_request request;
    if (const auto relative = parts_.env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")) {
        if (!relative->starts_with('/'))
            return unusable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with /");
        request.url = std::string{task_origin} + *relative;
    } else if (const auto full = parts_.env("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
        auto url = full_url(*full);
        if (!url)
            return url.error();
        request.url = std::move(*url);
    } else {
        return nothing_here("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and ..._FULL_URI are not set");
    }
    auto authorization = authorization_of(parts_.env);
    if (!authorization)
        return authorization.error();
    request.headers = {{"Accept", "application/json"}};
    if (!authorization->empty())
        request.headers.push_back({"Authorization", std::move(*authorization)});
    request.timeout = std::chrono::milliseconds{2'000};
    const auto answer = fetch(parts_.http, request, stop);
    if (!answer)
        return answer.error();
    if (answer->status != 200) {
        const auto said = parse_json(answer->body);
        const std::string message = said ? string_at(*said, "message") : std::string{};
        return base::failure{answer->status >= 500 ? aws_error::down : aws_error::denied,
                             fmt::format("status {}{}{}", answer->status,
                                         message.empty() ? "" : ": ", message.substr(0, 500))};
    }
    return credentials_of_document(answer->body, name());
}

} // namespace postern::sync::aws
