// A remote table's rows on this host: an SQLite store (sync/store/sqlite) that feeds fill, beside
// what they need to know of each row. Sync and control read it as the store that it is, so that
// several sessions of one key, records past their ttl and sessions of one container are found
// without asking the remote side. It can be deleted at any time: it is filled again.
#pragma once

#include "base/clock.hpp"
#include "base/text_template.hpp"
#include "sync/feed/row_sink.hpp"
#include "sync/store/session.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace postern::sync {

struct replica_options {
    std::string path;
    /// Which remote table, read in which way. A replica of another is begun anew.
    std::string of;
    std::string name = "the remote table"; // in messages
    bool has_containers = false; // sessions may name a container, whose address another table has
    base::text_template route_key;
    std::chrono::milliseconds busy_timeout{5'000};
};

/// Says what cannot be used of the remote side, each time that it is met.
using note_defect = std::function<void(std::string_view key, const std::string& defect)>;

/// Makes the replica where there is none, and another where it is of another remote table, damaged
/// or of another version: then `note` gets a sentence, and the file is set aside as PATH.bad.
/// Errors: unavailable.
[[nodiscard]] base::result<void>
prepare_replica(const replica_options& options,
                const std::function<void(const std::string& sentence)>& note);

/// The same for one that was deleted, replaced or damaged while it was in use: all of it is looked
/// at, and what keeps it from being filled stays noted.
[[nodiscard]] base::result<void>
renew_replica(const replica_options& options,
              const std::function<void(const std::string& sentence)>& note);

/// What keeps it from being filled, by one of those who work on that: told to whoever opens it as a
/// store before it is (replica_store.hpp), in any process. Empty: nothing, any more. Those of a
/// process that is gone are forgotten by prepare_replica. Errors: unavailable.
[[nodiscard]] base::result<void> note_trouble(const replica_options& options, std::size_t by,
                                              const std::string& why);

/// One connection each, for one thread. Requires: prepare_replica. Errors: unavailable.
[[nodiscard]] base::result<std::unique_ptr<row_sink>>
open_session_rows(const replica_options& options, const base::clock& time, note_defect note);
[[nodiscard]] base::result<std::unique_ptr<row_sink>>
open_container_rows(const replica_options& options, note_defect note);

/// What this host writes to the remote table stands in the replica at once, and an older row that a
/// feed brings after it is passed over. Not thread-safe.
class replica_writer {
  public:
    virtual ~replica_writer() = default;
    /// The replica was deleted, replaced or damaged: another writer has to be opened.
    [[nodiscard]] virtual bool is_lost() const = 0;
    /// How far the replica had come, to be asked for before a write to the remote table: where a
    /// feed has changed the record since, it knows better what came after the write.
    [[nodiscard]] virtual base::result<std::uint64_t> mark() = 0;
    /// The item at `key` is now `row`, with this version. `since`: the mark.
    [[nodiscard]] virtual base::result<void> wrote(std::string_view key, const session_row& row,
                                                   std::uint64_t version, std::uint64_t since) = 0;
    [[nodiscard]] virtual base::result<void> removed(std::string_view key, std::uint64_t version,
                                                     std::uint64_t since) = 0;
    /// The item at `key` was `row` a moment ago, by a strong read after `since`; of one that names
    /// a container, the record's target is the container's. What is newer here stays. Errors also:
    /// unavailable before the first snapshot's end.
    [[nodiscard]] virtual base::result<void> found(std::string_view key, const session_row& row,
                                                   std::uint64_t version, std::uint64_t since) = 0;
    /// The version that the remote side has of a session's record, as far as the replica knows; 0
    /// where none is counted, or there is no such session.
    [[nodiscard]] virtual base::result<std::uint64_t> version_of(std::string_view session_id) = 0;
};
[[nodiscard]] base::result<std::unique_ptr<replica_writer>>
open_replica_writer(const replica_options& options, const base::clock& time);

} // namespace postern::sync
