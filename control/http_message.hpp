// One HTTP exchange as plain values: what the server hands to the API and gets back.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace postern::control {

struct http_request {
    std::string method;
    std::string path; // as sent: percent-encoded, without the query
    std::string authorization;
    std::string content_type;
    std::string body;
    bool has_body = false;          // the head says its length, and that is not 0
    bool is_body_too_large = false; // then `body` is empty
};

struct http_answer {
    unsigned status = 200;
    std::string content_type = "application/json";
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
};

/// What a head alone tells, before any of its body is read.
struct head_verdict {
    bool is_trusted = false;            // it bears a good token
    std::optional<http_answer> refusal; // the whole answer, where the head is enough to say no
};

/// Whoever answers requests. Both are called by several threads at once, and must not throw.
struct http_service {
    /// Asked first, with an empty body. A request that is refused here goes no further; one that is
    /// not trusted is answered without its body, should it promise one.
    std::function<head_verdict(const http_request&)> judge;
    std::function<http_answer(const http_request&)> answer;
};

} // namespace postern::control
