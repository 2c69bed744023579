#include "edge/http/byte_ranges.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

namespace postern::edge {
namespace {

constexpr std::string_view unit = "bytes=";

bool starts_with_unit(std::string_view range) noexcept { // units compare without case
    if (range.size() < unit.size())
        return false;
    for (std::size_t i = 0; i < unit.size(); ++i) {
        const char c = range[i];
        const bool upper = c >= 'A' && c <= 'Z';
        if ((upper ? static_cast<char>(c + ('a' - 'A')) : c) != unit[i])
            return false;
    }
    return true;
}

std::string_view trimmed(std::string_view text) noexcept {
    constexpr std::string_view white = " \t";
    const std::size_t first = text.find_first_not_of(white);
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(white) - first + 1);
}

/// The only element of a list, if there is exactly one; empty elements do not count (RFC
/// 9110 5.6.1).
std::optional<std::string_view> only_element(std::string_view list) noexcept {
    std::string_view found;
    for (;;) {
        const std::size_t comma = list.find(',');
        const std::string_view element = trimmed(list.substr(0, comma));
        if (!element.empty()) {
            if (!found.empty())
                return std::nullopt;
            found = element;
        }
        if (comma == std::string_view::npos)
            break;
        list.remove_prefix(comma + 1);
    }
    if (found.empty())
        return std::nullopt;
    return found;
}

std::optional<std::uint64_t> number(std::string_view digits) noexcept {
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos)
        return std::nullopt;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc{} ? value : std::numeric_limits<std::uint64_t>::max();
}

} // namespace

byte_range byte_range_of(std::string_view range, std::uint64_t file_bytes) noexcept {
    if (!starts_with_unit(range))
        return {};
    const auto element = only_element(range.substr(unit.size()));
    if (!element)
        return {};
    const std::size_t dash = element->find('-');
    if (dash == std::string_view::npos)
        return {};
    const std::string_view first_text = element->substr(0, dash);
    const std::string_view last_text = element->substr(dash + 1);
    const auto first = number(first_text);
    const auto last = number(last_text);
    if ((!first_text.empty() && !first) || (!last_text.empty() && !last))
        return {};

    if (!first) { // "-500": the last 500 bytes
        if (!last)
            return {};
        if (*last == 0)
            return {.kind = range_kind::unsatisfiable};
        if (file_bytes == 0)
            return {}; // nothing is all there is; a part of nothing cannot be written down
        const std::uint64_t length = std::min(*last, file_bytes);
        return {.kind = range_kind::part, .offset = file_bytes - length, .length = length};
    }
    if (last && *last < *first)
        return {};
    if (*first >= file_bytes)
        return {.kind = range_kind::unsatisfiable};
    const std::uint64_t end = last ? std::min(*last, file_bytes - 1) : file_bytes - 1;
    return {.kind = range_kind::part, .offset = *first, .length = end - *first + 1};
}

} // namespace postern::edge
