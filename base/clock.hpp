// Time as an argument: every part that reads a clock takes one of these, so that tests turn the
// hands.
#pragma once

#include <chrono>

namespace postern::base {

using wall_time = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;
using steady_time = std::chrono::steady_clock::time_point;

/// Two clocks: `wall` is what records and headers carry, `steady` is what deadlines are measured
/// by.
class clock {
  public:
    virtual ~clock() = default;
    [[nodiscard]] virtual wall_time wall() const noexcept = 0;
    [[nodiscard]] virtual steady_time steady() const noexcept = 0;
};

class system_clock final : public clock {
  public:
    [[nodiscard]] wall_time wall() const noexcept override {
        return std::chrono::time_point_cast<std::chrono::milliseconds>(
            std::chrono::system_clock::now());
    }
    [[nodiscard]] steady_time steady() const noexcept override {
        return std::chrono::steady_clock::now();
    }
};

/// For tests: stands still until told to advance. Not thread-safe.
class manual_clock final : public clock {
  public:
    explicit manual_clock(wall_time start = wall_time{std::chrono::hours{24 * 365 * 50}})
        : wall_{start} {}
    [[nodiscard]] wall_time wall() const noexcept override { return wall_; }
    [[nodiscard]] steady_time steady() const noexcept override { return steady_; }
    void advance(std::chrono::milliseconds by) {
        wall_ += by;
        steady_ += by;
    }

  private:
    wall_time wall_;
    steady_time steady_{std::chrono::hours{1}};
};

/// Milliseconds since the Unix epoch, the form in which times are stored.
[[nodiscard]] constexpr std::int64_t to_epoch_ms(wall_time t) noexcept {
    return t.time_since_epoch().count();
}

} // namespace postern::base
