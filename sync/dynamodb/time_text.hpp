// Times as other services write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::sync::dynamodb {

/// Epoch ms of an ISO 8601 time: date and time with 'T' or a blank between, seconds and their
/// fraction where they stand, then Z or an offset; without one it is UTC. Or of a number: seconds
/// since 1970, or milliseconds where it is 10^11 or more. Nothing: it is neither.
[[nodiscard]] std::optional<std::int64_t> time_of(std::string_view text) noexcept;

/// "2026-11-21T14:00:00.123Z", as JavaScript's toISOString has it; such texts sort by time.
[[nodiscard]] std::string iso_of(std::int64_t epoch_ms);

/// A decimal number, with an exponent or without, as the nearest whole one. Nothing: it is none, or
/// beyond 63 bits.
[[nodiscard]] std::optional<std::int64_t> whole_of(std::string_view text) noexcept;

} // namespace postern::sync::dynamodb
