// The remote table as the sync process needs it: feeds of its rows, and a way back for activity.
#pragma once

#include "sync/dynamodb/table_options.hpp"
#include "sync/remote_table.hpp"

#include <memory>

namespace postern::sync::dynamodb {

/// Has threads and connections: made in the process that uses it. `time` and `log` outlive it.
/// Errors: unavailable.
[[nodiscard]] base::result<std::unique_ptr<remote_table>>
open_dynamodb_table(const table_options& options, const base::clock& time, base::log& log);

} // namespace postern::sync::dynamodb
