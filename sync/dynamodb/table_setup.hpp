// The remote table as it should be: made where there is none, compared where there is one.
#pragma once

#include "sync/dynamodb/table_options.hpp"

#include <functional>
#include <string>
#include <vector>

namespace postern::sync::dynamodb {

struct finding {
    enum class kind {
        right,
        advice, // postern does without; others may not
        wrong,  // postern cannot work with it
    };
    kind how = kind::right;
    std::string sentence; // without a full stop: what, and what would be right
};

/// The tables that conf may name.
enum class table_of { sessions, containers };

/// Those that conf names, sessions first.
[[nodiscard]] std::vector<table_of> tables_of(const table_options& options);
[[nodiscard]] const std::string& name_of(const table_options& options, table_of which);

/// Compares a table with the conf; changes nothing. Errors: unavailable, not_found (there is no
/// such table).
[[nodiscard]] base::result<std::vector<finding>>
check_table(aws::client& calls, const table_options& options, table_of which);

/// Looks at the server that `feed redis` names, and at the keys of the tables in it, and tries all
/// that feeders and hosts do there; what others see of them stays as it is.
[[nodiscard]] std::vector<finding> check_redis(const table_options& options,
                                               const aws::client& calls);

/// What CreateTable is asked for: the keys and a stream, paid by request; of sessions the two
/// indexes of the platform.
[[nodiscard]] std::string table_wanted_text(const table_options& options, table_of which);

/// Makes a table, waits until it is there, and switches on the ttl of one of sessions. Errors:
/// unavailable, exists, invalid.
[[nodiscard]] base::result<void> make_table(aws::client& calls, const table_options& options,
                                            table_of which, aws::pause& waiting);

} // namespace postern::sync::dynamodb
