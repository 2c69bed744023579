// Whatever bytes a client sends: no crash, no read outside the buffer, and what is accepted is
// unambiguous: the form that is sent on is accepted again and means the same.
#include "base/check.hpp"
#include "edge/http/request_head.hpp"
#include "edge/request/decide.hpp"
#include "edge/request/locate.hpp"
#include "edge/request/rewrite.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

using namespace postern::edge;

bool inside(std::string_view part, std::string_view whole) {
    return part.empty() || part == "/" || part == "*" ||
           (part.data() >= whole.data() &&
            part.data() + part.size() <= whole.data() + whole.size());
}

void check_views(const request_head& head, std::string_view bytes) {
    POSTERN_CHECK(head.head_bytes <= bytes.size());
    for (const std::string_view view :
         {head.target, head.path, head.query, head.host, head.method_text})
        POSTERN_CHECK(inside(view, bytes));
    for (const field& f : head.fields) {
        POSTERN_CHECK(inside(f.name, bytes) && inside(f.value, bytes) && !f.name.empty());
        POSTERN_CHECK(f.value.find_first_of(std::string_view{"\r\n\0", 3}) ==
                      std::string_view::npos);
    }
    POSTERN_CHECK(!(head.chunked && head.content_length));
    POSTERN_CHECK(head.path.starts_with('/') || head.path == "*");
    POSTERN_CHECK(head.host.empty() ? head.minor_version == 0 : true);
}

void check_rewritten(const request_head& head) {
    request_rewrite how{.path = head.path,
                        .host = head.host.empty() ? "h" : head.host,
                        .client_address = "192.0.2.1",
                        .session_id = "s"};
    how.websocket = head.websocket;
    how.rewrite_origin = true;
    std::string sent;
    write_request_head(sent, head, how);
    request_head again;
    const head_limits wide{.bytes_max = 1 << 20, .fields_max = 1000};
    const read_outcome outcome = read_request_head(sent, wide, again);
    POSTERN_CHECK(outcome.state == read_state::done && again.head_bytes == sent.size());
    POSTERN_CHECK(again.method == head.method && again.method_text == head.method_text);
    POSTERN_CHECK(again.path == head.path && again.host == how.host);
    POSTERN_CHECK(again.query == head.query && again.has_query == head.has_query);
    POSTERN_CHECK(again.chunked == head.chunked && again.content_length == head.content_length);
    POSTERN_CHECK(again.websocket == head.websocket && kind_of(again) == kind_of(head));
    POSTERN_CHECK(value_of(again.fields, known::x_session_id) == "s");
    POSTERN_CHECK(value_of(again.fields, known::x_forwarded_for) == "192.0.2.1");
    POSTERN_CHECK(value_of(again.fields, known::x_postern).empty());
}

/// More bytes never turn a refusal or a complete head into anything else.
void check_prefixes(std::string_view bytes, const read_outcome& whole, std::size_t head_bytes) {
    for (const std::size_t cut : {bytes.size() / 4, bytes.size() / 2, bytes.size() * 3 / 4}) {
        request_head head;
        const read_outcome part = read_request_head(bytes.substr(0, cut), {}, head);
        if (part.state == read_state::bad)
            POSTERN_CHECK(whole.state == read_state::bad);
        if (part.state == read_state::done)
            POSTERN_CHECK(whole.state == read_state::done && head.head_bytes == head_bytes);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // A copy of its exact size, so that a sanitizer sees every byte too far.
    const std::string bytes(reinterpret_cast<const char*>(data), size);
    request_head head;
    const read_outcome outcome = read_request_head(bytes, {}, head);
    check_prefixes(bytes, outcome, head.head_bytes);
    if (outcome.state == read_state::bad) {
        POSTERN_CHECK(outcome.status >= 400 && outcome.status < 600 && *outcome.reason != 0);
        return 0;
    }
    if (outcome.state != read_state::done)
        return 0;
    check_views(head, bytes);
    static_cast<void>(refuse_path(head.path));
    check_rewritten(head);
    return 0;
}
