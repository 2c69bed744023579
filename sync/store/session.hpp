// One session record, as every store holds it: plain values.
#pragma once

#include "base/ip_endpoint.hpp"
#include "base/route_key.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::sync {

/// As written in the store. `expired` is read as inactive.
enum class session_status { initializing, active, draining, inactive, failed };
[[nodiscard]] std::string_view name_of(session_status status) noexcept;
[[nodiscard]] std::optional<session_status> session_status_named(std::string_view name) noexcept;

/// One session record (schema A of the platform: EditSession). Strings are UTF-8; times epoch ms,
/// 0: not set.
struct session {
    std::string session_id; // primary key, 1..255 bytes
    std::string client_id;
    std::string user_id;
    std::string thread_id;
    std::string route_key; // what the route_key template makes of the four; set by whoever writes
    session_status status = session_status::initializing;
    std::string task;         // the launcher's handle (taskArn; "process:PID:START")
    base::ip_endpoint target; // containerIp:port; none without a container
    std::string instruction;
    std::string reason; // why it failed, one line
    std::string branch;
    std::string last_commit;
    bool is_dirty = false;
    std::int64_t created_at_ms = 0;
    std::int64_t started_at_ms = 0; // of the current launch
    std::int64_t last_activity_at_ms = 0;
    std::int64_t ttl_ms = 0; // epoch ms at which the record may be deleted
    std::uint64_t request_count = 0;
    std::uint64_t bytes_transferred = 0;
    /// Grows when the links to the session are revoked. A new record begins at the second in which
    /// it was made, so that links to an earlier session of the same name do not count for it.
    std::uint32_t access_generation = 0;
    std::uint64_t version = 0; // grows with every change of the record that matters for routing
    bool operator==(const session&) const = default;
};

/// What the route_key template makes of a record's clientId, userId, threadId and sessionId.
/// Nothing: a name has no value (another name, or empty in this record), one of them could make
/// another session's key, or the key is empty or too long for the table; `why` says which, with
/// views into the arguments.
[[nodiscard]] std::optional<std::string> route_key_of(const session& record,
                                                      const base::text_template& route_key,
                                                      base::route_key_fault* why = nullptr);

/// Its time is over, whatever its status.
[[nodiscard]] inline bool is_past_ttl(const session& record, std::int64_t now_ms) noexcept {
    return record.ttl_ms > 0 && record.ttl_ms <= now_ms;
}

/// Of several sessions with one route key, the one that it leads to: alive (initializing, active,
/// draining) before failed before inactive, then the one created last, then the larger id. Those
/// whose ttl is at or before `now_ms` are out of it. Nothing: none is left.
[[nodiscard]] const session* leading_session(const std::vector<session>& of_one_key,
                                             std::int64_t now_ms) noexcept;

} // namespace postern::sync
