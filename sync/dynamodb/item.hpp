// Items of the remote tables as rows, and back: pure. Items come from programs of any kind; what
// cannot be used of one is said in a sentence that names the attribute.
#pragma once

#include "sync/aws/json.hpp"
#include "sync/dynamodb/attribute_map.hpp"
#include "sync/feed/row.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace postern::sync::dynamodb {

using aws::json;

/// DynamoDB's typed values: {"S": "text"}, {"N": "12"}, {"BOOL": true}.
[[nodiscard]] json string_value(std::string_view text);
[[nodiscard]] json number_value(std::uint64_t number);
[[nodiscard]] json time_value(std::int64_t epoch_ms, time_form form);

/// An item's key as one text: the hash key's value, then, where there is a range key, 0x1f and its
/// value. Nothing: it has no such key.
[[nodiscard]] std::optional<std::string> key_text_of(const json& item, const attribute_map& map);
[[nodiscard]] std::optional<std::string> key_text_of(const json& item, const container_map& map);

/// A session's item. Nothing: its key says that it is something else, as in tables that hold more
/// than sessions. The record's `version` is the item's own (`item_version`), its route key is left
/// to whoever knows the template.
[[nodiscard]] std::optional<session_row> session_of(const json& item, const attribute_map& map);
[[nodiscard]] std::optional<container_row> container_of(const json& item, const container_map& map);

/// The attribute `version`; 0: it has none.
[[nodiscard]] std::uint64_t item_version(const json& item, const attribute_map& map);

/// The key of a session's item, as requests have it. Requires: the ids that it is made of.
[[nodiscard]] json key_of(const session& record, const attribute_map& map);

/// A new item. Fields without a value are left out.
[[nodiscard]] json item_of(const session& record, const attribute_map& map);

/// The value that a field of a record has in an item; null: none, the attribute is left out. Not
/// for keys, containers, and the two that depend on others (port, access generation).
[[nodiscard]] json value_of(const session& record, field f, const attribute_map& map);

/// What access_generation is read as where the item does not say.
[[nodiscard]] std::uint32_t standard_access_generation(std::int64_t created_at_ms) noexcept;

} // namespace postern::sync::dynamodb
