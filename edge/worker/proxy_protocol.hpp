// The beginning of a connection on a listener with proxy_protocol, before anything else is read of
// it, a TLS handshake included.
#pragma once

#include "edge/net/tcp_stream.hpp"
#include "edge/request/exchange.hpp"

namespace postern::edge {

/// Reads the PROXY header off the socket, and nothing behind it: `peer` is then whom it names. A
/// proxy that speaks for itself (LOCAL) stays the peer; a client that it cannot name is the proxy's
/// address, but nothing that it says about itself is believed. False: no header that can be used,
/// or a peer that is no trusted proxy; counted.
[[nodiscard]] task<bool> take_proxy_header(services& worker, tcp_stream& from,
                                           connection_peer& peer);

} // namespace postern::edge
