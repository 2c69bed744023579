// A row of the sessions table as a session, and back. Rows may come from any program: they are
// validated here.
#pragma once

#include "sync/store/sqlite/database.hpp"

namespace postern::sync::sqlite {

/// The columns in the order in which `session_of_row` reads them, for SELECT; `s` is the table's
/// alias.
#define POSTERN_SESSION_COLUMNS                                                                    \
    "s.session_id, s.client_id, s.user_id, s.thread_id, s.route_key, s.status, s.task, s.target, " \
    "s.instruction, s.reason, s.branch, s.last_commit, s.is_dirty, s.created_at_ms, "              \
    "s.started_at_ms, s.last_activity_at_ms, s.ttl_ms, s.request_count, s.bytes_transferred, "     \
    "s.version, s.access_generation"

/// Reads the columns from `first` on.
[[nodiscard]] stored_session session_of_row(const query& row, int first);

/// Binds a record's fields to ?1 to ?20: those columns without `version`, access_generation last.
[[nodiscard]] query bound(query statement, const session& record);

} // namespace postern::sync::sqlite
