#include "sync/dynamodb/item_reader.hpp"

#include "base/utf8.hpp"
#include "sync/dynamodb/time_text.hpp"
#include "sync/store/session_defect.hpp"

#include <fmt/format.h>

#include <utility>

namespace postern::sync::dynamodb {
namespace {

using aws::json;

std::string_view type_name_of(const json& value) {
    constexpr std::pair<std::string_view, std::string_view> names[] = {
        {"S", "a string (S)"},
        {"N", "a number (N)"},
        {"BOOL", "a truth value (BOOL)"},
        {"M", "a map (M)"},
        {"L", "a list (L)"},
        {"B", "bytes (B)"},
        {"SS", "a set of strings (SS)"},
        {"NS", "a set of numbers (NS)"},
        {"BS", "a set of bytes (BS)"},
    };
    if (value.is_object() && !value.empty())
        for (const auto& [type, name] : names)
            if (value.begin().key() == type)
                return name;
    return "no value";
}

} // namespace

std::string shortened(std::string_view value) {
    constexpr std::size_t bytes_max = 64;
    return fmt::format("\"{}\"{}", base::utf8_prefix(value, bytes_max),
                       value.size() > bytes_max ? "..." : "");
}

const json* find_attribute(const json& item, const std::string& name) {
    if (!item.is_object())
        return nullptr;
    const auto at = item.find(name);
    if (at == item.end() || (at->is_object() && at->contains("NULL")))
        return nullptr;
    return &*at;
}

void item_reader::note(std::string defect) {
    if (defect_.empty())
        defect_ = std::move(defect);
}

void item_reader::note_type(const std::string& name, const json& value, std::string_view right) {
    note(fmt::format("its {} is {}; {} is needed", name, type_name_of(value), right));
}

std::optional<std::string_view> item_reader::scalar(const json& value, const char* type) const {
    if (!value.is_object())
        return std::nullopt;
    const auto at = value.find(type);
    if (at == value.end() || !at->is_string())
        return std::nullopt;
    return std::string_view{at->get_ref<const std::string&>()};
}

std::string item_reader::text(const std::string& name, std::size_t bytes_max) {
    const json* const value = find_attribute(item_, name);
    if (value == nullptr)
        return {};
    const auto text = scalar(*value, "S");
    if (!text) {
        note_type(name, *value, "a string (S)");
        return {};
    }
    if (text->size() > bytes_max) {
        note(fmt::format("its {} has {} bytes, at most {} are allowed", name, text->size(),
                         bytes_max));
        return {};
    }
    return std::string{*text};
}

std::int64_t item_reader::time(const std::string& name) {
    const json* const value = find_attribute(item_, name);
    if (value == nullptr)
        return 0;
    auto text = scalar(*value, "S");
    if (!text)
        text = scalar(*value, "N");
    constexpr std::string_view right = "a time such as 2026-11-21T14:00:00Z (S), or seconds or "
                                       "milliseconds since 1970 (N),";
    if (!text) {
        note_type(name, *value, right);
        return 0;
    }
    if (text->empty())
        return 0;
    const auto ms = time_of(*text);
    if (!ms)
        note(fmt::format("its {} is {}; {} is needed", name, shortened(*text), right));
    return possible_time(ms.value_or(0));
}

std::uint64_t item_reader::count(const std::string& name) {
    const json* const value = find_attribute(item_, name);
    if (value == nullptr)
        return 0;
    const auto text = scalar(*value, "N");
    const auto number = text ? whole_of(*text) : std::nullopt;
    if (!text)
        note_type(name, *value, "a number (N)");
    else if (!number)
        note(fmt::format("its {} is {}; a number below 2^63 is needed", name, shortened(*text)));
    return number && *number > 0 ? static_cast<std::uint64_t>(*number) : 0;
}

bool item_reader::flag(const std::string& name) {
    const json* const value = find_attribute(item_, name);
    if (value == nullptr)
        return false;
    if (value->is_object())
        if (const auto at = value->find("BOOL"); at != value->end() && at->is_boolean())
            return at->get<bool>();
    note_type(name, *value, "a truth value (BOOL)");
    return false;
}

base::ip_endpoint item_reader::target(const std::string& name, const std::string& port_name,
                                      std::uint16_t standard) {
    constexpr std::size_t bytes_max = 64;
    std::uint64_t port = count(port_name);
    const std::string address = text(name, bytes_max);
    if (port > 65'535)
        note(fmt::format("its {} is {}; a port is 1 to 65535", port_name, port));
    if (address.empty() || !defect_.empty())
        return {};
    if (const auto whole = base::ip_endpoint::parse(address))
        return *whole;
    const auto bare = base::ip_address::parse(address);
    if (!bare || bare->is_none()) {
        note(fmt::format("its {} is {}; an IP address is needed, such as 10.0.0.7", name,
                         shortened(address)));
        return {};
    }
    return {*bare, port == 0 ? standard : static_cast<std::uint16_t>(port)};
}

} // namespace postern::sync::dynamodb
