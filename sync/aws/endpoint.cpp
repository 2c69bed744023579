#include "sync/aws/endpoint.hpp"

#include "base/ip_endpoint.hpp"
#include "sync/aws/aws_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace postern::sync::aws {
namespace {

constexpr std::size_t region_bytes_max = 32;

bool is_host_name(std::string_view text) {
    const bool is_bracketed = text.starts_with('[') && text.ends_with(']');
    if (is_bracketed)
        return base::ip_address::parse(text.substr(1, text.size() - 2)).has_value();
    return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.' || c == '_';
    });
}

base::failure wrong(std::string_view text, std::string_view why) {
    return {aws_error::misconfigured,
            fmt::format("\"{}\" is no endpoint: {}; right would be https://HOST or "
                        "http://HOST:PORT",
                        text, why)};
}

} // namespace

base::result<endpoint> endpoint::parse(std::string_view text) {
    std::string_view rest = text;
    const std::size_t colon = rest.find("://");
    const std::string_view scheme =
        colon == std::string_view::npos ? std::string_view{"https"} : rest.substr(0, colon);
    if (scheme != "https" && scheme != "http")
        return wrong(text, "its scheme is neither https nor http");
    if (colon != std::string_view::npos)
        rest.remove_prefix(colon + 3);
    if (rest.ends_with('/'))
        rest.remove_suffix(1);
    if (rest.find('@') != std::string_view::npos)
        return wrong("...@...", "it holds a name or password");
    if (rest.find_first_of("/?#") != std::string_view::npos)
        return wrong(text, "it has a path or a query");

    std::string_view name = rest;
    const std::size_t bracket = rest.rfind(']');
    const std::size_t at = rest.rfind(':');
    unsigned port = scheme == "https" ? 443 : 80;
    if (at != std::string_view::npos && (bracket == std::string_view::npos || at > bracket)) {
        name = rest.substr(0, at);
        const std::string_view digits = rest.substr(at + 1);
        const auto [end, problem] =
            std::from_chars(digits.data(), digits.data() + digits.size(), port);
        if (problem != std::errc{} || end != digits.data() + digits.size() || port == 0 ||
            port > 65'535)
            return wrong(text, "its port is none of 1 to 65535");
    }
    if (!is_host_name(name))
        return wrong(text, "it names no host");
    const bool is_usual = port == (scheme == "https" ? 443U : 80U);
    const std::string host = is_usual ? std::string{name} : fmt::format("{}:{}", name, port);
    return endpoint{fmt::format("{}://{}", scheme, host), host};
}

std::string_view endpoint::host_name() const noexcept {
    if (host.starts_with('['))
        return std::string_view{host}.substr(1, host.find(']') - 1);
    return std::string_view{host}.substr(0, host.find(':'));
}

bool endpoint::is_loopback() const {
    const std::string_view name = host_name();
    if (name == "localhost")
        return true;
    const auto address = base::ip_address::parse(name);
    return address && (base::ip_network::parse("127.0.0.0/8")->contains(*address) ||
                       *address == *base::ip_address::parse("::1"));
}

base::result<endpoint> aws_endpoint(std::string_view prefix, std::string_view region) {
    const bool is_region = !region.empty() && region.size() <= region_bytes_max &&
                           std::all_of(region.begin(), region.end(), [](char c) {
                               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                           });
    if (!is_region)
        return base::failure{
            aws_error::misconfigured,
            fmt::format("\"{}\" is no AWS region; right would be one like us-east-1", region)};
    return endpoint::parse(fmt::format("https://{}.{}.amazonaws.com{}", prefix, region,
                                       region.starts_with("cn-") ? ".cn" : ""));
}

} // namespace postern::sync::aws
