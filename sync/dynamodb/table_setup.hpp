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

/// Compares the tables with the conf; changes nothing. Errors: unavailable, not_found (there is no
/// table of sessions).
[[nodiscard]] base::result<std::vector<finding>> check_tables(aws::client& calls,
                                                              const table_options& options);

/// Looks at the server that `feed redis` names, and at the keys of the tables in it, and tries all
/// that feeders and hosts do there; what others see of them stays as it is.
[[nodiscard]] std::vector<finding> check_redis(const table_options& options,
                                               const aws::client& calls);

/// What CreateTable is asked for the table of sessions: its keys, the two indexes of the platform,
/// the stream; paid by request.
[[nodiscard]] std::string table_wanted_text(const table_options& options);

/// Makes the table of sessions, waits until it is there, and switches on its ttl. Errors:
/// unavailable, exists, invalid.
[[nodiscard]] base::result<void> make_table(aws::client& calls, const table_options& options,
                                            aws::pause& waiting);

} // namespace postern::sync::dynamodb
