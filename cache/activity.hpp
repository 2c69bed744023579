// What workers report about a session: relaxed counters on a cache line of the session's own.
#pragma once

#include <cstdint>

namespace postern::cache {

/// A snapshot of one activity line. Times are epoch ms, 0: never. Counters only grow while the
/// session is in the table.
struct activity {
    std::int64_t last_seen_ms = 0; // last request, or last client frame on a socket
    std::int64_t last_push_ms = 0; // last frame from the container on a socket
    std::int64_t socket_open_ms =
        0; // a worker held an open socket at this time; refreshed every 10 s
    std::int64_t refused_at_ms = 0; // the target refused or broke a connection at this time
    std::uint64_t requests = 0;
    std::uint64_t bytes_in = 0;  // from clients, bodies and frames
    std::uint64_t bytes_out = 0; // to clients, bodies and frames
};

/// What one event adds; fields left at 0 change nothing. Times only move forward.
struct activity_delta {
    std::int64_t last_seen_ms = 0;
    std::int64_t last_push_ms = 0;
    std::int64_t socket_open_ms = 0;
    std::int64_t refused_at_ms = 0;
    std::uint64_t requests = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
};

} // namespace postern::cache
