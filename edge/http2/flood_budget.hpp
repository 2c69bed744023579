// How often a client may do what costs us more than it costs the client.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace postern::edge {

/// So many times a second on average; ten seconds' worth may be saved for a bad moment, and is
/// there at the start.
class flood_budget {
  public:
    using time_point = std::chrono::steady_clock::time_point;
    static constexpr std::int64_t saved_seconds = 10;

    flood_budget(std::uint32_t per_second, time_point now) noexcept
        : per_second_{per_second}, left_{most()}, counted_{now} {}

    /// False: all is spent.
    [[nodiscard]] bool spend(time_point now) noexcept {
        earn(now);
        if (left_ < thousandths)
            return false;
        left_ -= thousandths;
        return true;
    }
    /// Something that makes `times` more of it fair.
    void grant(std::uint32_t times) noexcept {
        left_ = std::min(left_ + std::int64_t{times} * thousandths, most());
    }

  private:
    static constexpr std::int64_t thousandths = 1000;

    [[nodiscard]] std::int64_t most() const noexcept {
        return std::int64_t{per_second_} * saved_seconds * thousandths;
    }
    void earn(time_point now) noexcept {
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - counted_);
        if (ms.count() <= 0)
            return;
        counted_ += ms;
        left_ = std::min(left_ + std::min<std::int64_t>(ms.count(), saved_seconds * thousandths) *
                                     per_second_,
                         most());
    }

    std::uint32_t per_second_;
    std::int64_t left_; // in thousandths
    time_point counted_;
};

} // namespace postern::edge
