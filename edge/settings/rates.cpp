// Rates as a conf writes them: so much a second, and so much at once.
#include "edge/settings/values.hpp"

#include <algorithm>

namespace postern::edge {
namespace {

constexpr std::uint64_t requests_max = 1'000'000;
constexpr std::uint64_t bytes_max = std::uint64_t{1} << 40U; // 1 TiB

bool cut_ending(std::string_view& text, std::string_view ending) {
    if (!text.ends_with(ending))
        return false;
    text.remove_suffix(ending.size());
    return true;
}

} // namespace

parsed<rate_limit> request_rate_of(std::string_view rate, std::string_view burst) {
    std::string_view number = rate;
    rate_limit made;
    std::uint64_t seconds = 1;
    if (cut_ending(number, "r/m"))
        seconds = 60;
    else if (!cut_ending(number, "r/s"))
        return complaint{
            fmt::format("\"{}\" is no rate of requests; write 100r/s, 30r/m or off", shown(rate))};
    const auto units = count_of(number, {1, requests_max});
    if (!units)
        return units.error();
    made.units = *units;
    made.period = std::chrono::seconds{seconds};
    made.burst = std::max<std::uint64_t>(made.units / seconds, 1);
    if (burst.empty())
        return made;
    const auto text = keyed_word(burst, "burst=200");
    if (!text)
        return text.error();
    const auto at_once = count_of(*text, {1, requests_max});
    if (!at_once)
        return complaint{"burst: " + at_once.error().text};
    made.burst = *at_once;
    return made;
}

parsed<rate_limit> byte_rate_of(std::string_view rate, std::string_view burst) {
    std::string_view number = rate;
    if (!cut_ending(number, "/s"))
        return complaint{
            fmt::format("\"{}\" is no rate of bytes; write 512k/s, 10m/s or off", shown(rate))};
    const auto units = size_of(number, {1, bytes_max});
    if (!units)
        return units.error();
    rate_limit made;
    made.units = made.burst = *units;
    if (burst.empty())
        return made;
    const auto text = keyed_word(burst, "burst=20m");
    if (!text)
        return text.error();
    const auto at_once = size_of(*text, {1, bytes_max});
    if (!at_once)
        return complaint{"burst: " + at_once.error().text};
    made.burst = *at_once;
    return made;
}

} // namespace postern::edge
