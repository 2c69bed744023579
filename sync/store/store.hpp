// The store: the truth about sessions. This is the interface that sync, control and the CLI use; sqlite/ (and later
// dynamodb/) implement it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/ip_endpoint.hpp"

namespace postern::sync {

/// As written in the store. `expired` is read as inactive.
enum class session_status { initializing, active, draining, inactive, failed };
[[nodiscard]] std::string_view name_of(session_status status) noexcept;
[[nodiscard]] std::optional<session_status> session_status_named(std::string_view name) noexcept;

/// One session record (schema A of the platform: EditSession). Strings are UTF-8; times epoch ms, 0: not set.
struct session {
    std::string session_id; // primary key, 1..255 bytes
    std::string client_id;
    std::string user_id;
    std::string thread_id;
    std::string route_key; // what the route_key template makes of the four; set by whoever writes
    session_status status = session_status::initializing;
    std::string task;      // the launcher's handle (taskArn; "process:PID:START")
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
    std::uint64_t version = 0; // grows with every change of the record that matters for routing
};

/// One step of the feed.
struct change {
    std::string session_id;
    std::string route_key;          // of the removed record, where the store still knows it
    std::optional<session> current; // nothing: removed
    std::uint64_t version = 0;
};

struct feed_batch {
    std::vector<change> changes;
    std::string checkpoint; // where the next batch starts
    bool at_end = true;     // false: there is more to read now
};

/// What activity flows back: max-merged times, added counters.
struct activity_update {
    std::string session_id;
    std::int64_t last_activity_at_ms = 0; // merged: the later one stays
    std::int64_t ttl_ms = 0;              // merged: the later one stays
    std::uint64_t requests = 0;           // added
    std::uint64_t bytes = 0;              // added
};

/// What can go wrong with a store, whatever it is.
enum class store_error {
    unavailable = 1, // cannot be opened, locked too long, disk or network gone: try again later
    conflict,        // a condition did not hold: someone else changed the record first
    exists,          // a session with this id exists
    not_found,
    gap,     // the checkpoint is older than what the feed still has: take a snapshot
    invalid, // the store's content or schema is not what it should be
};
[[nodiscard]] const boost::system::error_category& store_error_category() noexcept;
[[nodiscard]] inline boost::system::error_code make_error_code(store_error e) noexcept {
    return {static_cast<int>(e), store_error_category()};
}

/// One connection to a store. Not thread-safe: each thread opens its own. Calls block, for at most the store's timeout.
/// Every call's errors: those of store_error that it names, and `unavailable` and `invalid`.
class store {
  public:
    virtual ~store() = default;

    /// Errors: not_found.
    [[nodiscard]] virtual base::result<session> get(std::string_view session_id) = 0;
    /// The session that a route key leads to; with several, the one that is not inactive and newest. Errors: not_found.
    [[nodiscard]] virtual base::result<session> find_by_route_key(std::string_view route_key) = 0;
    [[nodiscard]] virtual base::result<std::vector<session>>
    list_by_client(std::string_view client_id) = 0;
    /// All sessions with one of the states (all states: empty), at most `count_max`, by session id, after `after_id`.
    [[nodiscard]] virtual base::result<std::vector<session>>
    list(const std::vector<session_status>& states, std::size_t count_max,
         std::string_view after_id) = 0;

    /// A new record; its version is set. Errors: exists.
    [[nodiscard]] virtual base::result<session> insert(const session& record) = 0;
    /// Replaces the record if its version is still `record.version`; the new version is in the answer. Activity fields
    /// (last_activity_at, ttl, counts) are max-merged, never set back. Errors: conflict, not_found.
    [[nodiscard]] virtual base::result<session> replace(const session& record) = 0;
    /// Errors: not_found; conflict when the version is not `version` (0: any).
    [[nodiscard]] virtual base::result<void> remove(std::string_view session_id,
                                                    std::uint64_t version) = 0;

    /// Adds activity to records that exist; the others are left out without a word (no ghosts).
    [[nodiscard]] virtual base::result<void>
    add_activity(const std::vector<activity_update>& updates) = 0;

    /// Where the feed is now; read before a snapshot so that nothing falls between.
    [[nodiscard]] virtual base::result<std::string> feed_position() = 0;
    /// Changes after a checkpoint, oldest first, at most `count_max`. Errors: gap.
    [[nodiscard]] virtual base::result<feed_batch> changes_after(std::string_view checkpoint,
                                                                 std::size_t count_max) = 0;
    /// True when something may have changed since the last call; cheap enough to call every 250 ms.
    [[nodiscard]] virtual bool may_have_changed() = 0;
};

/// Opens a connection; called again after `unavailable`. Each thread or process calls it for itself.
using open_store = std::function<base::result<std::unique_ptr<store>>()>;

} // namespace postern::sync

template <>
struct boost::system::is_error_code_enum<postern::sync::store_error> : std::true_type {};
