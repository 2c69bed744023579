// Where a service is: an origin of its own, or AWS's for a region.
#pragma once

#include "base/error.hpp"

#include <string>
#include <string_view>

namespace postern::sync::aws {

/// An https or http origin, without path.
struct endpoint {
    std::string origin; // "https://dynamodb.us-east-1.amazonaws.com", "http://127.0.0.1:8000"
    std::string host;   // as the Host header has it: with a port that is not the scheme's

    /// http only where the text says so, https where it names no scheme. Errors: misconfigured with
    /// a sentence, for another scheme, a name and password, a path, a query.
    [[nodiscard]] static base::result<endpoint> parse(std::string_view text);
    [[nodiscard]] bool is_plain() const noexcept { return origin.starts_with("http://"); }
    /// localhost, 127.0.0.0/8 or ::1.
    [[nodiscard]] bool is_loopback() const;
    /// Without port and brackets.
    [[nodiscard]] std::string_view host_name() const noexcept;
    bool operator==(const endpoint&) const = default;
};

/// "PREFIX.REGION.amazonaws.com", of China's regions "amazonaws.com.cn". Other partitions name
/// their endpoint. Errors: misconfigured, where `region` is none: small letters, digits, hyphens.
[[nodiscard]] base::result<endpoint> aws_endpoint(std::string_view prefix, std::string_view region);

} // namespace postern::sync::aws
