// One HTTP exchange as plain values: what the server hands to the API and gets back.
#pragma once

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
    bool is_body_too_large = false; // then `body` is empty
};

struct http_answer {
    unsigned status = 200;
    std::string content_type = "application/json";
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
};

} // namespace postern::control
