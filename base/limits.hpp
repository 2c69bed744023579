// Bounds that more than one folder relies on. Each says what happens at it.
#pragma once

#include <cstddef>

namespace postern::base::limits {

inline constexpr std::size_t route_key_bytes_max = 255;  // longer or empty: refused, counted
inline constexpr std::size_t session_id_bytes_max = 255; // longer: refused by the API and by sync
inline constexpr std::size_t workers_max = 64;           // `workers` above it: conf error
inline constexpr std::size_t worker_slots =
    2 * workers_max; // two generations side by side in a reload

} // namespace postern::base::limits
