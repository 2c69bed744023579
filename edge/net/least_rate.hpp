// How slowly a peer may send or take while it is waited for.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace postern::edge {

/// A peer's patience account: time in which it is waited for is taken off, bytes that it moves are
/// put on at the least rate, and it never holds more than the lag that it is allowed. So a peer may
/// pause for that long, and move at the least rate for ever, but not pause again and again. Off as
/// made by default: bounds nothing.
class least_rate {
  public:
    using clock = std::chrono::steady_clock;
    using milliseconds = std::chrono::milliseconds;

    least_rate() noexcept = default;
    /// `bytes_per_s` 0: off.
    least_rate(std::uint64_t bytes_per_s, milliseconds lag_max) noexcept
        : bytes_per_s_{bytes_per_s}, lag_max_{lag_max}, left_{lag_max} {}

    [[nodiscard]] bool on() const noexcept { return bytes_per_s_ > 0; }
    /// How long the peer may be waited for: `within`, or less where it is then too far behind.
    [[nodiscard]] milliseconds bound(milliseconds within) const noexcept {
        if (!on())
            return within;
        const auto left = std::chrono::ceil<milliseconds>(left_);
        return std::clamp(left, milliseconds{1}, std::max(within, milliseconds{1}));
    }
    /// The peer has been waited for, and has moved something.
    void note(clock::duration waited, std::uint64_t bytes) noexcept {
        if (!on())
            return;
        // More than this pays for any lag.
        constexpr std::uint64_t bytes_max = std::uint64_t{1} << 33U;
        const auto earned =
            std::chrono::nanoseconds{std::min(bytes, bytes_max) * 1'000'000'000 / bytes_per_s_};
        left_ = std::min<std::chrono::nanoseconds>(left_ - waited + earned, lag_max_);
    }

  private:
    std::uint64_t bytes_per_s_ = 0;
    std::chrono::nanoseconds lag_max_{0};
    std::chrono::nanoseconds left_{0};
};

} // namespace postern::edge
