// The start of a connection to a listener with ssl.
#pragma once

#include "edge/request/exchange.hpp"

#include <string>

namespace postern::edge {

/// The TLS handshake, counted, and logged where it fails; who speaks plain HTTP is told. False: the
/// connection is over.
[[nodiscard]] task<bool> shake_hands(services& worker, tls_stream& client,
                                     const std::string& client_address);

} // namespace postern::edge
