// Counting into, reading and renewing activity lines.
#pragma once

#include "cache/activity.hpp"
#include "cache/route.hpp"
#include "cache/table_view.hpp"

#include <optional>

namespace postern::cache {

/// Adds to the line `ref` names, unless it has become another session's. An event may still land on
/// the next session's line when the adder sleeps between the look at the epoch and the addition:
/// one event, and only on a line that changes hands at that moment.
void add_activity(const table_view& table, activity_ref ref, const activity_delta& delta) noexcept;

/// Whether the line is still the session's that `ref` was given to.
[[nodiscard]] bool is_current(const table_view& table, activity_ref ref) noexcept;

/// Nothing when the line is another session's by now.
[[nodiscard]] std::optional<activity> read_activity(const table_view& table,
                                                    activity_ref ref) noexcept;

/// Makes the line a new session's: all zero, under an epoch that no reference has. Writer only.
/// Returns the epoch.
std::uint32_t renew_activity(const table_view& table, std::uint64_t place) noexcept;

/// Gives a damaged line back to the session that has `epoch`: all zero. Writer only.
void begin_activity_anew(const table_view& table, std::uint64_t place,
                         std::uint32_t epoch) noexcept;

/// Ends the session's hold on the line: references go stale. Writer only.
void end_activity(const table_view& table, std::uint64_t place) noexcept;

/// A number that differs when the line's numbers differ; 0 when all of them are 0.
[[nodiscard]] std::uint64_t activity_digest(const table_view& table, std::uint64_t place) noexcept;

} // namespace postern::cache
