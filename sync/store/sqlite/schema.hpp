// The database's schema: made, checked and brought up to date when it is opened. README.md shows it
// to people.
#pragma once

#include "sync/store/sqlite/database.hpp"

#include <chrono>

namespace postern::sync::sqlite {

inline constexpr int schema_version = 3; // PRAGMA user_version

/// Sets the connection up (WAL, synchronous NORMAL) and makes sure that the schema is there in this
/// version. Several processes may do it at once: one makes it, the others wait, for at most
/// `longest`. Errors: invalid (another program's database, a later schema), unavailable.
[[nodiscard]] base::result<void> prepare_schema(database& db, std::chrono::milliseconds longest);

} // namespace postern::sync::sqlite
