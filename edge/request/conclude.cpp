#include "edge/request/conclude.hpp"

#include "edge/request/access.hpp"
#include "edge/request/rate_limits.hpp"
#include "edge/request/reply.hpp"

namespace postern::edge {

using std::chrono::steady_clock;

namespace {

/// A link that was broken on its way opens nothing, and still holds its token
/// ("%3Fpostern_access=",
/// "&amp;postern_access=").
std::string_view without_secret(const exchange& x, std::string_view url) {
    return x.worker.access_keys.empty() ? url : url.substr(0, base::find_access_parameter(url));
}

} // namespace

task<void> refuse_head(exchange& x, unsigned status, std::string_view reason) {
    x.head = {}; // whatever was read of it is not to be relied on
    x.where = {};
    x.may_send_on = true;
    x.count(cache::counter::requests_bad);
    if (status == 431 || status == 414)
        x.count(cache::counter::head_too_large);
    co_await reply_bad_request(x, status, reason);
}

void conclude(exchange& x, steady_clock::time_point began) {
    x.count(cache::counter::requests);
    x.count(cache::counter::bytes_in, x.bytes_received + x.head.head_bytes);
    x.count(cache::counter::bytes_out, x.bytes_sent);
    if (x.worker.rates != nullptr)
        count_bytes(x);
    if (!x.worker.access)
        return;
    take_access_token(x); // where the answer came before it was looked for
    request_record line;
    line.client = x.client_address;
    line.method = x.head.method_text;
    line.target = without_secret(x, x.head.target);
    line.minor_version = x.head.minor_version;
    line.http2 = x.http2;
    line.host = x.head.host;
    line.status = x.status;
    line.bytes_sent = x.bytes_sent;
    line.bytes_received = x.bytes_received;
    line.referer = without_secret(x, value_of(x.head.fields, known::referer));
    line.user_agent = value_of(x.head.fields, known::user_agent);
    if (x.key.outcome == key_outcome::found)
        line.session = x.key.key;
    line.decision = x.decision_name;
    line.upstream = x.upstream_text();
    line.duration_us =
        std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - began).count();
    line.ended = x.worker.time.wall();
    x.worker.access->put(line);
}

task<void> linger(stream& client, std::span<char> scratch, std::chrono::milliseconds at_most) {
    constexpr std::chrono::milliseconds pause_max{2000};
    client.shutdown_send();
    const steady_clock::time_point end = steady_clock::now() + at_most;
    while (steady_clock::now() < end) {
        const auto error = co_await client.readable(std::min(at_most, pause_max));
        if (error || client.read_now(scratch).error)
            break;
    }
}

} // namespace postern::edge
