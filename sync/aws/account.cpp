#include "sync/aws/account.hpp"

#include "sync/aws/container_credentials.hpp"
#include "sync/aws/curl_transport.hpp"
#include "sync/aws/environment_credentials.hpp"
#include "sync/aws/instance_metadata.hpp"
#include "sync/aws/profile_credentials.hpp"
#include "sync/aws/region.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace postern::sync::aws {
namespace {

/// What is said of one service's endpoint, the first goes; nothing: AWS's own.
std::optional<std::string> endpoint_said(const std::string& own, const environment& env,
                                         const std::string& variable, const profile* of) {
    if (!own.empty())
        return own;
    if (is_true(env, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"))
        return std::nullopt;
    for (const std::string& name : {variable, std::string{"AWS_ENDPOINT_URL"}})
        if (auto value = env(name))
            return value;
    return of == nullptr ? std::nullopt : setting(*of, "endpoint_url");
}

base::result<endpoint> endpoint_of(const std::optional<std::string>& said,
                                   std::string_view aws_prefix, std::string_view region) {
    return said ? endpoint::parse(*said) : aws_endpoint(aws_prefix, region);
}

std::vector<std::unique_ptr<credential_provider>>
providers_of(const provider_parts& parts, const account_options& options, const sts_place& sts) {
    std::vector<std::unique_ptr<credential_provider>> chain;
    const bool is_told = !options.profile.empty();
    const auto from_env = parts.env("AWS_PROFILE");
    if (!is_told) {
        chain.push_back(std::make_unique<environment_credentials>(parts.env));
        chain.push_back(std::make_unique<web_identity_credentials>(parts, sts));
    }
    chain.push_back(std::make_unique<profile_credentials>(
        parts, sts, is_told ? options.profile : from_env.value_or("default"),
        is_told || from_env.has_value()));
    chain.push_back(std::make_unique<container_credentials>(parts));
    chain.push_back(std::make_unique<instance_credentials>(parts));
    return chain;
}

} // namespace

account::account(environment env, const base::clock& time, std::unique_ptr<http_transport> http)
    : env_{std::move(env)}, http_{std::move(http)}, time_{time} {}

double account::random() {
    const std::scoped_lock lock{random_mutex_};
    return std::uniform_real_distribution<double>{}(random_);
}

std::unique_ptr<client> account::calls_within(std::chrono::milliseconds longest, base::log& log) {
    client_options calls = client_->options();
    for (auto* const bound : {&calls.connect_timeout, &calls.attempt_timeout, &calls.call_timeout})
        *bound = std::min(*bound, longest);
    return std::make_unique<client>(
        std::move(calls),
        client_parts{*http_, *chain_, time_, pause_, [this] { return random(); }, log});
}

base::result<std::unique_ptr<account>> account::open(account_options options, environment env,
                                                     const base::clock& time, base::log& log,
                                                     std::unique_ptr<http_transport> http,
                                                     const std::stop_token& stop) {
    if (!http)
        http = std::make_unique<curl_transport>(curl_options{.ca_file = options.ca_file});
    std::unique_ptr<account> made{new account{std::move(env), time, std::move(http)}};
    account& a = *made;
    const auto files = shared_config::load(a.env_);
    if (!files)
        return files.error();
    const std::string profile_name =
        !options.profile.empty() ? options.profile : a.env_("AWS_PROFILE").value_or("default");
    const profile* const of = files->find(profile_name);

    client_options calls = std::move(options.client);
    instance_metadata instance{a.parts()};
    auto region = find_region(options.region, a.env_, of, instance, stop);
    if (!region)
        return region.error();
    calls.region = std::move(*region);
    const auto dynamodb =
        endpoint_of(endpoint_said(options.endpoint, a.env_, "AWS_ENDPOINT_URL_DYNAMODB", of),
                    "dynamodb", calls.region);
    if (!dynamodb)
        return dynamodb.error();
    const auto streams =
        endpoint_of(endpoint_said(options.streams_endpoint.empty() ? options.endpoint
                                                                   : options.streams_endpoint,
                                  a.env_, "AWS_ENDPOINT_URL_DYNAMODB_STREAMS", of),
                    "streams.dynamodb", calls.region);
    if (!streams)
        return streams.error();
    calls.endpoints = {*dynamodb, *streams};
    for (const endpoint& e : calls.endpoints)
        if (e.is_plain() && !e.is_loopback())
            log.warn("aws: {} is not encrypted", e.origin);

    const auto random = [&a] { return a.random(); };
    a.chain_ = std::make_unique<credential_chain>(
        providers_of(a.parts(), options,
                     {calls.region, a.env_("AWS_ENDPOINT_URL_STS").value_or("")}),
        a.time_, random, log);
    a.client_ = std::make_unique<client>(
        std::move(calls), client_parts{*a.http_, *a.chain_, a.time_, a.pause_, random, log});
    return made;
}

} // namespace postern::sync::aws
