#include "base/route_key.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace postern::base {
namespace {

// No name of a session can hold it (they go into URLs as they are), and it needs no escape in a
// URL's path.
constexpr std::string_view safe_separator = "@";

std::string with_safe_separators(const text_template& of) {
    std::string out;
    const auto& pieces = of.pieces();
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        const bool after_name = i > 0 && pieces[i - 1].is_name;
        if (pieces[i].is_name)
            out += fmt::format("{}{{{}}}", after_name ? safe_separator : "", pieces[i].text);
        else if (after_name && i + 1 < pieces.size())
            out += safe_separator;
        else
            out += pieces[i].text;
    }
    return out;
}

} // namespace

bool ends_at(std::string_view value, std::string_view separator) noexcept {
    if (separator.size() == 1)
        return value.find(separator.front()) == std::string_view::npos;
    for (std::size_t at = 0; at < value.size(); ++at) {
        const std::size_t inside = std::min(separator.size(), value.size() - at);
        const std::size_t behind = separator.size() - inside;
        if (value.substr(at, inside) == separator.substr(0, inside) &&
            separator.substr(inside) == separator.substr(0, behind))
            return false;
    }
    return true;
}

std::optional<std::string> text_of_route_key(const text_template& wanted, const text_template& of,
                                             std::string_view key) {
    std::vector<std::pair<std::string_view, std::string_view>> values;
    if (!read_route_key(of, key, [&](std::string_view name, std::string_view value) {
            values.emplace_back(name, value);
        }))
        return std::nullopt;
    return wanted.fill([&](std::string_view name) -> std::optional<std::string_view> {
        for (const auto& [known, value] : values)
            if (known == name)
                return value;
        return std::nullopt;
    });
}

std::string text_of(const route_key_fault& fault, const text_template& of) {
    using kind = route_key_fault::kind;
    if (fault.what == kind::missing)
        return fmt::format("route_key {} needs {}, which is empty", of.text(), fault.name);
    if (fault.what == kind::size)
        return fmt::format("route_key {} makes an empty key, or one of more than {} bytes",
                           of.text(), limits::route_key_bytes_max);
    return fmt::format("{} \"{}\" does not go with route_key {}: what follows {} there is \"{}\", "
                       "and with it inside or at the end of {} two sessions could share one key; "
                       "take another {}, or another route_key, such as {}",
                       fault.name, fault.value, of.text(), fault.name, fault.separator, fault.name,
                       fault.name, with_safe_separators(of));
}

result<void> check_route_key(const text_template& of) {
    const auto& pieces = of.pieces();
    for (std::size_t i = 1; i < pieces.size(); ++i)
        if (pieces[i].is_name && pieces[i - 1].is_name)
            return failure{
                make_error_code(boost::system::errc::invalid_argument),
                fmt::format("nothing stands between {{{}}} and {{{}}}, so that two sessions could "
                            "share one key; write {}",
                            pieces[i - 1].text, pieces[i].text, with_safe_separators(of))};
    return {};
}

} // namespace postern::base
