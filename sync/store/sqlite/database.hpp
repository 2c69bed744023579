// A thin layer over libsqlite3: connection, cached statements, transactions, errors as store
// errors. database.cpp is the only file that includes sqlite3.h.
#pragma once

#include "sync/store/store.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

struct sqlite3;
struct sqlite3_stmt;

namespace postern::sync::sqlite {

class database;

/// One run of a statement: bind, step, read columns. Resets the statement when it goes.
/// An error in preparing or binding is kept and comes out of `step`.
class query {
  public:
    query(query&& other) noexcept;
    query& operator=(query&&) = delete;
    ~query();

    /// Values for ?1, ?2, ... in order. Text is copied.
    template <class... Values>
    query&& bind(const Values&... values) && {
        (bind_next(values), ...);
        return std::move(*this);
    }
    /// True: there is a row, until the next step. False: the end.
    [[nodiscard]] base::result<bool> step();
    /// Steps to the end without looking at rows.
    [[nodiscard]] base::result<void> run();

    /// Columns from 0. NULL reads as empty or 0; other types as SQLite converts them. The view
    /// lives until the next step.
    [[nodiscard]] std::string_view text(int column) const noexcept;
    [[nodiscard]] std::int64_t integer(int column) const noexcept;
    [[nodiscard]] bool is_null(int column) const noexcept;
    [[nodiscard]] bool is_blob(int column) const noexcept;

  private:
    friend class database;
    query(database& db, sqlite3_stmt* statement, int code) noexcept
        : database_{&db}, statement_{statement}, code_{code} {}
    void bind_next(std::string_view value);
    void bind_next(std::int64_t value);
    void bind_next(std::uint64_t value) { bind_next(static_cast<std::int64_t>(value)); }

    database* database_;
    sqlite3_stmt* statement_;
    int code_;
    int bound_ = 0;
};

/// One connection. Not thread-safe, not to be carried over a fork.
class database {
  public:
    /// Opens `path`; makes an empty file of mode 0600 if there is none.
    /// Errors: unavailable with the reason (directory missing, no right, ...).
    [[nodiscard]] static base::result<std::unique_ptr<database>> open(const std::string& path,
                                                                      bool create);
    ~database();
    database(const database&) = delete;
    database& operator=(const database&) = delete;

    /// `sql` must live as long as the database: statements are prepared once and found again by its
    /// address.
    [[nodiscard]] query prepared(const char* sql);
    /// Any number of statements, none with parameters; for schema and pragmas.
    [[nodiscard]] base::result<void> execute(const std::string& sql);
    /// The first column of the first row of `sql`, not cached; empty when there is no row.
    [[nodiscard]] base::result<std::string> value_of(const std::string& sql);

    void set_patience(std::chrono::milliseconds longest) noexcept;
    /// Rows that the last INSERT, UPDATE or DELETE changed, without those changed by triggers.
    [[nodiscard]] std::int64_t rows_changed() const noexcept;
    /// Rows changed over this connection so far.
    [[nodiscard]] std::int64_t rows_changed_ever() const noexcept;
    /// The file at the path is no longer the one that is open.
    [[nodiscard]] bool is_replaced() const noexcept;
    /// That, or a call has found the file damaged, or not what it was made as.
    [[nodiscard]] bool is_lost() const noexcept { return is_damaged_ || is_replaced(); }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    /// The store error for a result code of SQLite, with a sentence.
    [[nodiscard]] base::failure failure_of(int code);

  private:
    friend class transaction;
    database(sqlite3* connection, std::string path)
        : connection_{connection}, path_{std::move(path)} {}
    [[nodiscard]] bool in_transaction() const noexcept;

    sqlite3* connection_;
    std::string path_;
    bool is_damaged_ = false;
    std::unordered_map<const char*, sqlite3_stmt*> statements_;
};

/// A transaction that is taken back unless it is committed.
class transaction {
  public:
    explicit transaction(database& db) noexcept : database_{db} {}
    ~transaction();
    transaction(const transaction&) = delete;
    transaction& operator=(const transaction&) = delete;

    /// For reading: one state of the data from the first read to the end.
    [[nodiscard]] base::result<void> begin_read();
    /// For writing: waits for other writers here, so that nothing after it is refused.
    [[nodiscard]] base::result<void> begin_write();
    [[nodiscard]] base::result<void> commit();

  private:
    database& database_;
};

} // namespace postern::sync::sqlite
