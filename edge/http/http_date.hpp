// Dates as HTTP writes them (RFC 9110 5.6.7), and the Date header's value, worked out once a
// second.
#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::edge {

/// "Sun, 06 Nov 1994 08:49:37 GMT". `epoch_s`: years 0 to 9999; what lies outside is written as the
/// nearest of them.
[[nodiscard]] std::string http_date(std::int64_t epoch_s);

/// Any of the three forms that recipients must read: IMF-fixdate, RFC 850's and asctime's. Seconds
/// since the epoch, or nothing for anything else: a condition with an unreadable date is no
/// condition (RFC 9110 13.1.3). Two-digit years are 1970 to 2069.
[[nodiscard]] std::optional<std::int64_t> parse_http_date(std::string_view text) noexcept;

/// The Date header's value for now. The view is good until this thread's next call.
[[nodiscard]] std::string_view http_date_now(const base::clock& time);

} // namespace postern::edge
