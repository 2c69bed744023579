// How long to wait before the next try: full jitter, so that many that lost the same store do not
// come back in step.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace postern::sync {

/// The n-th delay is drawn evenly from 0 up to base * 2^n, and never above the cap. Not
/// thread-safe.
class backoff {
  public:
    struct limits {
        std::chrono::milliseconds base{100};
        std::chrono::milliseconds cap{5'000};
    };

    backoff(limits bounds, std::uint64_t seed) : bounds_{bounds}, random_{seed} {}

    [[nodiscard]] std::chrono::milliseconds next() {
        const auto longest = std::min(bounds_.cap, bounds_.base * (std::int64_t{1} << doublings_));
        if (longest < bounds_.cap)
            ++doublings_;
        return std::chrono::milliseconds{
            std::uniform_int_distribution<std::int64_t>{0, longest.count()}(random_)};
    }
    /// After a success.
    void reset() noexcept { doublings_ = 0; }

  private:
    limits bounds_;
    std::mt19937_64 random_;
    int doublings_ = 0;
};

} // namespace postern::sync
