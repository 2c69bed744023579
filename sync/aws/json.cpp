#include "sync/aws/json.hpp"

namespace postern::sync::aws {

std::optional<json> parse_json(std::string_view text) {
    json value = json::parse(text, nullptr, false);
    if (value.is_discarded())
        return std::nullopt;
    return value;
}

std::optional<std::string> text_of(const json& value) {
    try {
        return value.dump();
    } catch (const json::type_error&) { // the library has no other way to say it
        return std::nullopt;
    }
}

std::string string_at(const json& from, const char* name) {
    if (!from.is_object())
        return {};
    const auto at = from.find(name);
    return at != from.end() && at->is_string() ? at->get<std::string>() : std::string{};
}

} // namespace postern::sync::aws
