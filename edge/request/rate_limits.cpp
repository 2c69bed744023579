#include "edge/request/rate_limits.hpp"

#include "edge/net/signal.hpp"
#include "edge/request/reply.hpp"

namespace postern::edge {
namespace {

/// How long a body waits before it looks again: whoever ends it meanwhile waits no longer.
constexpr std::chrono::milliseconds wait_step{200};

std::uint64_t take_uncounted(exchange& x) {
    const std::uint64_t moved = x.bytes_sent + x.bytes_received;
    return moved - std::exchange(x.bytes_counted, moved);
}

task<bool> refuse(exchange& x, unsigned retry_after_s) {
    x.decision_name = "limited";
    co_await reply_error(x, 429, "Too many requests at the moment.", retry_after_s);
    co_return true;
}

} // namespace

task<bool> refused_over_client_rates(exchange& x) {
    x.paced = x.worker.rates->limits_bytes();
    const unsigned late = x.worker.rates->request_of_client(x.owners.client, x.client_address);
    if (late == 0)
        co_return false;
    co_return co_await refuse(x, late);
}

task<bool> refused_over_session_rates(exchange& x, cache::key_hash session) {
    x.owners.session = x.worker.rates->session_key(session);
    const unsigned late = x.worker.rates->request_of_session(x.owners.session, x.key.key);
    if (late == 0)
        co_return false;
    co_return co_await refuse(x, late);
}

task<bool> must_wait(exchange& x) {
    const auto late = x.worker.rates->moved(x.owners, take_uncounted(x));
    if (late.count() <= 0)
        co_return false;
    if (!std::exchange(x.slowed, true))
        x.count(cache::counter::bytes_slowed);
    signal pause{x.worker.loop};
    const auto step = std::min<std::chrono::nanoseconds>(late, wait_step);
    [[maybe_unused]] const auto waited = co_await pause.wait_until(
        deadlines::clock::now() + std::chrono::duration_cast<deadlines::clock::duration>(step));
    co_return true;
}

void count_bytes(exchange& x) {
    [[maybe_unused]] const auto late = x.worker.rates->moved(x.owners, take_uncounted(x));
}

} // namespace postern::edge
