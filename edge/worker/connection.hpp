// One client connection: requests one after another, each served before the next is read.
#pragma once

#include "edge/request/exchange.hpp"

namespace postern::edge {

/// Serves `socket`, whose peer is `from`, until it ends. Never throws.
[[nodiscard]] task<void> run_connection(services& worker, base::unique_fd socket,
                                        base::ip_address from, std::size_t listener);

} // namespace postern::edge
