// The store: the truth about sessions. This is the interface that sync, control and the CLI use;
// sqlite/ and sync/dynamodb implement it.
#pragma once

#include "base/error.hpp"
#include "sync/store/session.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::sync {

/// A record as a snapshot or the feed shows it. Whoever wrote it may have been no program of ours.
struct stored_session {
    session record;
    std::string defect; // why it cannot be used, a sentence; empty: it can
};

/// Enough of a record to tell whether it is still the one that was read.
struct session_stamp {
    std::string session_id;
    /// Grows with every change of the record: the feed's number of the last one. The record's own
    /// `version` where the store counts by the feed, which not every store does.
    std::uint64_t version = 0;
    std::int64_t last_activity_at_ms = 0, ttl_ms = 0; // move on without a new version
};

/// Some records of a snapshot.
struct snapshot_page {
    std::vector<stored_session> records;
    std::string next; // what to ask for the next page with; empty: this was the last
};

/// One step of the feed.
struct change {
    std::string session_id;
    std::string route_key; // that the record had before and has no more: another key, or removed;
                           // may be empty
    std::optional<stored_session>
        current;               // as it is when the feed is read, not as it was; nothing: removed
    std::uint64_t version = 0; // grows along the feed, across all records
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
    std::int64_t tried_at_ms = 0;         // first; a ttl that had passed by then stays passed
};

/// What can go wrong with a store, whatever it is.
enum class store_error {
    unavailable = 1, // cannot be opened, locked too long, disk or network gone: try again later
    conflict,        // a condition did not hold: someone else changed the record first
    exists,          // a session with this id exists
    not_found,
    gap,     // the checkpoint is older than what the feed still has: take a snapshot
    invalid, // the store's content or schema is not what it should be
    loading, // a store elsewhere, before its first snapshot is here: try again later
};
[[nodiscard]] const boost::system::error_category& store_error_category() noexcept;
[[nodiscard]] inline boost::system::error_code make_error_code(store_error e) noexcept {
    return {static_cast<int>(e), store_error_category()};
}

/// One connection to a store. Not thread-safe: each thread opens its own. Calls block, for at most
/// the store's timeout. Every call's errors: those of store_error that it names, and `unavailable`,
/// `invalid`, and of a replica `loading`.
class store {
  public:
    virtual ~store() = default;

    /// Errors: not_found; invalid when the record has a defect.
    [[nodiscard]] virtual base::result<session> get(std::string_view session_id) = 0;
    /// The session that a route key leads to (`leading_session`, expired ones included). Errors:
    /// not_found.
    [[nodiscard]] base::result<session> find_by_route_key(std::string_view route_key);
    /// All with this key. Lists leave records with a defect out.
    [[nodiscard]] virtual base::result<std::vector<session>>
    list_by_route_key(std::string_view route_key) = 0;
    [[nodiscard]] virtual base::result<std::vector<session>>
    list_by_client(std::string_view client_id) = 0;
    /// All sessions with one of the states (all states: empty), at most `count_max`, by session id,
    /// after `after_id`.
    [[nodiscard]] virtual base::result<std::vector<session>>
    list(const std::vector<session_status>& states, std::size_t count_max,
         std::string_view after_id) = 0;
    /// As `list`, for a fraction of its cost; records with a defect are among them.
    [[nodiscard]] virtual base::result<std::vector<session_stamp>>
    list_stamps(const std::vector<session_status>& states, std::size_t count_max,
                std::string_view after_id) = 0;

    /// A new record; its version is set. Errors: exists.
    [[nodiscard]] virtual base::result<session> insert(const session& record) = 0;
    /// Replaces the record if its version is still `record.version`; the new version is in the
    /// answer. Activity fields (last_activity_at, ttl, counts) are max-merged, never set back.
    /// Errors: conflict, not_found.
    [[nodiscard]] virtual base::result<session> replace(const session& record) = 0;
    /// Errors: not_found; conflict when the version is not `version` (0: any).
    [[nodiscard]] virtual base::result<void> remove(std::string_view session_id,
                                                    std::uint64_t version) = 0;

