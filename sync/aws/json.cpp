#include "sync/aws/json.hpp"

namespace postern::sync::aws {
namespace {

// DynamoDB nests values 32 deep, two levels of JSON each, in a few of the answer's own.
constexpr int depth_max = 128;

/// Whether objects and arrays stand in each other deeper than that: what walks a value (printing
/// it, for one) goes as deep on the stack.
bool is_too_deep(std::string_view text) noexcept {
    int depth = 0;
    bool is_in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (is_in_string) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                is_in_string = false;
        } else if (c == '"') {
            is_in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > depth_max)
                return true;
        } else if (c == '}' || c == ']') {
            --depth;
        }
    }
    return false;
}

const json* value_at(const json& from, const char* name) {
    const auto at = from.is_object() ? from.find(name) : from.end();
    return from.is_object() && at != from.end() ? &*at : nullptr;
}

} // namespace

std::optional<json> parse_json(std::string_view text) {
    if (is_too_deep(text))
        return std::nullopt;
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

const json* object_at(const json& from, const char* name) {
    const json* const value = value_at(from, name);
    return value != nullptr && value->is_object() ? value : nullptr;
}

const json* array_at(const json& from, const char* name) {
    const json* const value = value_at(from, name);
    return value != nullptr && value->is_array() ? value : nullptr;
}

std::string string_at(const json& from, const char* name) {
    const json* const value = value_at(from, name);
    return value != nullptr && value->is_string() ? value->get<std::string>() : std::string{};
}

} // namespace postern::sync::aws
