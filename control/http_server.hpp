// HTTP/1.1 for the session API: sockets, threads and limits. Holds the only libmicrohttpd.
#pragma once

#include "base/error.hpp"
#include "base/log.hpp"
#include "control/http_message.hpp"
#include "control/metrics/metrics.hpp"

#include <chrono>
#include <cstdint>
#include <memory>

namespace postern::control {

struct http_server_options {
    std::uint32_t threads = 2;
    std::size_t body_bytes_max = 64 * 1024; // larger: is_body_too_large, the rest is not kept
    // From here on those without a token are closed to make room, the oldest first; fewer where
    // fewer files may be open. Only with this many trusted ones do more wait in the backlog.
    std::uint32_t connections_max = 1024;
    // Request line and fields; beyond it the library answers 431 or 414.
    std::size_t head_bytes_max = 32 * 1024;
    // For a connection's first good token; a quarter of it when half of connections_max are open.
    std::chrono::milliseconds token_within{2'000};
    // After a good token: between two reads or writes, and between requests.
    std::chrono::milliseconds idle_within{10'000};
    // For a whole body; then the connection is closed.
    std::chrono::milliseconds body_within{30'000};
};

/// Serves from the constructor's return until it goes. Requests under way are answered first. What
/// is not HTTP, or too long a head, the library answers itself: it asks nobody for the words.
class http_server {
  public:
    /// Duplicates `listener`, which stays open and listening for whoever comes next. `numbers` and
    /// `log` outlive the server. Errors: the library could not start; the reason is in the log at
    /// debug level.
    [[nodiscard]] static base::result<std::unique_ptr<http_server>>
    start(int listener, const http_server_options& options, http_service service, metrics& numbers,
          base::log& log);
    ~http_server();
    http_server(const http_server&) = delete;
    http_server& operator=(const http_server&) = delete;

    struct state;

  private:
    explicit http_server(std::unique_ptr<state> s);
    std::unique_ptr<state> state_;
};

} // namespace postern::control
