#include "sync/replica/replica_schema.hpp"

#include "sync/store/sqlite/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <unistd.h>

namespace postern::sync {
namespace {

using base::failure;
using base::result;
using sqlite::database;
using sqlite::transaction;

/// Grows when the tables below change: an older replica is begun anew.
constexpr int replica_version = 1;

// `replica_rows`: which item each session is from. `written_here`: the newest version that this
// host has written of an item, kept until feeds must have caught up with it.
constexpr const char* replica_tables = R"sql(
CREATE TABLE replica_rows (
    key          TEXT PRIMARY KEY NOT NULL,
    session_id   TEXT NOT NULL UNIQUE,
    version      INTEGER NOT NULL,
    container_id TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX replica_rows_by_container ON replica_rows (container_id) WHERE container_id <> '';
CREATE TABLE containers (
    container_id TEXT PRIMARY KEY NOT NULL,
    target       TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE written_here (
    key     TEXT PRIMARY KEY NOT NULL,
    version INTEGER NOT NULL,
    at_ms   INTEGER NOT NULL
) WITHOUT ROWID;
)sql";

std::string mark_of(const replica_options& options) {
    return fmt::format("{} {}", replica_version, options.of);
}

failure failed(const std::string& path, std::string_view what) {
    return {store_error::unavailable,
            fmt::format("{} cannot be {}: {}", path, what, base::last_errno().message())};
}

result<void> remove_file(const std::string& path) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
        return failed(path, "deleted");
    return {};
}

/// What SQLite keeps beside a database.
result<void> remove_log_of(const std::string& path) {
    for (const char* ending : {"-wal", "-shm"})
        if (auto removed = remove_file(path + ending); !removed)
            return removed;
    return {};
}

result<void> remove_database(const std::string& path) {
    auto removed = remove_file(path);
    return removed ? remove_log_of(path) : removed;
}

result<void> fill(const std::string& path, const replica_options& options) {
    auto db = database::open(path, true);
    if (!db)
        return db.error();
    if (auto made = sqlite::prepare_schema(**db, options.busy_timeout); !made)
        return made;
    transaction make{**db};
    if (auto begun = make.begin_write(); !begun)
        return begun;
    if (auto made = (*db)->execute(replica_tables); !made)
        return made;
    if (auto marked = write_meta(**db, "replica_of", mark_of(options)); !marked)
        return marked;
    return make.commit();
}

/// Made beside, and at its place once it is whole: whoever opens it finds all of it, or nothing.
result<void> make(const replica_options& options) {
    const std::string beside = fmt::format("{}.{}", options.path, ::gettid());
    if (auto removed = remove_database(beside); !removed)
        return removed;
    auto made = fill(beside, options);
    // SQLite would take a deleted one's log for the new one's. Another process may have been
    // quicker.
    if (made && !is_made(options))
        made = remove_log_of(options.path);
    if (made && ::link(beside.c_str(), options.path.c_str()) != 0 && errno != EEXIST)
        made = failed(options.path, "made");
    auto removed = remove_database(beside);
    return made ? removed : made;
}

using check_more = std::function<result<void>(database&)>;

result<void> check(const replica_options& options, const check_more& more) {
    // SQLite would wait until nobody has it open any more.
    std::error_code unread;
    if (std::filesystem::file_size(options.path, unread) == 0)
        return failure{store_error::invalid, "it is empty"};
    auto db = database::open(options.path, false);
    if (!db)
        return db.error();
    if (auto made = sqlite::prepare_schema(**db, options.busy_timeout); !made)
        return made;
    const auto mark = read_meta(**db, "replica_of");
    if (!mark)
        return mark.error();
    if (*mark == mark_of(options))
        return more(**db);
    if (!mark->empty())
        return failure{store_error::invalid, "it is a replica of " + *mark};
    const auto sessions = (*db)->value_of("SELECT count(*) FROM sessions");
    if (!sessions)
        return sessions.error();
    if (*sessions != "0")
        return failure{store_error::unavailable,
                       fmt::format("replica {}: it is a store of its own", options.path)};
    return failure{store_error::invalid, "it is not said of what it is one"};
}

/// Nothing is lost with it, the truth is the remote table; but someone may want to see it.
result<void> set_aside(const std::string& path) {
    if (auto removed = remove_log_of(path); !removed)
        return removed;
    if (::rename(path.c_str(), (path + ".bad").c_str()) != 0 && errno != ENOENT)
        return failed(path, fmt::format("renamed to {}.bad", path));
    return {};
}

result<void> prepare(const replica_options& options,
                     const std::function<void(const std::string& sentence)>& note,
                     const check_more& more) {
    if (is_made(options)) {
        auto checked = check(options, more);
        if (checked || checked.error().code != store_error::invalid)
            return checked;
        note(fmt::format("the replica {} is begun anew: {}", options.path, checked.error().what));
        if (auto aside = set_aside(options.path); !aside)
            return aside;
    }
    return make(options);
}

} // namespace

result<void> prepare_replica(const replica_options& options,
                             const std::function<void(const std::string& sentence)>& note) {
    return prepare(options, note, [](database& db) {
        return db.execute("DELETE FROM meta WHERE name GLOB 'trouble_*'");
    });
}

result<void> renew_replica(const replica_options& options,
                           const std::function<void(const std::string& sentence)>& note) {
    return prepare(options, note, [](database& db) -> result<void> {
        const auto found = db.value_of("PRAGMA quick_check(1)");
        if (!found)
            return found.error();
        if (*found != "ok")
            return failure{store_error::invalid, fmt::format("it is damaged ({})", *found)};
        return {};
    });
}

result<std::unique_ptr<database>> open_replica(const replica_options& options) {
    auto db = database::open(options.path, false);
    if (!db)
        return db.error();
    (*db)->set_patience(options.busy_timeout);
    const auto mark = read_meta(**db, "replica_of");
    if (!mark)
        return failure{store_error::unavailable, mark.error().what};
    if (*mark != mark_of(options))
        return failure{store_error::unavailable,
                       fmt::format("replica {}: it is no replica of {}", options.path, options.of)};
    return db;
}

bool is_made(const replica_options& options) {
    return ::access(options.path.c_str(), F_OK) == 0;
}

result<void> note_trouble(const replica_options& options, std::size_t by, const std::string& why) {
    const auto db = open_replica(options);
    if (!db)
        return db.error();
    const std::string name = fmt::format("trouble_{}", by);
    if (why.empty())
        return (*db)->prepared("DELETE FROM meta WHERE name = ?1").bind(name).run();
    return write_meta(**db, name, why);
}

result<std::string> troubles_of(database& db) {
    std::vector<std::string> told;
    auto rows = db.prepared("SELECT value FROM meta WHERE name GLOB 'trouble_*' ORDER BY name");
    for (;;) {
        const auto row = rows.step();
        if (!row)
            return row.error();
        if (!*row)
            return fmt::format("{}", fmt::join(told, "; "));
        // A server that is away is away for all who need it.
        const std::string_view why = rows.text(0);
        if (std::none_of(told.begin(), told.end(),
                         [&](const std::string& one) { return why.ends_with(one); }))
            told.emplace_back(why);
    }
}

result<std::string> read_meta(database& db, std::string_view name) {
    auto rows = db.prepared("SELECT value FROM meta WHERE name = ?1").bind(name);
    const auto row = rows.step();
    if (!row)
        return row.error();
    return *row ? std::string{rows.text(0)} : std::string{};
}

result<void> write_meta(database& db, std::string_view name, std::string_view value) {
    return db.prepared("INSERT OR REPLACE INTO meta VALUES (?1, ?2)").bind(name, value).run();
}

result<void> set_target(database& db, std::string_view container_id,
                        const base::ip_endpoint& target) {
    const std::string text = target.address.is_none() ? std::string{} : target.text();
    auto set =
        text.empty()
            ? db.prepared("DELETE FROM containers WHERE container_id = ?1").bind(container_id).run()
            : db.prepared("INSERT INTO containers VALUES (?1, ?2) "
                          "ON CONFLICT (container_id) DO UPDATE SET target = ?2")
                  .bind(container_id, text)
                  .run();
    if (!set)
        return set;
    return db
        .prepared("UPDATE sessions SET target = ?2 WHERE target IS NOT ?2 AND session_id IN "
                  "(SELECT session_id FROM replica_rows WHERE container_id = ?1 "
                  "AND container_id <> '')")
        .bind(container_id, text)
        .run();
}

result<std::vector<std::string>> refused_keys(sqlite::query rows,
                                              const std::function<bool(std::string_view)>& keeps) {
    std::vector<std::string> refused;
    for (;;) {
        const auto row = rows.step();
        if (!row)
            return row.error();
        if (!*row)
            return refused;
        if (!keeps(rows.text(0)))
            refused.emplace_back(rows.text(0));
    }
}

result<bool> is_loaded(database& db, bool has_containers) {
    const auto sessions = read_meta(db, session_position);
    if (!sessions)
        return sessions.error();
    if (!has_containers)
        return !sessions->empty();
    const auto containers = read_meta(db, container_position);
    if (!containers)
        return containers.error();
    return !sessions->empty() && !containers->empty();
}

} // namespace postern::sync
