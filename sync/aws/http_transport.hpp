// One HTTP exchange: what the AWS parts need of HTTP, so that tests put in their own.
#pragma once

#include "base/error.hpp"

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace postern::sync::aws {

struct http_header {
    std::string name;
    std::string value;
    bool operator==(const http_header&) const = default;
};
using http_headers = std::vector<http_header>;

/// The first value under this name, whatever its case.
[[nodiscard]] std::optional<std::string_view> find_header(const http_headers& in,
                                                          std::string_view name) noexcept;

struct http_request {
    std::string method = "GET";
    std::string url; // whole, with its path percent-encoded; sent as it is
    http_headers headers;
    std::string_view body; // outlives the exchange
    std::chrono::milliseconds connect_timeout{1'000};
    std::chrono::milliseconds timeout{5'000}; // all of it, connecting too
    std::size_t answer_bytes_max = 64 * 1024; // of the answer's body
};

struct http_answer {
    unsigned status = 0;
    http_headers headers; // of the last answer, without those of a 1xx
    std::string body;     // bytes as they came: no content coding is undone
};

/// Requires of an implementation: thread-safe; blocks for at most the request's timeout, and not
/// noticeably longer than until `stop` is set; follows no redirect.
class http_transport {
  public:
    virtual ~http_transport() = default;

    /// Any status is a value. Errors: down, untrusted, too_large, garbage, misconfigured (a URL or
    /// header that cannot be sent), cancelled. Sentences name scheme and host, never path, query or
    /// headers: those can hold secrets.
    [[nodiscard]] virtual base::result<http_answer> send(const http_request& request,
                                                         const std::stop_token& stop) = 0;
};

} // namespace postern::sync::aws
