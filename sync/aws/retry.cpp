#include "sync/aws/retry.hpp"

#include "base/check.hpp"

#include <algorithm>

namespace postern::sync::aws {

std::chrono::milliseconds retry_delay(const retry_options& options, retry_kind kind,
                                      unsigned retries, double random) noexcept {
    const auto base = kind == retry_kind::throttle ? options.throttle_base : options.transient_base;
    const auto longest =
        std::min(options.delay_max, base * (std::int64_t{1} << std::min(retries, 20U)));
    return std::chrono::milliseconds{
        static_cast<std::int64_t>(random * static_cast<double>(longest.count()))};
}

unsigned retry_cost(const retry_options& options, retry_kind kind) noexcept {
    POSTERN_CHECK(kind != retry_kind::never);
    return kind == retry_kind::throttle ? options.throttle_cost : options.transient_cost;
}

bool retry_budget::take(unsigned cost) {
    const std::scoped_lock lock{mutex_};
    if (left_ < cost)
        return false;
    left_ -= cost;
    return true;
}

void retry_budget::give_back(unsigned cost) {
    const std::scoped_lock lock{mutex_};
    left_ = std::min(size_, left_ + cost);
}

bool real_pause::wait(std::chrono::milliseconds time, const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any ring;
    std::unique_lock lock{mutex};
    return !ring.wait_for(lock, stop, time, [&] { return stop.stop_requested(); });
}

} // namespace postern::sync::aws
