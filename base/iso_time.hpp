// Times as texts: ISO 8601, as RFC 3339 and JavaScript have it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::base {

/// "2026-11-21T14:00:00.123Z", as JavaScript's toISOString has it; such texts sort by time.
[[nodiscard]] std::string iso_text(std::int64_t epoch_ms);

enum class iso_form {
    complete, // with seconds, and Z or an offset
    loose,    // either may be absent, the time is UTC then
};

/// Epoch ms of a date and a time with 'T' or a blank between. Digits of a second below
/// milliseconds are read over. Nothing: it is no such text.
[[nodiscard]] std::optional<std::int64_t> iso_time_of(std::string_view text,
                                                      iso_form form) noexcept;

} // namespace postern::base
