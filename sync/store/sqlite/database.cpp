#include "sync/store/sqlite/database.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>

namespace postern::sync::sqlite {
namespace {

using base::failure;
using base::result;

// SQLITE_STATIC and SQLITE_TRANSIENT are casts of integers; this is the second, said in C++.
// NOLINTNEXTLINE(performance-no-int-to-ptr)
const auto copy_text = reinterpret_cast<sqlite3_destructor_type>(-1);

std::string reason_of(int system_error) {
    return system_error == 0 ? std::string{"cannot be opened"} : std::strerror(system_error);
}

/// Makes the file without opening it: closing a descriptor of it would drop the POSIX locks that
/// other connections of this process hold.
result<void> make_file(const std::string& path) {
    if (::mknod(path.c_str(), S_IFREG | 0600, 0) == 0 || errno == EEXIST)
        return {};
    const int error = errno;
    return failure{store_error::unavailable,
                   fmt::format("store {}: cannot be created, {}; its directory must exist and be "
                               "writable for the user that postern runs as",
                               path, reason_of(error))};
}

} // namespace

query::query(query&& other) noexcept
    : database_{other.database_}, statement_{std::exchange(other.statement_, nullptr)},
      code_{other.code_}, bound_{other.bound_} {}

query::~query() {
    if (statement_ == nullptr)
        return;
    ::sqlite3_reset(statement_);
    ::sqlite3_clear_bindings(statement_);
}

void query::bind_next(std::string_view value) {
    if (code_ != SQLITE_OK)
        return;
    // An empty view may have no address, which would bind NULL.
    const char* bytes = value.data() == nullptr ? "" : value.data();
    code_ =
        ::sqlite3_bind_text64(statement_, ++bound_, bytes, value.size(), copy_text, SQLITE_UTF8);
}

void query::bind_next(std::int64_t value) {
    if (code_ == SQLITE_OK)
        code_ = ::sqlite3_bind_int64(statement_, ++bound_, value);
}

result<bool> query::step() {
    if (code_ == SQLITE_OK) {
        const int stepped = ::sqlite3_step(statement_);
        if (stepped == SQLITE_ROW)
            return true;
        if (stepped == SQLITE_DONE)
            return false;
        code_ = stepped;
    }
    return database_->failure_of(code_);
}

result<void> query::run() {
    for (;;) {
        const auto row = step();
        if (!row)
            return row.error();
        if (!*row)
            return {};
    }
}

std::string_view query::text(int column) const noexcept {
    const unsigned char* bytes = ::sqlite3_column_text(statement_, column);
    if (bytes == nullptr)
        return {};
    return {reinterpret_cast<const char*>(bytes),
            static_cast<std::size_t>(::sqlite3_column_bytes(statement_, column))};
}

std::int64_t query::integer(int column) const noexcept {
    return ::sqlite3_column_int64(statement_, column);
}

bool query::is_null(int column) const noexcept {
    return ::sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

bool query::is_blob(int column) const noexcept {
    return ::sqlite3_column_type(statement_, column) == SQLITE_BLOB;
}

result<std::unique_ptr<database>> database::open(const std::string& path, bool create) {
    if (create) {
        if (auto made = make_file(path); !made)
            return made.error();
    }
    sqlite3* connection = nullptr;
    // Without SQLITE_OPEN_CREATE: the file exists, and SQLite's own mode would be 0644.
    const int code = ::sqlite3_open_v2(
        path.c_str(), &connection,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
    std::unique_ptr<database> opened{new database{connection, path}};
    if (code != SQLITE_OK)
        return opened->failure_of(code);
    // What SQLite opens for reading only, because the file is write-protected, is of no use here.
    if (::sqlite3_db_readonly(connection, "main") == 1)
        return opened->failure_of(SQLITE_READONLY);
    return opened;
}

database::~database() {
    for (const auto& [sql, statement] : statements_)
        ::sqlite3_finalize(statement);
    ::sqlite3_close(connection_);
}

query database::prepared(const char* sql) {
    sqlite3_stmt*& statement = statements_[sql];
    int code = SQLITE_OK;
    if (statement == nullptr)
        code = ::sqlite3_prepare_v3(connection_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement,
                                    nullptr);
    return query{*this, statement, code};
}

result<void> database::execute(const std::string& sql) {
    const int code = ::sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK)
        return failure_of(code);
    return {};
}

result<std::string> database::value_of(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    int code = ::sqlite3_prepare_v2(connection_, sql.c_str(), -1, &statement, nullptr);
    std::string value;
    if (code == SQLITE_OK) {
        query once{*this, statement, code};
        const auto row = once.step();
        if (row && *row)
            value = once.text(0);
        if (!row)
            code = ::sqlite3_extended_errcode(connection_);
    }
    ::sqlite3_finalize(statement);
    if (code != SQLITE_OK)
        return failure_of(code);
    return value;
}

void database::set_patience(std::chrono::milliseconds longest) noexcept {
    ::sqlite3_busy_timeout(connection_, static_cast<int>(longest.count()));
}

std::int64_t database::rows_changed() const noexcept {
    return ::sqlite3_changes64(connection_);
}

std::int64_t database::rows_changed_ever() const noexcept {
    return ::sqlite3_total_changes64(connection_);
}

bool database::is_replaced() const noexcept {
    int moved = 0;
    return ::sqlite3_file_control(connection_, "main", SQLITE_FCNTL_HAS_MOVED, &moved) ==
               SQLITE_OK &&
           moved != 0;
}

bool database::in_transaction() const noexcept {
    return ::sqlite3_get_autocommit(connection_) == 0;
}

failure database::failure_of(int code) {
    const auto about = [&](store_error error, std::string_view sentence) {
        return failure{error, fmt::format("store {}: {}", path_, sentence)};
    };
    const int kind = code & 0xff;
    // SQLITE_ERROR: what our own SQL asks for is not there, as in a file that was cut to nothing.
    is_damaged_ =
        is_damaged_ || kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB || kind == SQLITE_ERROR;
    switch (kind) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return about(store_error::unavailable, "another process has it locked");
    case SQLITE_CANTOPEN:
        return about(store_error::unavailable,
                     fmt::format("{}; it must be a file that postern's user may read and write, in "
                                 "a directory that it may write",
                                 reason_of(::sqlite3_system_errno(connection_))));
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return about(store_error::unavailable,
                     "it is write-protected; postern's user must be able to write the file and its "
                     "directory");
    case SQLITE_FULL:
        return about(store_error::unavailable, "the disk is full");
    case SQLITE_IOERR:
        return about(store_error::unavailable,
                     fmt::format("the disk failed, {} ({})",
                                 reason_of(::sqlite3_system_errno(connection_)),
                                 ::sqlite3_errstr(code)));
    case SQLITE_NOTADB:
        return about(store_error::invalid, "it is not an SQLite database");
    case SQLITE_CORRUPT:
        return about(store_error::invalid,
                     fmt::format("the database is damaged ({}); restore a copy or move it away",
                                 ::sqlite3_errmsg(connection_)));
    case SQLITE_CONSTRAINT:
        return about(store_error::exists, ::sqlite3_errmsg(connection_));
    default:
        return about(store_error::invalid,
                     fmt::format("{} (SQLite code {})", ::sqlite3_errmsg(connection_), code));
    }
}

transaction::~transaction() {
    // A failed statement may have ended the transaction already.
    if (database_.in_transaction()) [[maybe_unused]]
        const auto undone = database_.execute("ROLLBACK");
}

result<void> transaction::begin_read() {
    return database_.prepared("BEGIN").run();
}

result<void> transaction::begin_write() {
    return database_.prepared("BEGIN IMMEDIATE").run();
}

result<void> transaction::commit() {
    return database_.prepared("COMMIT").run();
}

} // namespace postern::sync::sqlite
