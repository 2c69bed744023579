// Which attributes of an item hold what postern knows of a session. Other services own the table
// and its names; this is where conf says them.
#pragma once

#include "base/error.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::sync::dynamodb {

enum class field : unsigned char {
    session_id,
    client_id,
    user_id,
    thread_id,
    status,
    task,
    ip,
    port,
    container_id,
    started_at,
    created_at,
    last_activity_at,
    ttl,
    branch,
    last_commit,
    is_dirty,
    instruction,
    reason,
    request_count,
    bytes_transferred,
    version,
    access_generation,
    count_
};
inline constexpr std::size_t fields = static_cast<std::size_t>(field::count_);

/// As conf names them, by field; also the attribute that holds it when conf says nothing.
inline constexpr std::array<std::string_view, fields> field_names{
    "sessionId", "clientId",         "userId", "threadId",     "status",
    "taskArn",   "containerIp",      "port",   "containerId",  "startedAt",
    "createdAt", "lastActivityAt",   "ttl",    "branch",       "lastCommit",
    "isDirty",   "instruction",      "reason", "requestCount", "bytesTransferred",
    "version",   "accessGeneration",
};
[[nodiscard]] std::optional<field> field_named(std::string_view name) noexcept;

/// How a time is written; each form is read, whatever is said here.
enum class time_form {
    iso,     // a string, "2026-11-21T14:00:00.000Z"
    seconds, // a number, since 1970
    milliseconds,
};

/// A key attribute: a literal text, then one of the ids: "SESSION#{sessionId}".
struct key_part {
    std::string attribute;
    std::string prefix;
    field of = field::session_id; // session_id, client_id, user_id or thread_id

    /// Errors: invalid_argument with a sentence.
    [[nodiscard]] static base::result<key_part> parse(std::string_view attribute,
                                                      std::string_view text);
    [[nodiscard]] std::string value_of(std::string_view id) const {
        return prefix + std::string{id};
    }
    /// The id in a key's value; nothing: the item is no session's.
    [[nodiscard]] std::optional<std::string_view> id_in(std::string_view value) const noexcept;
};

struct attribute_map {
    attribute_map();

    key_part hash{"sessionId", "", field::session_id}; // of session_id
    std::optional<key_part> range{};
    std::array<std::string, fields> names;
    std::array<time_form, fields> forms{}; // of those that are times
    std::uint16_t port = 4321;             // of a target whose item says none
    bool has_containers = false;           // items name containers, which have the addresses

    [[nodiscard]] const std::string& operator[](field f) const noexcept {
        return names[static_cast<std::size_t>(f)];
    }
    [[nodiscard]] time_form form_of(field f) const noexcept {
        return forms[static_cast<std::size_t>(f)];
    }
    /// Whether a key holds it: then no other attribute is asked for it.
    [[nodiscard]] bool is_in_key(field f) const noexcept {
        return hash.of == f || (range && range->of == f);
    }
    /// Whether the session id alone gives the whole key.
    [[nodiscard]] bool has_key_of_id() const noexcept {
        return !range || range->of == field::session_id;
    }
    /// What is wrong with it, a sentence; empty: nothing.
    [[nodiscard]] std::string fault() const;
    /// All of it as one text: two maps with the same text read items the same way.
    [[nodiscard]] std::string text() const;
};

/// The table that containers stand in, where sessions name one.
struct container_map {
    std::string table;
    std::string key = "containerId"; // its hash key; a range key it has none
    std::string ip = "containerIp";
    std::string port = "port";
    std::uint16_t standard_port = 4321;
};

[[nodiscard]] constexpr bool is_time(field f) noexcept {
    return f == field::started_at || f == field::created_at || f == field::last_activity_at ||
           f == field::ttl;
}

} // namespace postern::sync::dynamodb
