// The embedded store: one SQLite database in WAL mode, shared by sync, control, the CLI and any
// other program.
#pragma once

#include "sync/store/store.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace postern::sync {

struct sqlite_options {
    std::string path;
    std::chrono::milliseconds busy_timeout{2000}; // how long a call waits for another's lock
    bool create = true; // false: a missing file is `unavailable`, not the beginning of a new one
};

/// Opens or, with `create`, makes the database (mode 0600) and its schema. Errors: unavailable
/// (path, lock, disk), invalid (not a database, a schema of a later version).
[[nodiscard]] base::result<std::unique_ptr<store>> open_sqlite_store(const sqlite_options& options);

} // namespace postern::sync
