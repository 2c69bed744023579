#include "sync/dynamodb/time_text.hpp"

#include "base/iso_time.hpp"

#include <charconv>
#include <cmath>

namespace postern::sync::dynamodb {
namespace {

constexpr double as_ms_from = 1e11; // seconds until the year 5138, milliseconds since 1973

} // namespace

std::optional<std::int64_t> whole_of(std::string_view text) noexcept {
    const char* const end = text.data() + text.size();
    std::int64_t whole = 0;
    if (const auto [at, error] = std::from_chars(text.data(), end, whole);
        error == std::errc{} && at == end)
        return whole;
    double real = 0;
    const auto [at, error] = std::from_chars(text.data(), end, real);
    if (error != std::errc{} || at != end || !std::isfinite(real) || std::fabs(real) >= 9.2e18)
        return std::nullopt;
    return std::llround(real);
}

bool is_in_milliseconds(std::string_view number) noexcept {
    return std::fabs(static_cast<double>(whole_of(number).value_or(0))) >= as_ms_from;
}

std::optional<std::int64_t> time_of(std::string_view text) noexcept {
    double number = 0;
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || at != end || text.empty())
        return base::iso_time_of(text, base::iso_form::loose);
    if (!std::isfinite(number) || std::fabs(number) > 1e17)
        return std::nullopt;
    return std::llround(std::fabs(number) >= as_ms_from ? number : number * 1000);
}

} // namespace postern::sync::dynamodb
