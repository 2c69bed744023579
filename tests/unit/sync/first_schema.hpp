// Version 1 of the SQLite store's schema, as databases out there have it: what an upgrade starts
// from. Never changed.
#pragma once

namespace postern::sync {

inline constexpr const char* first_tables = R"sql(
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

inline constexpr const char* first_triggers = R"sql(
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

inline constexpr const char* first_marks = "PRAGMA application_id = 0x7073746e; "
                                           "PRAGMA user_version = 1";

} // namespace postern::sync
