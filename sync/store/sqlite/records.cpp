// The records of an SQLite store: read, and written where a condition holds.
#include "sync/store/session_defect.hpp"
#include "sync/store/sqlite/session_row.hpp"
#include "sync/store/sqlite/sqlite_connection.hpp"

#include <fmt/format.h>

namespace postern::sync::sqlite {

using base::failure;
using base::result;

result<void> sqlite_connection::still_there() const {
    if (!database_->is_replaced())
        return {};
    return failure{store_error::unavailable,
                   fmt::format("store {}: the file was deleted or replaced", database_->path())};
}

failure sqlite_connection::no_such_session(std::string_view session_id) const {
    return {store_error::not_found,
            fmt::format("store {}: session \"{}\"", database_->path(), session_id)};
}

failure sqlite_connection::refusal_of(std::string_view session_id, std::uint64_t version) {
    auto rows =
        database_->prepared("SELECT version FROM sessions WHERE session_id = ?1").bind(session_id);
    const auto row = rows.step();
    if (!row)
        return row.error();
    if (!*row)
        return no_such_session(session_id);
    return {store_error::conflict,
            fmt::format("store {}: session \"{}\" has version {}, not {}", database_->path(),
                        session_id, rows.integer(0), version)};
}

result<session> sqlite_connection::get(std::string_view session_id) {
    if (auto there = still_there(); !there)
        return there.error();
    auto rows = database_
                    ->prepared("SELECT " POSTERN_SESSION_COLUMNS
                               " FROM sessions AS s WHERE s.session_id = ?1")
                    .bind(session_id);
    const auto row = rows.step();
    if (!row)
        return row.error();
    if (!*row)
        return no_such_session(session_id);
    stored_session read = session_of_row(rows, 0);
    if (!read.defect.empty())
        return failure{store_error::invalid,
                       fmt::format("store {}: session \"{}\": {}", database_->path(), session_id,
                                   read.defect)};
    return std::move(read.record);
}

result<void> sqlite_connection::begin(transaction& write) {
    auto there = still_there();
    return there ? write.begin_write() : there;
}

result<void> sqlite_connection::begin(transaction& write, const session& record) {
    if (std::string defect = defect_of(record); !defect.empty())
        return failure{store_error::invalid, "session cannot be stored: " + defect};
    return begin(write);
}

result<session> sqlite_connection::end(transaction& write, std::string_view session_id) {
    auto made = get(session_id);
    if (!made)
        return made;
    if (auto done = write.commit(); !done)
        return done.error();
    return made;
}

result<session> sqlite_connection::insert(const session& record) {
    transaction write{*database_};
    if (auto begun = begin(write, record); !begun)
        return begun.error();
    const auto inserted =
        bound(database_->prepared(
                  "INSERT INTO sessions (session_id, client_id, user_id, thread_id, "
                  "route_key, status, task, target, instruction, reason, branch, last_commit, "
                  "is_dirty, created_at_ms, started_at_ms, last_activity_at_ms, ttl_ms, "
                  "request_count, bytes_transferred, access_generation) VALUES (?1, ?2, ?3, ?4, "
                  "?5, ?6, ?7, ?8, "
                  "?9, ?10, ?11, ?12, ?13, coalesce(nullif(?14, 0), "
                  "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)), "
                  "?15, ?16, ?17, ?18, ?19, ?20)"),
              record)
            .run();
    if (!inserted) {
        if (inserted.error().code == store_error::exists)
            return failure{store_error::exists, fmt::format("store {}: session \"{}\"",
                                                            database_->path(), record.session_id)};
        return inserted.error();
    }
    return end(write, record.session_id);
}

result<session> sqlite_connection::replace(const session& record) {
    transaction write{*database_};
    if (auto begun = begin(write, record); !begun)
        return begun.error();
    // version = 0 makes the trigger count even a replacement by the same values: the next writer
    // with the old version must be refused.
    const auto updated =
        bound(database_->prepared(
                  "UPDATE sessions SET client_id = ?2, user_id = ?3, thread_id = ?4, "
                  "route_key = ?5, status = ?6, task = ?7, target = ?8, instruction = ?9, "
                  "reason = ?10, branch = ?11, last_commit = ?12, is_dirty = ?13, "
                  "created_at_ms = ?14, started_at_ms = ?15, "
                  "last_activity_at_ms = max(last_activity_at_ms, ?16), "
                  "ttl_ms = max(ttl_ms, ?17), request_count = max(request_count, ?18), "
                  "bytes_transferred = max(bytes_transferred, ?19), access_generation = ?20, "
                  "version = 0 WHERE session_id = ?1 AND version = ?21"),
              record)
            .bind(record.version)
            .run();
    if (!updated)
        return updated.error();
    if (database_->rows_changed() == 0)
        return refusal_of(record.session_id, record.version);
    // A change of ids under the same key has made the trigger sessions_renamed empty the key; here
    // it was meant.
    const auto keyed = database_
                           ->prepared("UPDATE sessions SET route_key = ?2 "
                                      "WHERE session_id = ?1 AND route_key <> ?2")
                           .bind(record.session_id, record.route_key)
                           .run();
    if (!keyed)
        return keyed.error();
    return end(write, record.session_id);
}

result<void> sqlite_connection::remove(std::string_view session_id, std::uint64_t version) {
    transaction write{*database_};
    if (auto begun = begin(write); !begun)
        return begun;
    auto removed =
        database_
            ->prepared("DELETE FROM sessions WHERE session_id = ?1 AND (?2 = 0 OR version = ?2)")
            .bind(session_id, version)
            .run();
    if (!removed)
        return removed;
    if (database_->rows_changed() == 0)
        return refusal_of(session_id, version);
    return write.commit();
}

result<void> sqlite_connection::set_route_key(std::string_view session_id,
                                              std::string_view route_key, std::uint64_t version) {
    transaction write{*database_};
    if (auto begun = begin(write); !begun)
        return begun;
    auto updated = database_
                       ->prepared("UPDATE sessions SET route_key = ?2 "
                                  "WHERE session_id = ?1 AND version = ?3")
                       .bind(session_id, route_key, version)
                       .run();
    if (!updated)
        return updated;
    if (database_->rows_changed() == 0)
        return refusal_of(session_id, version);
    return write.commit();
}

result<void> sqlite_connection::add_activity(const std::vector<activity_update>& updates) {
    transaction write{*database_};
    if (auto begun = begin(write); !begun)
        return begun;
    for (const activity_update& one : updates) {
        auto added =
            database_
                ->prepared("UPDATE sessions SET "
                           "last_activity_at_ms = max(last_activity_at_ms, ?2), "
                           "ttl_ms = iif(ttl_ms BETWEEN 1 AND ?6 - 1, ttl_ms, max(ttl_ms, ?3)), "
                           "request_count = request_count + ?4, "
                           "bytes_transferred = bytes_transferred + ?5 WHERE session_id = ?1")
                .bind(one.session_id, one.last_activity_at_ms, one.ttl_ms, one.requests, one.bytes,
                      one.tried_at_ms)
                .run();
        if (!added)
            return added;
    }
    return write.commit();
}

result<void> sqlite_connection::try_write() {
    // Two transactions: what one of them takes back itself never comes to the disk. The text has
    // 64 KiB; a row that the second could not remove is replaced by the next try.
    for (const char* sql : {"INSERT OR REPLACE INTO meta VALUES ('room', hex(zeroblob(32768)))",
                            "DELETE FROM meta WHERE name = 'room'"}) {
        transaction write{*database_};
        if (auto begun = begin(write); !begun)
            return begun;
        if (auto done = database_->prepared(sql).run(); !done)
            return done;
        if (auto kept = write.commit(); !kept)
            return kept;
    }
    return {};
}

} // namespace postern::sync::sqlite
