// What writes to the remote table have cost.
#pragma once

#include "sync/aws/client.hpp"
#include "sync/remote_usage.hpp"

#include <atomic>
#include <cstdint>

namespace postern::sync::dynamodb {

/// Write units consumed, as DynamoDB says in its answers. A condition that failed counts as one:
/// that is billed, too, and not told. Thread-safe.
struct write_units {
    std::atomic<std::uint64_t> activity{0}, writes{0};
};

[[nodiscard]] inline remote_usage usage_of(const aws::client_counters& calls,
                                           const write_units& units) {
    const std::uint64_t not_ok = calls.failed_calls + calls.unmet_conditions;
    return {.calls_ok = calls.calls - std::min(calls.calls, not_ok),
            .calls_failed = calls.failed_calls,
            .calls_unmet = calls.unmet_conditions,
            .retries = calls.retries,
            .throttled = calls.throttled,
            .activity_units = units.activity.load(std::memory_order_relaxed),
            .write_units = units.writes.load(std::memory_order_relaxed)};
}

} // namespace postern::sync::dynamodb
