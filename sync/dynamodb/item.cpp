#include "sync/dynamodb/item.hpp"

#include "base/iso_time.hpp"
#include "base/limits.hpp"
#include "sync/dynamodb/item_reader.hpp"
#include "sync/dynamodb/time_text.hpp"
#include "sync/store/session_defect.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace postern::sync::dynamodb {
namespace {

// Of an attribute's text. An item has 400 KB at most, but what is kept and shown of it is bounded.
constexpr std::size_t id_bytes_max = base::limits::session_id_bytes_max;
constexpr std::size_t name_bytes_max = 2'048;
constexpr std::size_t text_bytes_max = 64 * 1024;

constexpr char between_keys = '\x1f';

/// A key's value is a string, a number or bytes; each comes as a JSON string.
std::optional<std::string_view> key_value(const json& item, const std::string& name) {
    const json* const value = find_attribute(item, name);
    if (value == nullptr || !value->is_object() || value->size() != 1 ||
        !value->begin()->is_string())
        return std::nullopt;
    return std::string_view{value->begin()->get_ref<const std::string&>()};
}

std::string& id_of(session& record, field f) {
    return f == field::client_id   ? record.client_id
           : f == field::user_id   ? record.user_id
           : f == field::thread_id ? record.thread_id
                                   : record.session_id;
}

const std::string& id_of(const session& record, field f) {
    return id_of(const_cast<session&>(record), f); // to read it
}

/// Puts the id in a key into `record`. False: the item is no session's.
bool take_key(const json& item, const key_part& key, session& record) {
    const json* const value = find_attribute(item, key.attribute);
    if (value == nullptr || !value->is_object())
        return false;
    const auto text = value->find("S");
    if (text == value->end() || !text->is_string())
        return false;
    const auto id = key.id_in(text->get_ref<const std::string&>());
    if (id)
        id_of(record, key.of) = *id;
    return id.has_value();
}

void read_status(item_reader& from, const std::string& name, session& record) {
    const std::string status = from.text(name, name_bytes_max);
    if (const auto known = session_status_named(status))
        record.status = *known;
    else
        from.note(fmt::format("its {} is {}; initializing, active, draining, inactive, failed and "
                              "expired are known",
                              name, shortened(status)));
}

} // namespace

json string_value(std::string_view text) {
    return {{"S", std::string{text}}};
}

json number_value(std::uint64_t number) {
    return {{"N", std::to_string(number)}};
}

json time_value(std::int64_t epoch_ms, time_form form) {
    if (form == time_form::iso)
        return string_value(base::iso_text(epoch_ms));
    // Seconds are rounded up: a ttl is not to be earlier than it was meant.
    const std::int64_t number =
        form == time_form::milliseconds ? epoch_ms : (epoch_ms + 999) / 1000;
    return number_value(static_cast<std::uint64_t>(number));
}

std::optional<std::string> key_text_of(const json& item, const attribute_map& map) {
    const auto hash = key_value(item, map.hash.attribute);
    if (!hash)
        return std::nullopt;
    std::string text{*hash};
    if (!map.range)
        return text;
    const auto range = key_value(item, map.range->attribute);
    if (!range)
        return std::nullopt;
    text += between_keys;
    return text.append(*range);
}

std::optional<std::string> key_text_of(const json& item, const container_map& map) {
    const auto key = key_value(item, map.key);
    if (!key)
        return std::nullopt;
    return std::string{*key};
}

