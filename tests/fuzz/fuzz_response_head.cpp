// Whatever bytes an upstream sends: no crash, and what is accepted goes to the client in a form
// that means the same.
#include "base/check.hpp"
#include "edge/http/response_head.hpp"
#include "edge/request/rewrite.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace {

using namespace postern::edge;

constexpr head_limits wide{.bytes_max = 1 << 20, .fields_max = 1000};

void check_written(const response_head& head, enum method to) {
    const response_rewrite how{.prefix = "/session/a", .upstream_origin = "http://localhost:4321"};
    std::string sent;
    const body_to_client body = write_response_head(sent, head, to, how);
    response_head again;
    const read_outcome outcome = read_response_head(sent, wide, to, again);
    POSTERN_CHECK(outcome.state == read_state::done && again.head_bytes == sent.size());
    POSTERN_CHECK(again.status == head.status);
    POSTERN_CHECK(value_of(again.fields, known::x_postern).empty());
    switch (body) {
    case body_to_client::none:
        POSTERN_CHECK(again.framing == body_framing::none);
        break;
    case body_to_client::length:
        POSTERN_CHECK(again.framing == body_framing::length &&
                      again.content_length == head.content_length);
        break;
    case body_to_client::chunked:
        POSTERN_CHECK(again.framing == body_framing::chunked);
        break;
    case body_to_client::until_close:
        POSTERN_CHECK(false); // never to HTTP/1.1
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0)
        return 0;
    // The first byte chooses the request that is answered.
    const enum method to = data[0] % 2 == 0 ? method::get : method::head;
    const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    response_head head;
    const read_outcome outcome = read_response_head(bytes, {}, to, head);
    if (outcome.state == read_state::bad)
        POSTERN_CHECK(outcome.status == 502 && *outcome.reason != 0);
    if (outcome.state != read_state::done)
        return 0;
    POSTERN_CHECK(head.head_bytes <= bytes.size());
    POSTERN_CHECK(head.status >= 100 && head.status <= 599);
    check_written(head, to);
    return 0;
}
