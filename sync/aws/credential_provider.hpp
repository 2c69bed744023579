// One place where credentials may be found.
#pragma once

#include "base/error.hpp"
#include "sync/aws/aws_error.hpp"
#include "sync/aws/credentials.hpp"
#include "sync/aws/environment.hpp"
#include "sync/aws/http_transport.hpp"

#include <stop_token>
#include <string>
#include <string_view>

namespace postern::sync::aws {

/// Not thread-safe by itself: the chain asks one at a time.
class credential_provider {
  public:
    virtual ~credential_provider() = default;

    /// For sentences: "environment", "instance metadata".
    [[nodiscard]] virtual std::string_view name() const noexcept = 0;
    /// Looks anew. Errors: no_credentials: there is nothing here, the next place may have some;
    /// any other: something is set up here and does not work, so nobody else is taken for it.
    [[nodiscard]] virtual base::result<credentials> find(const std::stop_token& stop) = 0;
};

/// What providers look at. All outlive them.
struct provider_parts {
    const environment& env;
    http_transport& http;
    const base::clock& time;
};

/// "There is nothing here", with why.
[[nodiscard]] inline base::failure nothing_here(std::string why) {
    return {aws_error::no_credentials, std::move(why)};
}
/// "Something is set up and cannot be used."
[[nodiscard]] inline base::failure unusable(std::string why) {
    return {aws_error::misconfigured, std::move(why)};
}

/// One exchange, and a second one where the first did not come through or got a 5xx: these answer
/// within milliseconds or not at all. Errors: the transport's.
[[nodiscard]] base::result<http_answer> fetch(http_transport& http, const http_request& request,
                                              const std::stop_token& stop);

} // namespace postern::sync::aws
