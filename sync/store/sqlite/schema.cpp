#include "sync/store/sqlite/schema.hpp"

#include <fmt/format.h>

#include <array>
#include <string>
#include <thread>

namespace postern::sync::sqlite {
namespace {

using base::failure;
using base::result;

constexpr int application_id = 0x70'73'74'6e; // "pstn", PRAGMA application_id

// Times are written with SQLite 3.40's means; unixepoch('subsec') came later.
constexpr std::string_view tables = R"sql(
CREATE TABLE meta (
    name  TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
);
INSERT INTO meta VALUES ('identity', lower(hex(randomblob(16)))), ('changes_kept', '100000');

CREATE TABLE sessions (
    session_id          TEXT PRIMARY KEY NOT NULL,
    client_id           TEXT NOT NULL DEFAULT '',
    user_id             TEXT NOT NULL DEFAULT '',
    thread_id           TEXT NOT NULL DEFAULT '',
    route_key           TEXT NOT NULL DEFAULT '',
    status              TEXT NOT NULL DEFAULT 'initializing',
    task                TEXT NOT NULL DEFAULT '',
    target              TEXT NOT NULL DEFAULT '',
    instruction         TEXT NOT NULL DEFAULT '',
    reason              TEXT NOT NULL DEFAULT '',
    branch              TEXT NOT NULL DEFAULT '',
    last_commit         TEXT NOT NULL DEFAULT '',
    is_dirty            INTEGER NOT NULL DEFAULT 0,
    created_at_ms       INTEGER NOT NULL
                        DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)),
    started_at_ms       INTEGER NOT NULL DEFAULT 0,
    last_activity_at_ms INTEGER NOT NULL DEFAULT 0,
    ttl_ms              INTEGER NOT NULL DEFAULT 0,
    request_count       INTEGER NOT NULL DEFAULT 0,
    bytes_transferred   INTEGER NOT NULL DEFAULT 0,
    version             INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX sessions_by_route_key ON sessions (route_key);
CREATE INDEX sessions_by_client ON sessions (client_id, session_id);
CREATE INDEX sessions_by_status ON sessions (status, session_id);
CREATE INDEX sessions_by_ttl ON sessions (ttl_ms, session_id) WHERE ttl_ms > 0;

CREATE TABLE changes (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT NOT NULL,
    former_key TEXT NOT NULL DEFAULT '',
    made_at_ms INTEGER NOT NULL
               DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))
);
)sql";

// Whoever writes, the change log sees it: other programs need not know of it. Activity
// (last_activity_at_ms, ttl_ms, the counts) is left out on purpose. A row's version is the number
// of its last change.
constexpr std::string_view triggers = R"sql(
CREATE TRIGGER sessions_replaced BEFORE INSERT ON sessions
WHEN EXISTS (SELECT 1 FROM sessions
             WHERE session_id = new.session_id AND route_key IS NOT new.route_key)
BEGIN
    INSERT INTO changes (session_id, former_key)
    SELECT session_id, route_key FROM sessions WHERE session_id = new.session_id;
END;

CREATE TRIGGER sessions_inserted AFTER INSERT ON sessions
BEGIN
    INSERT INTO changes (session_id) VALUES (new.session_id);
    UPDATE sessions SET version = (SELECT max(seq) FROM changes)
    WHERE session_id = new.session_id;
END;

CREATE TRIGGER sessions_updated AFTER UPDATE OF
    session_id, client_id, user_id, thread_id, route_key, status, task, target, instruction,
    reason, branch, last_commit, is_dirty, created_at_ms, started_at_ms, version ON sessions
WHEN new.session_id IS NOT old.session_id OR new.client_id IS NOT old.client_id
    OR new.user_id IS NOT old.user_id OR new.thread_id IS NOT old.thread_id
    OR new.route_key IS NOT old.route_key OR new.status IS NOT old.status
    OR new.task IS NOT old.task OR new.target IS NOT old.target
    OR new.instruction IS NOT old.instruction OR new.reason IS NOT old.reason
    OR new.branch IS NOT old.branch OR new.last_commit IS NOT old.last_commit
    OR new.is_dirty IS NOT old.is_dirty OR new.created_at_ms IS NOT old.created_at_ms
    OR new.started_at_ms IS NOT old.started_at_ms
    OR (new.version IS NOT old.version AND new.version IS NOT (SELECT max(seq) FROM changes))
