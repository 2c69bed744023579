// Intervals that many hosts share, and that they are not to keep in step.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace postern::sync {

/// `interval`, and up to a tenth of it more or less: those that started together drift apart.
template <class Random>
[[nodiscard]] std::chrono::milliseconds spread(std::chrono::milliseconds interval, Random& random) {
    const std::int64_t tenth = interval.count() / 10;
    return interval + std::chrono::milliseconds{
                          std::uniform_int_distribution<std::int64_t>{-tenth, tenth}(random)};
}

} // namespace postern::sync
