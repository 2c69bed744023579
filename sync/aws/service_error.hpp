// What a service's "no" means: from status, headers and body to an error and what to do about it.
#pragma once

#include "sync/aws/aws_error.hpp"
#include "sync/aws/http_transport.hpp"
#include "sync/aws/json.hpp"
#include "sync/aws/retry.hpp"

#include <string>
#include <string_view>

namespace postern::sync::aws {

/// What may help against an error before it counts as one.
enum class remedy {
    none,
    correct_clock,     // sign again by the service's clock
    renew_credentials, // get others and sign again
};

struct service_error {
    aws_error code = aws_error::refused;
    retry_kind retry = retry_kind::never;
    remedy help = remedy::none;
    std::string name;    // "ResourceNotFoundException"; empty where the answer names none
    std::string message; // the service's words, or the beginning of an answer without any
    json details;        // the whole body, e.g. with Item or CancellationReasons; null: not JSON
};

/// Source: DynamoDB developer guide, "Error handling"; Streams API reference. Requires: a status
/// that is not 200.
[[nodiscard]] service_error read_service_error(unsigned status, const http_headers& headers,
                                               std::string_view body);

/// The part of `name` that names the error: behind '#', before ':'.
[[nodiscard]] std::string_view bare_error_name(std::string_view name) noexcept;

} // namespace postern::sync::aws
