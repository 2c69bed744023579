#include "sync/replica/session_rows.hpp"

#include "sync/replica/replica_schema.hpp"
#include "sync/store/sqlite/session_row.hpp"

#include <fmt/format.h>

namespace postern::sync {

using base::result;
using sqlite::transaction;

namespace {

/// Feeds are this late at most, or they begin with a snapshot, which is later than what was
/// written.
constexpr std::int64_t written_here_kept_ms = 10L * 60 * 1000;

} // namespace

session_rows::session_rows(std::unique_ptr<sqlite::database> db, const replica_options& options,
                           const base::clock& time, note_defect note)
    : database_{std::move(db)}, route_key_{options.route_key},
      has_containers_{options.has_containers}, time_{time}, note_{std::move(note)} {}

result<std::string> session_rows::position() {
    return read_meta(*database_, session_position);
}

result<std::uint64_t> session_rows::count() {
    auto rows = database_->prepared("SELECT count(*) FROM replica_rows");
    const auto row = rows.step();
    if (!row)
        return row.error();
    return static_cast<std::uint64_t>(rows.integer(0));
}

result<void> session_rows::put(std::span<const row_change> changes, std::string_view position) {
    transaction write{*database_};
    if (auto begun = write.begin_write(); !begun)
        return begun;
    for (const row_change& one : changes)
        if (auto done = put_one(one); !done)
            return done;
    if (!position.empty())
        if (auto kept = write_meta(*database_, session_position, position); !kept)
            return kept;
    return write.commit();
}

result<void> session_rows::put_one(const row_change& change) {
    const auto overtaken = is_overtaken(change);
    if (!overtaken)
        return overtaken.error();
    if (*overtaken)
        return {};
    const auto* const row = change.now ? std::get_if<session_row>(&*change.now) : nullptr;
    if (row == nullptr)
        return remove_row(change.key);
    if (!row->read.defect.empty()) {
        note_(change.key, row->read.defect);
        return remove_row(change.key);
    }
    return put_row(change.key, *row, change.version);
}

result<bool> session_rows::is_overtaken(const row_change& change) {
    auto rows = database_->prepared("SELECT version, at_ms FROM written_here WHERE key = ?1")
                    .bind(change.key);
    const auto row = rows.step();
    if (!row)
        return row.error();
    if (!*row)
        return false;
    if (change.version == 0) // of two readings, the one that began after the other's end
        return change.read_from_ms != 0 && change.read_from_ms <= rows.integer(1);
    const auto newest = static_cast<std::uint64_t>(rows.integer(0));
    const std::int64_t until_ms = rows.integer(1) + written_here_kept_ms;
    if (change.version < newest && base::to_epoch_ms(time_.wall()) < until_ms)
        return true;
    auto forgotten =
        database_->prepared("DELETE FROM written_here WHERE key = ?1").bind(change.key).run();
    if (!forgotten)
        return forgotten.error();
    return false;
}

result<std::optional<session_rows::known_row>> session_rows::known(std::string_view key) {
    auto rows = database_->prepared("SELECT session_id, version FROM replica_rows WHERE key = ?1")
                    .bind(key);
    const auto row = rows.step();
    if (!row)
        return row.error();
    if (!*row)
        return std::optional<known_row>{};
    return std::optional{
        known_row{std::string{rows.text(0)}, static_cast<std::uint64_t>(rows.integer(1))}};
}

result<session> session_rows::completed(const session_row& row) {
    session record = row.read.record;
    // One that cannot be made is left empty: the follower says why.
    record.route_key = route_key_of(record, route_key_).value_or(std::string{});
    if (row.container_id.empty())
        return record;
    record.target = {};
    auto rows = database_->prepared("SELECT target FROM containers WHERE container_id = ?1")
                    .bind(row.container_id);
    const auto found = rows.step();
    if (!found)
        return found.error();
    if (*found)
        record.target = base::ip_endpoint::parse(rows.text(0)).value_or(base::ip_endpoint{});
    return record;
}

result<bool> session_rows::stands_already(const session& record) {
    auto rows = database_
                    ->prepared("SELECT " POSTERN_SESSION_COLUMNS
                               " FROM sessions AS s WHERE s.session_id = ?1")
                    .bind(record.session_id);
    const auto row = rows.step();
    if (!row)
        return row.error();
    if (!*row)
        return false;
    stored_session read = sqlite::session_of_row(rows, 0);
    read.record.version = record.version; // the replica counts its own
    return read.defect.empty() && read.record == record;
}

result<void> session_rows::put_row(std::string_view key, const session_row& row,
                                   std::uint64_t version) {
    const std::string& id = row.read.record.session_id;
    const auto before = known(key);
    if (!before)
        return before.error();
    if (*before && (*before)->session_id != id)
        if (auto gone = remove_row(key); !gone)
            return gone;
    auto owner = database_->prepared("SELECT key FROM replica_rows WHERE session_id = ?1").bind(id);
    const auto owned = owner.step();
    if (!owned)
        return owned.error();
    if (*owned && owner.text(0) != key) {
        note_(key, fmt::format("its session id is that of the item {} as well", owner.text(0)));
        return {};
    }
    const auto record = completed(row);
    if (!record)
        return record.error();
    auto noted = database_
                     ->prepared("INSERT INTO replica_rows VALUES (?1, ?2, ?3, ?4) "
                                "ON CONFLICT (key) DO UPDATE SET version = ?3, container_id = ?4 "
                                "WHERE version IS NOT ?3 OR container_id IS NOT ?4")
                     .bind(key, id, version, row.container_id)
                     .run();
    if (!noted)
        return noted;
    const auto stands = stands_already(*record);
    if (!stands)
        return stands.error();
    if (*stands)
        return {};
    // What no record ever changes says that this is another one, made since the last reading. Some
    // write it to the second.
    auto former = database_
                      ->prepared("DELETE FROM sessions WHERE session_id = ?1 AND "
                                 "created_at_ms > 0 AND created_at_ms <= ?2 - 1000")
                      .bind(id, record->created_at_ms)
                      .run();
    if (!former)
        return former;
    auto written =
        sqlite::bound(database_->prepared(
                          "INSERT INTO sessions (session_id, client_id, user_id, thread_id, "
                          "route_key, status, task, target, instruction, reason, branch, "
                          "last_commit, is_dirty, created_at_ms, started_at_ms, "
                          "last_activity_at_ms, ttl_ms, request_count, bytes_transferred, "
                          "access_generation) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
                          "?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20) "
                          "ON CONFLICT (session_id) DO UPDATE SET client_id = ?2, user_id = ?3, "
                          "thread_id = ?4, route_key = ?5, status = ?6, task = ?7, target = ?8, "
                          "instruction = ?9, reason = ?10, branch = ?11, last_commit = ?12, "
                          "is_dirty = ?13, created_at_ms = ?14, started_at_ms = ?15, "
                          "last_activity_at_ms = ?16, ttl_ms = ?17, request_count = ?18, "
                          "bytes_transferred = ?19, access_generation = ?20"),
                      *record)
            .run();
    return written;
}

result<void> session_rows::remove_row(std::string_view key) {
    const auto before = known(key);
    if (!before)
        return before.error();
    if (!*before)
        return {};
    auto removed = database_->prepared("DELETE FROM sessions WHERE session_id = ?1")
                       .bind((*before)->session_id)
                       .run();
    if (!removed)
        return removed;
    return database_->prepared("DELETE FROM replica_rows WHERE key = ?1").bind(key).run();
}

result<std::uint64_t> session_rows::sweep(const std::function<bool(std::string_view)>& keeps,
                                          std::string_view position) {
    const std::int64_t now = base::to_epoch_ms(time_.wall());
    transaction write{*database_};
    if (auto begun = write.begin_write(); !begun)
        return begun.error();
    auto old = database_->prepared("DELETE FROM written_here WHERE at_ms <= ?1")
                   .bind(now - written_here_kept_ms)
                   .run();
    if (!old)
        return old.error();
    // What this host wrote, or found, later than what the pages show is in none of them.
    const auto gone =
        refused_keys(database_
                         ->prepared("SELECT key FROM replica_rows WHERE key NOT IN "
                                    "(SELECT key FROM written_here WHERE at_ms >= ?1)")
                         .bind(scan_as_of_ms_),
                     keeps);
    if (!gone)
        return gone.error();
    for (const std::string& key : *gone)
        if (auto removed = remove_row(key); !removed)
            return removed.error();
    if (auto kept = write_meta(*database_, session_position, position); !kept)
        return kept.error();
    if (auto done = write.commit(); !done)
        return done.error();
    return gone->size();
}

result<std::unique_ptr<row_sink>> open_session_rows(const replica_options& options,
                                                    const base::clock& time, note_defect note) {
    auto db = open_replica(options);
    if (!db)
        return db.error();
    return std::unique_ptr<row_sink>{
        std::make_unique<session_rows>(std::move(*db), options, time, std::move(note))};
}

} // namespace postern::sync
