#include "edge/settings/values.hpp"

#include "edge/settings/directives.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace postern::edge {
namespace {

struct number_with_unit {
    std::uint64_t number = 0;
    std::string_view unit;
};

std::optional<number_with_unit> split_number(std::string_view text) {
    number_with_unit out;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out.number);
    if (error != std::errc{} || end == text.data())
        return std::nullopt;
    out.unit = text.substr(static_cast<std::size_t>(end - text.data()));
    return out;
}

struct unit_factor {
    std::string_view unit;
    std::uint64_t factor;
};

/// The number times its unit; a product that would overflow is the largest number, which no bound
/// lets pass.
std::optional<std::uint64_t> scaled(std::string_view text, std::span<const unit_factor> units) {
    const auto split = split_number(text);
    if (!split)
        return std::nullopt;
    for (const unit_factor& u : units) {
        if (u.unit != split->unit)
            continue;
        const auto most = std::numeric_limits<std::uint64_t>::max();
        return split->number > most / u.factor ? most : split->number * u.factor;
    }
    return std::nullopt;
}

constexpr unit_factor time_units[] = {{"ms", 1},     {"s", 1000},      {"", 1000},
                                      {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
constexpr unit_factor size_units[] = {{"", 1},
                                      {"k", 1024},
                                      {"K", 1024},
                                      {"m", 1024 * 1024},
                                      {"M", 1024 * 1024},
                                      {"g", 1024 * 1024 * 1024},
                                      {"G", 1024 * 1024 * 1024}};
constexpr unit_factor count_units[] = {
    {"", 1}, {"k", 1000}, {"K", 1000}, {"m", 1'000'000}, {"M", 1'000'000}};

std::string text_of_size(std::uint64_t bytes) {
    if (bytes == 0)
        return "0";
    for (const auto& [unit, factor] :
         {unit_factor{"g", 1U << 30U}, {"m", 1U << 20U}, {"k", 1U << 10U}})
        if (bytes % factor == 0)
            return fmt::format("{}{}", bytes / factor, unit);
    return std::to_string(bytes);
}

parsed<std::uint16_t> port_of(std::string_view text, std::string_view whole) {
    const auto split = split_number(text);
    if (!split || !split->unit.empty() || split->number > 65535)
        return complaint{
            fmt::format("\"{}\": \"{}\" is no port; write 0 to 65535", shown(whole), shown(text))};
    return static_cast<std::uint16_t>(split->number);
}

} // namespace

parsed<milliseconds> duration_of(std::string_view text, bounds<milliseconds> within) {
    const auto ms = scaled(text, time_units);
    if (!ms)
        return complaint{
            fmt::format("\"{}\" is no duration; write 500ms, 30s, 5m, 2h or 1d", shown(text))};
    if (*ms < static_cast<std::uint64_t>(within.least.count()) ||
        *ms > static_cast<std::uint64_t>(within.most.count()))
        return complaint{fmt::format("\"{}\" is out of bounds; write {} to {}", shown(text),
                                     text_of(within.least), text_of(within.most))};
    return milliseconds{static_cast<milliseconds::rep>(*ms)};
}

std::string text_of(milliseconds time) {
    if (time.count() == 0)
        return "0";
    for (const auto& [unit, factor] :
         {unit_factor{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}})
        if (static_cast<std::uint64_t>(time.count()) % factor == 0)
            return fmt::format("{}{}", static_cast<std::uint64_t>(time.count()) / factor, unit);
    return fmt::format("{}ms", time.count());
}

parsed<std::uint64_t> size_of(std::string_view text, bounds<std::uint64_t> within) {
    const auto bytes = scaled(text, size_units);
    if (!bytes)
        return complaint{fmt::format("\"{}\" is no size; write 512, 64k, 10m or 1g", shown(text))};
    if (*bytes < within.least || *bytes > within.most)
        return complaint{fmt::format("\"{}\" is out of bounds; write {} to {}", shown(text),
                                     text_of_size(within.least), text_of_size(within.most))};
    return *bytes;
}

parsed<std::uint64_t> count_of(std::string_view text, bounds<std::uint64_t> within) {
    const auto count = scaled(text, count_units);
    if (!count)
        return complaint{fmt::format("\"{}\" is no number; write {} to {}", shown(text),
                                     within.least, within.most)};
    if (*count < within.least || *count > within.most)
        return complaint{fmt::format("\"{}\" is out of bounds; write {} to {}", shown(text),
                                     within.least, within.most)};
    return *count;
}

parsed<std::string_view> keyed_word(std::string_view word, std::string_view example) {
    const std::string_view key = example.substr(0, example.find('=') + 1);
    if (!word.starts_with(key))
        return complaint{fmt::format("\"{}\" is not known; write {}", shown(word), example)};
    return word.substr(key.size());
}

parsed<bool> on_or_off(std::string_view text) {
    if (text == "on")
        return true;
    if (text == "off")
        return false;
    return complaint{fmt::format("\"{}\" is neither on nor off", shown(text))};
}

parsed<std::size_t> choice_of(std::string_view text, std::span<const std::string_view> choices) {
    const auto at = std::find(choices.begin(), choices.end(), text);
    if (at != choices.end())
        return static_cast<std::size_t>(at - choices.begin());
    std::string all;
    for (std::size_t i = 0; i < choices.size(); ++i) {
        if (i > 0)
            all += i + 1 == choices.size() ? " or " : ", ";
        all += choices[i];
    }
    return complaint{fmt::format("\"{}\" is not known; write {}", shown(text), all)};
}

parsed<base::ip_endpoint> listen_address_of(std::string_view text) {
    const bool digits = !text.empty() && std::all_of(text.begin(), text.end(),
                                                     [](char c) { return c >= '0' && c <= '9'; });
    std::string_view host = "0.0.0.0";
    std::string_view port = "80";
    if (digits) {
        port = text;
    } else if (const std::size_t bracket = text.find(']'); text.starts_with('[')) {
        const std::string_view rest =
            bracket == std::string_view::npos ? "x" : text.substr(bracket + 1);
        if (!rest.empty() && rest.front() != ':')
            return complaint{fmt::format("\"{}\" is no address; write [::1]:8080", shown(text))};
        host = text.substr(1, bracket - 1);
        if (!rest.empty())
            port = rest.substr(1);
    } else {
        const std::size_t colon = text.rfind(':');
        if (text.substr(0, colon) != "*")
            host = text.substr(0, colon);
        if (colon != std::string_view::npos)
            port = text.substr(colon + 1);
    }
    const auto address = base::ip_address::parse(host);
    if (!address || (host.find(':') != std::string_view::npos) != text.starts_with('['))
        return complaint{fmt::format("\"{}\" is no address; write 80, 127.0.0.1:8080 or [::1]:8080",
                                     shown(text))};
    const auto number = port_of(port, text);
    if (!number)
        return number.error();
    return base::ip_endpoint{*address, *number};
}

parsed<base::ip_endpoint> endpoint_of(std::string_view text) {
    const auto found = base::ip_endpoint::parse(text);
    if (found && !found->address.is_none())
        return *found;
    const bool url = text.find("://") != std::string_view::npos;
    return complaint{fmt::format("\"{}\" is no address with a port; write 127.0.0.1:3000{}",
                                 shown(text), url ? " without http://" : ", no name")};
}

parsed<base::ip_network> network_of(std::string_view text) {
    if (const auto found = base::ip_network::parse(text)) {
        if (const base::ip_network plain = found->plain(); plain != *found)
            return complaint{fmt::format("\"{}\" is an address within a network; write {} for the "
                                         "network, or {} for the address alone",
                                         shown(text), plain.text(), found->base.text())};
        return *found;
    }
    return complaint{fmt::format("\"{}\" is no network; write 10.0.0.0/8, fd00::/8 or one address",
                                 shown(text))};
}

parsed<base::text_template> template_of(std::string_view text,
                                        std::span<const std::string_view> known) {
    auto made = base::text_template::parse(text);
    if (!made)
        return complaint{shown(made.error().what)};
    if (known.empty())
        return std::move(*made);
    for (const std::string_view name : made->names())
        if (std::find(known.begin(), known.end(), name) == known.end())
            return complaint{fmt::format("{{{}}} is not known here; there are {}", shown(name),
                                         braced_list(known))};
    return std::move(*made);
}

parsed<std::string> url_of(std::string_view text) {
    const bool path = text.starts_with('/');
    const bool absolute = text.starts_with("http://") || text.starts_with("https://");
    if (!path && !absolute)
        return complaint{
            fmt::format("\"{}\" is no URL; write /path or https://host/path", shown(text))};
    for (const char c : text)
        if (static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7f)
            return complaint{fmt::format(
                "\"{}\": a URL has no blanks and is ASCII; write %20 and the like", shown(text))};
    if (text.find_first_of("{}") != std::string_view::npos)
        return complaint{fmt::format("\"{}\": captures are not filled in here", shown(text))};
    return {boost::system::in_place_value, text};
}

std::string braced_list(std::span<const std::string_view> names) {
    std::string out;
    for (const std::string_view name : names)
        out += fmt::format("{}{{{}}}", out.empty() ? "" : ", ", name);
    return out;
}

} // namespace postern::edge
