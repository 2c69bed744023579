// One client connection: requests one after another, each served before the next is read.
#pragma once

#include "edge/request/exchange.hpp"

#include <string>

namespace postern::edge {

/// Serves `socket` until it ends. `client_address` is the peer's, without port. Never throws.
[[nodiscard]] task<void> run_connection(services& worker, base::unique_fd socket,
                                        std::string client_address, std::size_t listener);

} // namespace postern::edge
