// A request worker: one process, one thread, one event loop.
#pragma once

#include "base/access_token.hpp"
#include "base/clock.hpp"
#include "base/doorbell.hpp"
#include "base/log.hpp"
#include "edge/limits/shared_limits.hpp"
#include "edge/settings/settings.hpp"
#include "edge/tls/tls_contexts.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace postern::edge {

/// What the master gives a worker at the fork. References outlive `run_worker`.
struct worker_inheritance {
    const settings& conf;
    std::uint32_t slot = 0; // process slot in the table: counters and waiting bit
    std::vector<int>
        listeners; // listening sockets of this worker, in the order of location_index::listeners()
    const base::doorbell& routes_changed; // rung by sync after set_waiting(true)
    const base::doorbell& asked;          // sync's: rung when a key is asked for
    const shared_limits& limits;          // what all workers count in
    std::string control_token;            // for wake and `control open`
    base::access_keys access_keys;        // for links to sessions
    int access_log_fd = -1;               // -1: off
    int order_fd = -1; // readable: 'q' drain and exit, 's' exit at once; end of file: as 's'
    const tls_contexts* tls = nullptr; // of conf; nullptr: nothing listens with ssl
};

/// Runs until ordered to stop. Returns the exit code.
[[nodiscard]] int run_worker(const worker_inheritance& from_master, const base::clock& time,
                             base::log& log);

} // namespace postern::edge
