// AWS Signature Version 4. Pure: what to sign comes in, headers come out. Source: AWS, "Create a
// signed AWS API request" (IAM User Guide, reference_sigv-create-signed-request).
#pragma once

#include "base/clock.hpp"
#include "sync/aws/credentials.hpp"
#include "sync/aws/http_transport.hpp"

#include <string>
#include <string_view>

namespace postern::sync::aws {

/// How the service counts a path: all but S3 normalise it and escape it once more.
enum class sigv4_path { normalised, as_sent };

/// Views outlive the call.
struct sigv4_request {
    std::string_view method;     // "POST"
    std::string_view host;       // as the Host header has it, with a port that is not the scheme's
    std::string_view path;       // as sent: percent-encoded, begins with '/'; empty: "/"
    std::string_view query{};    // as sent, without '?'; names and values percent-encoded
    const http_headers& headers; // to be sent; all are signed but those that a proxy may change
    std::string_view payload_sha256; // in hex, or "UNSIGNED-PAYLOAD" where the service takes that
    sigv4_path path_form = sigv4_path::normalised;
};

/// Where a signature holds: "us-east-1", "dynamodb".
struct sigv4_scope {
    std::string_view region;
    std::string_view service;
};

/// The headers to be sent besides `request.headers`: X-Amz-Date, X-Amz-Security-Token where there
/// is one, Authorization. S3 also wants x-amz-content-sha256, which the caller puts into
/// `request.headers`. Requires: none of these and no Host among `request.headers`.
[[nodiscard]] http_headers sign(const sigv4_request& request, const sigv4_scope& scope,
                                const credentials& by, base::wall_time now);

/// SHA-256 in small hexadecimal digits.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

} // namespace postern::sync::aws
