// How long postern waits, and how much it takes: bounds on what peers can make it do. A table of
// all of them stands in edge/limits/README.md.
#pragma once

#include <chrono>
#include <cstdint>

namespace postern::edge {

using std::chrono::milliseconds;

struct timeouts {
    milliseconds handshake{10'000};     // of TLS, from the first byte to the last
    milliseconds client_header{10'000}; // from the first byte of a head to its end
    milliseconds client_body{60'000};   // between two reads of a body
    milliseconds send{60'000};          // between two writes to the client
    milliseconds keepalive{75'000};     // idle between requests
    milliseconds upstream_connect{5'000};
    milliseconds upstream_send{60'000};
    milliseconds upstream_read{60'000}; // between two reads of an answer
    milliseconds upstream_idle{60'000}; // a pooled connection
    milliseconds upgrade{5'000};        // for a target's answer to an upgrade
    milliseconds tunnel_idle{600'000};  // neither side sent anything
};

/// So much in a period of time, and so much at once.
struct rate_limit {
    std::uint64_t units = 0; // requests or bytes a period; 0: no limit
    milliseconds period{1000};
    std::uint64_t burst =
        0; // what may come at once after a pause; at least 1 where there is a limit
    [[nodiscard]] bool on() const noexcept { return units > 0; }
};

struct limits_settings {
    // over all workers; "client" is an IPv4 address or an IPv6 /64
    std::uint32_t client_connections = 5'000; // 0: no limit
    rate_limit client_requests, client_bytes;
    rate_limit session_requests, session_bytes;
    std::uint64_t client_bytes_min = 0;  // a second, of a body or an answer under way; 0: no limit
    milliseconds client_lag_max{60'000}; // what a client may be behind that, or ahead
    std::uint32_t worker_connections = 10'000;
    std::uint32_t keepalive_requests = 1'000'000;
    std::uint32_t upstream_keepalive = 64;    // idle connections kept per worker and target
    std::uint32_t head_bytes_max = 16 * 1024; // client_header_size
    std::uint32_t head_fields_max = 100;
    std::uint32_t response_head_bytes_max = 32 * 1024;
    std::uint32_t holds_max = 1'000;            // requests held at one time per worker
    std::uint32_t http2_streams_max = 128;      // http2_max_concurrent_streams
    std::uint32_t http2_resets = 50;            // per connection and second
    std::uint32_t http2_control_frames = 1'000; // the same
};

} // namespace postern::edge
