// JSON of the AWS protocols: the one place of sync that names the library.
#pragma once

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace postern::sync::aws {

using json = nlohmann::json;

/// The text's one value, or nothing where it is not JSON, not UTF-8, or nests deeper than 128.
[[nodiscard]] std::optional<json> parse_json(std::string_view text);
/// On one line. Nothing: a string in it is not UTF-8.
[[nodiscard]] std::optional<std::string> text_of(const json& value);
/// The string at `name` of an object; empty where `from` is none, or has none.
[[nodiscard]] std::string string_at(const json& from, const char* name);
/// What stands at `name` of an object where it is an object, or an array; else nullptr.
[[nodiscard]] const json* object_at(const json& from, const char* name);
[[nodiscard]] const json* array_at(const json& from, const char* name);

} // namespace postern::sync::aws
