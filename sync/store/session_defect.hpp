// Records come from programs of any kind: what makes one unusable, whatever store it stands in.
#pragma once

#include "sync/store/session.hpp"

#include <cstdint>
#include <string>

namespace postern::sync {

/// Why a record can be neither written nor routed, a sentence; empty: it can.
[[nodiscard]] std::string defect_of(const session& record);

/// The nearest time (epoch ms) in the years 1970 to 9999: sums of two such times, and what shows
/// them, need no further care.
[[nodiscard]] std::int64_t possible_time(std::int64_t ms) noexcept;

} // namespace postern::sync
