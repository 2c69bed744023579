// The proof that a server has understood a WebSocket handshake (RFC 6455 4.2.2).
#pragma once

#include <string>
#include <string_view>

namespace postern::base {

/// Sec-WebSocket-Accept for this Sec-WebSocket-Key.
[[nodiscard]] std::string websocket_accept(std::string_view key);

} // namespace postern::base
