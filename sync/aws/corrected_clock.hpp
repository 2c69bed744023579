// The service's idea of the time: our wall clock, moved by what its answers said.
#pragma once

#include "base/clock.hpp"

#include <algorithm>
#include <atomic>
#include <optional>
#include <string_view>

namespace postern::sync::aws {

/// A clock whose wall time signatures and expiry of credentials go by. Thread-safe as far as `real`
/// is; that outlives it.
class corrected_clock final : public base::clock {
  public:
    explicit corrected_clock(const base::clock& real) : real_{real} {}

    [[nodiscard]] base::wall_time wall() const noexcept override { return real_.wall() + offset(); }
    [[nodiscard]] base::steady_time steady() const noexcept override { return real_.steady(); }
    [[nodiscard]] std::chrono::milliseconds offset() const noexcept {
        return std::chrono::milliseconds{offset_ms_.load(std::memory_order_relaxed)};
    }

    /// How far our own clock is ahead of the service's; 0: not, as far as is known.
    [[nodiscard]] std::int64_t ahead_ms() const noexcept {
        return std::max<std::int64_t>(-offset().count(), 0);
    }

    /// The service said `theirs` just now. A difference to our own clock of up to a minute counts
    /// as none. True: from here on the time is another one, by more than a minute.
    bool correct(base::wall_time theirs) noexcept;

  private:
    const base::clock& real_;
    std::atomic<std::int64_t> offset_ms_{0};
};

/// The time of an HTTP Date header ("Sat, 21 Nov 2026 13:00:00 GMT", RFC 9110 5.6.7), or nothing.
[[nodiscard]] std::optional<base::wall_time> http_date_of(std::string_view text);

} // namespace postern::sync::aws
