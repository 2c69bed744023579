#include "sync/aws/credential_provider.hpp"

namespace postern::sync::aws {

base::result<http_answer> fetch(http_transport& http, const http_request& request,
                                const std::stop_token& stop) {
    auto answer = http.send(request, stop);
    const bool may_pass = answer ? answer->status >= 500 : answer.error().code == aws_error::down;
    return may_pass && !stop.stop_requested() ? http.send(request, stop) : answer;
}

} // namespace postern::sync::aws
