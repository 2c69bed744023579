#include "sync/aws/instance_metadata.hpp"

#include "base/percent.hpp"
#include "sync/aws/credential_document.hpp"
#include "sync/aws/endpoint.hpp"
#include "sync/aws/json.hpp"

#include <fmt/format.h>

namespace postern::sync::aws {
namespace {

// On an instance it answers within a millisecond; elsewhere nobody does.
constexpr std::chrono::milliseconds answer_within{1'000};
constexpr std::string_view roles = "iam/security-credentials/";
constexpr std::chrono::minutes holds_at_least{10};

} // namespace

base::result<std::string> instance_metadata::origin() const {
    if (is_true(parts_.env, "AWS_EC2_METADATA_DISABLED"))
        return nothing_here("AWS_EC2_METADATA_DISABLED is true");
    const auto said = parts_.env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    if (!said)
        return parts_.env("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE") == "IPv6"
                   ? std::string{"http://[fd00:ec2::254]"}
                   : std::string{"http://169.254.169.254"};
    const auto place = endpoint::parse(*said);
    if (!place)
        return unusable("AWS_EC2_METADATA_SERVICE_ENDPOINT: " + place.error().what);
    return place->origin;
}

base::result<std::string> instance_metadata::token(const std::string& at,
                                                   const std::stop_token& stop) {
    http_request request;
    request.method = "PUT";
    request.url = at + "/latest/api/token";
    request.headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}};
    request.timeout = request.connect_timeout = answer_within;
    auto answer = fetch(parts_.http, request, stop);
    if (!answer && answer.error().code == aws_error::cancelled)
        return answer.error();
    if (!answer)
        return nothing_here(fmt::format("no answer ({}); this is no EC2 instance, or a container "
                                        "on one whose hop limit for metadata is 1",
                                        answer.error().what));
    if (answer->status == 403)
        return base::failure{aws_error::denied, "the instance's metadata is turned off"};
    if (answer->status != 200 || answer->body.empty() || answer->body.size() > 4'096)
        return nothing_here(
            fmt::format("{} answers a request for a token with status {}", at, answer->status));
    return std::move(answer->body);
}

base::result<std::string> instance_metadata::get(std::string_view path,
                                                 const std::stop_token& stop) {
    const auto at = origin();
    if (!at)
        return at.error();
    auto may_ask = token(*at, stop);
    if (!may_ask)
        return may_ask.error();
    http_request request;
    request.url = fmt::format("{}/latest/meta-data/{}", *at, path);
    request.headers = {{"X-aws-ec2-metadata-token", std::move(*may_ask)}};
    request.timeout = request.connect_timeout = answer_within;
    auto answer = fetch(parts_.http, request, stop);
    if (!answer)
        return answer.error();
    if (answer->status == 404)
        return base::failure{aws_error::not_found, fmt::format("{} has no {}", *at, path)};
    if (answer->status != 200)
        return base::failure{
            answer->status >= 500 ? aws_error::down : aws_error::denied,
            fmt::format("{} answers for {} with status {}", *at, path, answer->status)};
    return std::move(answer->body);
}

base::result<std::string> instance_metadata::region(const std::stop_token& stop) {
    auto found = get("placement/region", stop);
    if (found)
        found->erase(found->find_last_not_of(" \r\n") + 1);
    return found;
}

base::result<credentials> instance_credentials::find(const std::stop_token& stop) {
    const auto list = metadata_.get(roles, stop);
    if (!list)
        return list.error().code == aws_error::not_found ? nothing_here("the instance has no role")
                                                         : list.error();
    const std::string role = list->substr(0, list->find_first_of("\r\n"));
    if (role.empty())
        return nothing_here("the instance has no role");
    const auto document = metadata_.get(std::string{roles} + base::percent_encoded(role), stop);
    if (!document)
        return document.error();
    if (const auto parsed = parse_json(*document))
        if (const std::string code = string_at(*parsed, "Code"); !code.empty() && code != "Success")
            return base::failure{aws_error::denied,
                                 fmt::format("the role {}: {}: {}", role, code.substr(0, 100),
                                             string_at(*parsed, "Message").substr(0, 500))};
    auto found = credentials_of_document(*document, name());
    if (found && found->expires_at)
        found->expires_at =
            std::max(*found->expires_at, metadata_.parts().time.wall() + holds_at_least);
    return found;
}

} // namespace postern::sync::aws