BEGIN
    INSERT INTO changes (session_id, former_key)
    SELECT old.session_id, old.route_key WHERE new.session_id IS NOT old.session_id;
    INSERT INTO changes (session_id, former_key)
    VALUES (new.session_id,
            CASE WHEN new.route_key IS old.route_key THEN '' ELSE old.route_key END);
    UPDATE sessions SET version = (SELECT max(seq) FROM changes)
    WHERE session_id = new.session_id;
END;

CREATE TRIGGER sessions_renamed AFTER UPDATE OF client_id, user_id, thread_id ON sessions
WHEN new.route_key IS old.route_key AND new.route_key <> ''
    AND (new.client_id IS NOT old.client_id OR new.user_id IS NOT old.user_id
         OR new.thread_id IS NOT old.thread_id)
BEGIN
    UPDATE sessions SET route_key = '' WHERE session_id = new.session_id;
END;

CREATE TRIGGER sessions_ttl_turned AFTER UPDATE OF ttl_ms ON sessions
WHEN new.ttl_ms < old.ttl_ms
    OR (new.ttl_ms > old.ttl_ms AND old.ttl_ms > 0
        AND old.ttl_ms <= CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))
BEGIN
    INSERT INTO changes (session_id) VALUES (new.session_id);
    UPDATE sessions SET version = (SELECT max(seq) FROM changes)
    WHERE session_id = new.session_id;
END;

CREATE TRIGGER sessions_deleted AFTER DELETE ON sessions
BEGIN
    INSERT INTO changes (session_id, former_key) VALUES (old.session_id, old.route_key);
END;

CREATE TRIGGER changes_trimmed AFTER INSERT ON changes WHEN new.seq % 256 = 0
BEGIN
    DELETE FROM changes
    WHERE seq <= new.seq - (SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'changes_kept');
END;
)sql";

// Version 2: links to sessions, and what revokes them. A row that says nothing of it begins at the
// second in which it was made: links to an earlier one of the same name do not count for it.
// sessions_renamed is the same as before, made anew: of triggers on one event the youngest runs
// first.
constexpr std::string_view access_column = R"sql(
ALTER TABLE sessions ADD COLUMN access_generation INTEGER NOT NULL DEFAULT 0;
DROP TRIGGER sessions_inserted;
DROP TRIGGER sessions_updated;
DROP TRIGGER sessions_renamed;
)sql";

constexpr std::string_view access_triggers = R"sql(
CREATE TRIGGER sessions_inserted AFTER INSERT ON sessions
BEGIN
    INSERT INTO changes (session_id) VALUES (new.session_id);
    UPDATE sessions SET version = (SELECT max(seq) FROM changes),
        access_generation = CASE WHEN access_generation > 0 THEN access_generation
                                 ELSE CAST(strftime('%s', 'now') AS INTEGER) END
    WHERE session_id = new.session_id;
END;

CREATE TRIGGER sessions_updated AFTER UPDATE OF
    session_id, client_id, user_id, thread_id, route_key, status, task, target, instruction,
    reason, branch, last_commit, is_dirty, created_at_ms, started_at_ms, access_generation,
    version ON sessions
WHEN new.session_id IS NOT old.session_id OR new.client_id IS NOT old.client_id
    OR new.user_id IS NOT old.user_id OR new.thread_id IS NOT old.thread_id
    OR new.route_key IS NOT old.route_key OR new.status IS NOT old.status
    OR new.task IS NOT old.task OR new.target IS NOT old.target
    OR new.instruction IS NOT old.instruction OR new.reason IS NOT old.reason
    OR new.branch IS NOT old.branch OR new.last_commit IS NOT old.last_commit
    OR new.is_dirty IS NOT old.is_dirty OR new.created_at_ms IS NOT old.created_at_ms
    OR new.started_at_ms IS NOT old.started_at_ms
    OR (new.access_generation IS NOT old.access_generation AND old.version > 0)
    OR (new.version IS NOT old.version AND new.version IS NOT (SELECT max(seq) FROM changes))
BEGIN
    INSERT INTO changes (session_id, former_key)
    SELECT old.session_id, old.route_key WHERE new.session_id IS NOT old.session_id;
    INSERT INTO changes (session_id, former_key)
    VALUES (new.session_id,
            CASE WHEN new.route_key IS old.route_key THEN '' ELSE old.route_key END);
    UPDATE sessions SET version = (SELECT max(seq) FROM changes)
    WHERE session_id = new.session_id;
END;

