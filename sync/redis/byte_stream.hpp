// A connection to a server as bytes: TCP or a Unix socket, with TLS or without. Calls block until
// their deadline, or until a stop.
#pragma once

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "sync/redis/server_options.hpp"

#include <chrono>
#include <memory>
#include <span>
#include <string_view>

namespace postern::sync::redis {

using deadline = std::chrono::steady_clock::time_point;

/// Not thread-safe. After an error it is of no more use.
class byte_stream {
  public:
    virtual ~byte_stream() = default;
    /// At least one byte. Errors: away (also: closed by the peer, or not in time), stopped.
    [[nodiscard]] virtual base::result<std::size_t> read_some(std::span<char> into,
                                                              deadline until) = 0;
    /// All of it. Errors: away, stopped.
    [[nodiscard]] virtual base::result<void> write(std::string_view bytes, deadline until) = 0;
};

/// A stop is readable at `stop_fd`. A name is looked up by the system, which may take longer than
/// the deadline. Errors: away, stopped.
[[nodiscard]] base::result<std::unique_ptr<byte_stream>> open_stream(const server_options& to,
                                                                     int stop_fd, deadline until);

/// Shakes hands over a connected socket that does not block, and verifies that the peer is
/// `to.host` by a certificate of a known authority. Errors: as above.
[[nodiscard]] base::result<std::unique_ptr<byte_stream>>
open_tls(base::unique_fd socket, const server_options& to, int stop_fd, deadline until);

/// Waits until the socket is ready for `events` (poll(2)). Errors: away, when it is not in time;
/// stopped.
[[nodiscard]] base::result<void> wait_for(int socket, short events, int stop_fd, deadline until);

} // namespace postern::sync::redis
