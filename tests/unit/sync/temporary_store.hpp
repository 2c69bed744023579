// A directory of its own with a real SQLite store in it, and shortcuts for tests.
#pragma once

#include "sync/store/sqlite/sqlite_store.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

namespace postern::sync {

class temporary_directory {
  public:
    temporary_directory() {
        std::string name = std::filesystem::temp_directory_path() / "postern-sync-XXXXXX";
        path_ = ::mkdtemp(name.data());
    }
    ~temporary_directory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    temporary_directory(const temporary_directory&) = delete;
    temporary_directory& operator=(const temporary_directory&) = delete;
    [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

/// Another program at the same database, with plain SQL.
class foreign_program {
  public:
    explicit foreign_program(const std::string& path) {
        EXPECT_EQ(::sqlite3_open(path.c_str(), &connection_), SQLITE_OK);
        ::sqlite3_busy_timeout(connection_, 30'000);
    }
    ~foreign_program() { ::sqlite3_close(connection_); }
    foreign_program(const foreign_program&) = delete;
    foreign_program& operator=(const foreign_program&) = delete;

    /// The first column of the first row.
    std::string run(const std::string& sql) {
        std::string answer;
        const auto take = [](void* into, int, char** values, char**) {
            auto& first = *static_cast<std::string*>(into);
            if (values[0] != nullptr && first.empty())
                first = values[0];
            return 0;
        };
        char* message = nullptr;
        const int code = ::sqlite3_exec(connection_, sql.c_str(), take, &answer, &message);
        EXPECT_EQ(code, SQLITE_OK) << sql << ": " << (message == nullptr ? "" : message);
        ::sqlite3_free(message);
        return answer;
    }

    /// What `.restore` of the sqlite3 shell does: all content becomes that of another file.
    void restore(const std::string& copy) {
        sqlite3* from = nullptr;
        ASSERT_EQ(::sqlite3_open(copy.c_str(), &from), SQLITE_OK);
        sqlite3_backup* backup = ::sqlite3_backup_init(connection_, "main", from, "main");
        ASSERT_NE(backup, nullptr);
        EXPECT_EQ(::sqlite3_backup_step(backup, -1), SQLITE_DONE);
        ::sqlite3_backup_finish(backup);
        ::sqlite3_close(from);
    }

  private:
    sqlite3* connection_ = nullptr;
};

inline session session_named(const std::string& id) {
    session one;
    one.session_id = id;
    one.client_id = "acme";
    one.user_id = "u1";
    one.thread_id = id;
    one.route_key = "acme-" + id;
    one.status = session_status::active;
    one.target = *base::ip_endpoint::parse("127.0.0.1:4321");
    return one;
}

} // namespace postern::sync