CREATE TRIGGER sessions_renamed AFTER UPDATE OF client_id, user_id, thread_id ON sessions
WHEN new.route_key IS old.route_key AND new.route_key <> ''
    AND (new.client_id IS NOT old.client_id OR new.user_id IS NOT old.user_id
         OR new.thread_id IS NOT old.thread_id)
BEGIN
    UPDATE sessions SET route_key = '' WHERE session_id = new.session_id;
END;
)sql";

// Version 3: a ttl in the past where there was none is a change as well. It lies before the time up
// to which those that pass have been looked for.
constexpr std::string_view former_ttl_trigger = "DROP TRIGGER sessions_ttl_turned";
constexpr std::string_view ttl_trigger = R"sql(
CREATE TRIGGER sessions_ttl_turned AFTER UPDATE OF ttl_ms ON sessions
WHEN new.ttl_ms < old.ttl_ms
    OR (new.ttl_ms > old.ttl_ms AND old.ttl_ms > 0
        AND old.ttl_ms <= CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))
    OR (new.ttl_ms > 0 AND old.ttl_ms = 0
        AND new.ttl_ms <= CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))
BEGIN
    INSERT INTO changes (session_id) VALUES (new.session_id);
    UPDATE sessions SET version = (SELECT max(seq) FROM changes)
    WHERE session_id = new.session_id;
END;
)sql";

/// Step i takes a database from version i to i + 1. Kept for ever: somewhere a database of each
/// version waits.
struct migration {
    std::array<std::string_view, 2> steps;
};
constexpr std::array<migration, schema_version> migrations{{{{tables, triggers}},
                                                            {{access_column, access_triggers}},
                                                            {{former_ttl_trigger, ttl_trigger}}}};

failure unusable(const database& db, std::string_view sentence) {
    return {store_error::invalid, fmt::format("store {}: {}", db.path(), sentence)};
}

/// The version of its schema; 0: the database is empty.
result<int> version_of(database& db) {
    // In one statement: another process may be making the schema right now.
    auto rows = db.prepared("SELECT v.user_version, a.application_id, "
                            "(SELECT count(*) FROM sqlite_schema) "
                            "FROM pragma_user_version AS v, pragma_application_id AS a");
    const auto row = rows.step();
    if (!row)
        return row.error();
    const auto version = static_cast<int>(rows.integer(0));
    const std::int64_t owner = rows.integer(1), objects = rows.integer(2);
    if (version == 0 && owner == 0 && objects == 0)
        return 0;
    if (owner != application_id)
        return unusable(db, "it is a database of another program; name another file");
    if (version > schema_version)
        return unusable(db, fmt::format("its schema has version {}, this postern knows versions up "
                                        "to {}; use the newer postern, or a copy from before",
                                        version, schema_version));
    if (version < 1)
        return unusable(db, "its schema has no version");
    return version;
}

/// WAL is kept in the file; making it so needs the file alone for a moment, and SQLite does not
/// wait for that itself.
result<void> use_wal(database& db, std::chrono::milliseconds longest) {
    const auto deadline = std::chrono::steady_clock::now() + longest;
    for (;;) {
        const auto mode = db.value_of("PRAGMA journal_mode = WAL");
        if (mode && *mode == "wal")
            return {};
        if (mode)
            return failure{store_error::unavailable,
                           fmt::format("store {}: its file system cannot hold a write-ahead log "
                                       "(mode {}); use a local disk",
                                       db.path(), *mode)};
        if (std::chrono::steady_clock::now() >= deadline ||
            mode.error().code != store_error::unavailable)
            return mode.error();
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
}

} // namespace

result<void> prepare_schema(database& db, std::chrono::milliseconds longest) {
    db.set_patience(longest);
    // Looked at first, so that no other program's database is switched to WAL.
    auto version = version_of(db);
    if (!version)
        return version.error();
    if (auto wal = use_wal(db, longest); !wal)
        return wal;
    if (auto set = db.execute("PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 67108864");
        !set)
        return set;
    if (*version == schema_version)
        return {};

    transaction upgrade{db};
    if (auto begun = upgrade.begin_write(); !begun)
        return begun;
    version = version_of(db); // another process may have done it while this one waited
    if (!version)
        return version.error();
    for (int i = *version; i < schema_version; ++i)
        for (const std::string_view sql : migrations[static_cast<std::size_t>(i)].steps)
            if (auto done = db.execute(std::string{sql}); !done)
                return done;
    if (auto marked = db.execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}",
                                             application_id, schema_version));
        !marked)
        return marked;
    return upgrade.commit();
}

} // namespace postern::sync::sqlite