    /// Adds activity to records that exist; the others are left out without a word (no ghosts).
    [[nodiscard]] virtual base::result<void>
    add_activity(const std::vector<activity_update>& updates) = 0;

    /// Which data this is; another database, table or restored copy has another one. At most 64
    /// bytes of [0-9A-Za-z:-].
    [[nodiscard]] virtual base::result<std::string> identity() = 0;
    /// The wall time, epoch ms, as of which the store knows all there is; 0: not known. Before
    /// `now_ms` where the store stands here for another that is elsewhere.
    [[nodiscard]] virtual std::int64_t known_as_of_ms(std::int64_t now_ms) const { return now_ms; }
    /// How far this host's clock is ahead of that of a store elsewhere, as far as that has shown;
    /// 0: not. Whether a ttl has passed is asked of the one that is behind: what is ended, or
    /// removed, by a wrong clock is gone for all hosts.
    [[nodiscard]] virtual std::int64_t clock_ahead_ms() const { return 0; }
    /// What keeps it from knowing all there is, where it stands here for another, as far as anybody
    /// has noted it: a part of a sentence. Empty: nothing, or nobody knows.
    [[nodiscard]] virtual base::result<std::string> lags_because() { return std::string{}; }
    /// Where the feed is now; read before a snapshot so that nothing falls between. At most 128
    /// bytes without spaces.
    [[nodiscard]] virtual base::result<std::string> feed_position() = 0;
    /// The version that a feed position stands for: what was read after it is at least as new.
    [[nodiscard]] virtual std::uint64_t version_at(std::string_view position) const = 0;
    /// Changes after a checkpoint, oldest first, at most `count_max`. Errors: gap.
    [[nodiscard]] virtual base::result<feed_batch> changes_after(std::string_view checkpoint,
                                                                 std::size_t count_max) = 0;
    /// True when something may have changed since the last call; cheap enough to call every 250 ms.
    [[nodiscard]] virtual bool may_have_changed() = 0;
    /// The records of a snapshot, at most `count_max` at a time; `from` is empty, then the last
    /// page's `next`. A record that stays meanwhile is in one of the pages.
    [[nodiscard]] virtual base::result<snapshot_page> read_snapshot(std::string_view from,
                                                                    std::size_t count_max) = 0;
    /// Records whose ttl has passed: after `after_ms`, not after `until_ms`, at most `count_max`,
    /// by ttl and id, starting behind `after_id` where ttl is exactly `after_ms`.
    [[nodiscard]] virtual base::result<std::vector<stored_session>>
    list_expired(std::int64_t after_ms, std::string_view after_id, std::int64_t until_ms,
                 std::size_t count_max) = 0;

    /// Gives a record its route key if its version is still `version`; it then has a new one.
    /// Errors: conflict, not_found.
    [[nodiscard]] virtual base::result<void> set_route_key(std::string_view session_id,
                                                           std::string_view route_key,
                                                           std::uint64_t version) = 0;
    /// The template that the records' route keys were made by; empty: none was noted yet.
    [[nodiscard]] virtual base::result<std::string> route_key_template() = 0;
    [[nodiscard]] virtual base::result<void> note_route_key_template(std::string_view text) = 0;

    /// Whether writing works: writes as much as the largest record takes, and takes it away again.
    /// No record, and nothing in the feed, tells of it.
    [[nodiscard]] virtual base::result<void> try_write() = 0;

    /// How long a call may wait for other writers from here on.
    virtual void set_patience(std::chrono::milliseconds longest) = 0;
};

/// Opens a connection; called again after `unavailable`. Each thread or process calls it for
/// itself.
using open_store = std::function<base::result<std::unique_ptr<store>>()>;

} // namespace postern::sync

template <>
struct boost::system::is_error_code_enum<postern::sync::store_error> : std::true_type {};
