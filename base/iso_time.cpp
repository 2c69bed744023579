#include "base/iso_time.hpp"

#include <fmt/format.h>

#include <chrono>

namespace postern::base {
namespace {

using namespace std::chrono;

/// Takes what it reads off the front of a text.
struct scanner {
    std::string_view left;

    bool take(char c) noexcept {
        if (left.empty() || left.front() != c)
            return false;
        left.remove_prefix(1);
        return true;
    }
    std::optional<int> digits(std::size_t count) noexcept {
        if (left.size() < count)
            return std::nullopt;
        int value = 0;
        for (std::size_t i = 0; i < count; ++i) {
            if (left[i] < '0' || left[i] > '9')
                return std::nullopt;
            value = value * 10 + (left[i] - '0');
        }
        left.remove_prefix(count);
        return value;
    }
    /// Of a second, in ms; further digits are read over.
    std::optional<int> fraction() noexcept {
        int value = 0;
        std::size_t count = 0;
        for (; !left.empty() && left.front() >= '0' && left.front() <= '9'; ++count) {
            if (count < 3)
                value = value * 10 + (left.front() - '0');
            left.remove_prefix(1);
        }
        if (count == 0)
            return std::nullopt;
        for (; count < 3; ++count)
            value *= 10;
        return value;
    }
};

/// What stands behind the time; nothing: something else.
std::optional<minutes> offset_of(scanner& text, bool may_be_absent) noexcept {
    if (text.left == "Z" || text.left == "z" || (text.left.empty() && may_be_absent))
        return minutes{0};
    if (text.left.empty())
        return std::nullopt;
    const bool is_west = text.left.front() == '-';
    if (!text.take('+') && !text.take('-'))
        return std::nullopt;
    const auto hour = text.digits(2);
    text.take(':');
    const auto minute = text.digits(2);
    if (!hour || !minute || !text.left.empty() || *hour > 23 || *minute > 59)
        return std::nullopt;
    const minutes offset = hours{*hour} + minutes{*minute};
    return is_west ? -offset : offset;
}

} // namespace

std::optional<std::int64_t> iso_time_of(std::string_view from, iso_form form) noexcept {
    const bool is_loose = form == iso_form::loose;
    scanner text{from};
    const auto y = text.digits(4);
    if (!y || !text.take('-'))
        return std::nullopt;
    const auto m = text.digits(2);
    if (!m || !text.take('-'))
        return std::nullopt;
    const auto d = text.digits(2);
    if (!d || !(text.take('T') || text.take(' ') || (is_loose && text.take('t'))))
        return std::nullopt;
    const auto hour = text.digits(2);
    if (!hour || !text.take(':'))
        return std::nullopt;
    const auto minute = text.digits(2);
    std::optional<int> second = 0, ms = 0;
    if (const bool has_second = text.take(':'); !has_second && !is_loose) {
        return std::nullopt;
    } else if (has_second) {
        second = text.digits(2);
        if (text.take('.'))
            ms = text.fraction();
    }
    if (!minute || !second || !ms || *hour > 23 || *minute > 59 || *second > 60)
        return std::nullopt;
    const year_month_day date{year{*y}, month{static_cast<unsigned>(*m)},
                              day{static_cast<unsigned>(*d)}};
    const auto offset = offset_of(text, is_loose);
    if (!date.ok() || !offset)
        return std::nullopt;
    const sys_time<milliseconds> at = sys_days{date} + hours{*hour} + minutes{*minute} +
                                      seconds{*second} + milliseconds{*ms} - *offset;
    return at.time_since_epoch().count();
}

std::string iso_text(std::int64_t epoch_ms) {
    const sys_time<milliseconds> at{milliseconds{epoch_ms}};
    const auto day_of = floor<days>(at);
    const year_month_day date{day_of};
    const hh_mm_ss time{at - day_of};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       time.hours().count(), time.minutes().count(), time.seconds().count(),
                       time.subseconds().count());
}

} // namespace postern::base
