// Sync's store interface over the remote table, for control and the command line: one record at a
// time from the table itself, lists and changes from this host's replica of it.
#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"
#include "sync/dynamodb/table_options.hpp"
#include "sync/remote_usage.hpp"
#include "sync/store/store.hpp"

#include <memory>

namespace postern::sync::dynamodb {

/// Where lists come from.
enum class lists {
    of_replica, // for processes beside a running postern: no cost, and as late as its feed
    of_table,   // for the command line: the whole table is read, by strong reads
};

/// What each thread's store shares: the account, opened at the first use (in the process that uses
/// it), and options.
class shared_table;
/// `time` and `log` outlive it and the stores that are opened by it.
[[nodiscard]] std::shared_ptr<shared_table> share_table(table_options options, lists from,
                                                        const base::clock& time, base::log& log);

/// What the stores opened by it have asked of the remote table.
[[nodiscard]] remote_usage usage_of(shared_table& table);

/// Opening asks nothing of the table; what is wrong there, its calls say. Errors: unavailable.
[[nodiscard]] base::result<std::unique_ptr<store>>
open_dynamodb_store(const std::shared_ptr<shared_table>& table);

} // namespace postern::sync::dynamodb
