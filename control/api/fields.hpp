// Reading a request body: one flat JSON object of texts and whole numbers, each of them known.
#pragma once

#include "control/api/api_error.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace postern::control {

struct field_rule {
    std::string_view name;
    bool is_required = false;
    bool (*is_good)(std::string_view) noexcept = nullptr;
    std::string_view what_is_right; // "1 to 127 of the characters A-Z ..."
    bool is_number = false;         // a whole number, not a text; `is_good` sees its digits
};

using fields = std::map<std::string, std::string, std::less<>>;

/// Why a body of this Content-Type is refused (415); nothing for JSON. Pages of other origins
/// cannot send JSON without being asked first (CORS), so this keeps them out too.
[[nodiscard]] std::optional<api_error> refused_type(std::string_view type);

/// Text from a peer, short enough for a message.
[[nodiscard]] std::string shown(std::string_view text);

/// The body's fields. `type` is its Content-Type. An empty body is an object without fields.
/// Errors: unsupported_media_type (415), invalid_json, not_an_object, unknown_field,
/// duplicate_field, wrong_type, missing_field (all 400), invalid_value (422).
[[nodiscard]] api_result<fields> read_fields(std::string_view body, std::string_view type,
                                             std::span<const field_rule> rules);

} // namespace postern::control
