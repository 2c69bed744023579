// Times as other services write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::sync::dynamodb {

/// Epoch ms of an ISO 8601 time (base::iso_form::loose), or of a number: seconds since 1970, or
/// milliseconds where it is 10^11 or more. Nothing: it is neither.
[[nodiscard]] std::optional<std::int64_t> time_of(std::string_view text) noexcept;

/// Such a number is of milliseconds.
[[nodiscard]] bool is_in_milliseconds(std::string_view number) noexcept;

/// A decimal number, with an exponent or without, as the nearest whole one. Nothing: it is none, or
/// beyond 63 bits.
[[nodiscard]] std::optional<std::int64_t> whole_of(std::string_view text) noexcept;

} // namespace postern::sync::dynamodb
