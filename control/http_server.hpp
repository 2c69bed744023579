// HTTP/1.1 for the session API: sockets, threads and limits. Holds the only libmicrohttpd.
#pragma once

#include "base/error.hpp"
#include "base/log.hpp"
#include "control/http_message.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace postern::control {

struct http_server_options {
    std::uint32_t threads = 2;
    std::size_t body_bytes_max = 64 * 1024; // larger: is_body_too_large, the rest is not kept
    std::uint32_t connections_max = 256;    // more wait in the listener's backlog
    std::size_t head_bytes_max =
        32 * 1024; // request line and fields; the library answers 431 or 414
    std::chrono::milliseconds idle_within{
        10'000}; // between two reads or writes, and between requests
    std::chrono::milliseconds body_within{
        30'000}; // for a whole body; then the connection is closed
};

/// Answers one request. Called by several threads at once; must not throw.
using http_handler = std::function<http_answer(const http_request&)>;

/// Serves from the constructor's return until it goes. Requests under way are answered first.
class http_server {
  public:
    /// Duplicates `listener`, which stays open and listening for whoever comes next. `log` outlives
    /// the server. Errors: the library could not start; the reason is in the log at debug level.
    [[nodiscard]] static base::result<std::unique_ptr<http_server>>
    start(int listener, const http_server_options& options, http_handler handler, base::log& log);
    ~http_server();
    http_server(const http_server&) = delete;
    http_server& operator=(const http_server&) = delete;

    struct state;

  private:
    explicit http_server(std::unique_ptr<state> s);
    std::unique_ptr<state> state_;
};

} // namespace postern::control
