// A WebSocket (RFC 6455): the handshake is relayed, then bytes pass both ways untouched until one
// side ends.
#pragma once

#include "edge/request/relay.hpp"

namespace postern::edge {

/// Connects, relays the target's 101, then tunnels; any other answer is relayed as an answer. Never
/// answers 101 first. Errors: 504 when the target does not answer the handshake within `upgrade`.
[[nodiscard]] task<relay_outcome> tunnel(exchange& x, const upstream_plan& plan);

} // namespace postern::edge
