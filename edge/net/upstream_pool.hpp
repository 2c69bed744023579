// Connections to targets and upstreams, kept alive between requests. One pool a worker.
#pragma once

#include "base/ip_endpoint.hpp"
#include "cache/session_reader.hpp"
#include "edge/net/buffers.hpp"
#include "edge/net/tcp_stream.hpp"
#include "edge/settings/settings.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace postern::edge {

/// One connection to an upstream, owned by the exchange that uses it.
struct upstream_connection {
    upstream_connection(event_loop& loop, base::unique_fd socket, const base::ip_endpoint& peer)
        : link{loop, std::move(socket)}, to{peer} {}

    tcp_stream link;
    base::ip_endpoint to;
    input_buffer input{8192}; // an answer of a few KB comes with its head in one read
    bool reused = false;      // it has answered before: it may have been closed behind our back
    deadlines::clock::time_point idle_since{};
};
using upstream_ptr = std::unique_ptr<upstream_connection>;

/// Idle connections by endpoint, newest first (the oldest are the likeliest to be closed by the
/// peer). Not thread-safe.
class upstream_pool {
  public:
    upstream_pool(event_loop& loop, const timeouts& times, const limits_settings& limits,
                  cache::session_reader& table)
        : loop_{loop}, times_{times}, limits_{limits}, table_{table} {}

    /// A kept connection, if there is one.
    [[nodiscard]] upstream_ptr take(const base::ip_endpoint& to);
    /// A new connection. Errors: connection_refused, host_unreachable, ...; timed_out past
    /// upstream_connect.
    [[nodiscard]] task<base::result<upstream_ptr>> connect(base::ip_endpoint to);
    /// Keeps a connection whose last answer was read to its end. Requires: nothing unread.
    void keep(upstream_ptr connection);
    /// Closes what has been idle for too long. Called each second.
    void sweep(deadlines::clock::time_point now);
    void clear() noexcept { idle_.clear(); }

  private:
    event_loop& loop_;
    const timeouts& times_;
    const limits_settings& limits_;
    cache::session_reader& table_;
    std::map<base::ip_endpoint, std::vector<upstream_ptr>> idle_;
};

} // namespace postern::edge