std::optional<session_row> session_of(const json& item, const attribute_map& map) {
    session_row row;
    session& made = row.read.record;
    if (!take_key(item, map.hash, made) || (map.range && !take_key(item, *map.range, made)))
        return std::nullopt;
    item_reader from{item};
    for (const field id : {field::client_id, field::user_id, field::thread_id})
        if (!map.is_in_key(id))
            id_of(made, id) = from.text(map[id], id_bytes_max);
    read_status(from, map[field::status], made);
    made.task = from.text(map[field::task], name_bytes_max);
    made.target = from.target(map[field::ip], map[field::port], map.port);
    // An address of its own goes before the container's.
    if (map.has_containers && made.target.address.is_none())
        row.container_id = from.text(map[field::container_id], name_bytes_max);
    made.instruction = from.text(map[field::instruction], text_bytes_max);
    made.reason = from.text(map[field::reason], text_bytes_max);
    made.branch = from.text(map[field::branch], name_bytes_max);
    made.last_commit = from.text(map[field::last_commit], name_bytes_max);
    made.is_dirty = from.flag(map[field::is_dirty]);
    made.created_at_ms = from.time(map[field::created_at]);
    made.started_at_ms = from.time(map[field::started_at]);
    made.last_activity_at_ms = from.time(map[field::last_activity_at]);
    made.ttl_ms = from.time(map[field::ttl]);
    made.request_count = from.count(map[field::request_count]);
    made.bytes_transferred = from.count(map[field::bytes_transferred]);
    made.version = from.count(map[field::version]);
    const std::uint64_t generation = from.count(map[field::access_generation]);
    made.access_generation =
        generation == 0
            ? standard_access_generation(made.created_at_ms)
            : static_cast<std::uint32_t>(std::min<std::uint64_t>(generation, 0xffff'ffff));
    from.note(defect_of(made));
    row.read.defect = from.defect();
    return row;
}

std::optional<container_row> container_of(const json& item, const container_map& map) {
    auto key = key_text_of(item, map);
    if (!key)
        return std::nullopt;
    container_row row;
    row.container_id = std::move(*key);
    item_reader from{item};
    row.target = from.target(map.ip, map.port, map.standard_port);
    row.defect = from.defect();
    return row;
}

std::uint64_t item_version(const json& item, const attribute_map& map) {
    return item_reader{item}.count(map[field::version]);
}

json key_of(const session& record, const attribute_map& map) {
    json key = json::object();
    key[map.hash.attribute] = string_value(map.hash.value_of(id_of(record, map.hash.of)));
    if (map.range)
        key[map.range->attribute] = string_value(map.range->value_of(id_of(record, map.range->of)));
    return key;
}

json value_of(const session& record, field f, const attribute_map& map) {
    const auto text = [](std::string_view value) {
        return value.empty() ? json{} : string_value(value);
    };
    const auto time = [&](std::int64_t ms) {
        return ms == 0 ? json{} : time_value(ms, map.form_of(f));
    };
    switch (f) {
    case field::session_id:
    case field::client_id:
    case field::user_id:
    case field::thread_id:
        return text(id_of(record, f));
    case field::status:
        return text(name_of(record.status));
    case field::task:
        return text(record.task);
    case field::ip:
        return record.target.address.is_none() ? json{}
                                               : string_value(record.target.address.text());
    case field::started_at:
        return time(record.started_at_ms);
    case field::created_at:
        return time(record.created_at_ms);
    case field::last_activity_at:
        return time(record.last_activity_at_ms);
    case field::ttl:
        return time(record.ttl_ms);
    case field::branch:
        return text(record.branch);
    case field::last_commit:
        return text(record.last_commit);
    case field::is_dirty:
        return {{"BOOL", record.is_dirty}};
    case field::instruction:
        return text(record.instruction);
    case field::reason:
        return text(record.reason);
    case field::request_count:
        return number_value(record.request_count);
    case field::bytes_transferred:
        return number_value(record.bytes_transferred);
    case field::version:
        return number_value(record.version);
    default:
        return {};
    }
}

json item_of(const session& record, const attribute_map& map) {
    json item = key_of(record, map);
    for (std::size_t i = 0; i < fields; ++i) {
        const auto f = static_cast<field>(i);
        if (map.is_in_key(f))
            continue;
        if (json value = value_of(record, f, map); !value.is_null())
            item[map[f]] = std::move(value);
    }
    if (!record.target.address.is_none() && record.target.port != map.port)
        item[map[field::port]] = number_value(record.target.port);
    if (record.access_generation != 0 &&
        record.access_generation != standard_access_generation(record.created_at_ms))
        item[map[field::access_generation]] = number_value(record.access_generation);
    return item;
}

std::uint32_t standard_access_generation(std::int64_t created_at_ms) noexcept {
    const std::int64_t seconds = created_at_ms / 1000;
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(seconds, 1, 0xffff'ffff));
}

} // namespace postern::sync::dynamodb
