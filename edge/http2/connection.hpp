// One client connection that speaks HTTP/2: its requests side by side, each a coroutine of its own.
#pragma once

#include "edge/request/exchange.hpp"

#include <string_view>

namespace postern::edge {

/// What an HTTP/2 connection begins with (RFC 9113 3.4).
inline constexpr std::string_view http2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves `first.client` until it ends; its streams' exchanges are made like `first`, which has no
/// request itself. What `first.input` holds has been read already.
[[nodiscard]] task<void> run_http2(exchange& first);

} // namespace postern::edge
