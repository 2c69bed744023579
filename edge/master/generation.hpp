// One loaded conf with all that its processes are given: made before any of them is forked, kept
// while it is the current one.
#pragma once

#include "base/access_token.hpp"
#include "base/ip_endpoint.hpp"
#include "base/log.hpp"
#include "base/unique_fd.hpp"
#include "edge/master/listeners.hpp"
#include "edge/master/log_files.hpp"
#include "edge/master/privileges.hpp"
#include "edge/master/sole_use.hpp"
#include "edge/master/supervisor.hpp"
#include "edge/settings/settings.hpp"
#include "edge/tls/tls_contexts.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace postern::edge {

struct generation {
    settings conf;
    sole_use held;
    log_files logs;
    std::string token;
    base::access_keys access_keys;     // none where no location has links
    std::unique_ptr<tls_contexts> tls; // read as who started postern; points into conf
    std::vector<base::ip_endpoint>
        addresses; // distinct listen addresses, as location_index has them
    std::shared_ptr<base::unique_fd>
        control_listener; // shared: a reload that keeps the address keeps the socket
};

/// That the folders which the conf's files live in are there and can be written by `who`.
/// Errors: a sentence that names directive, path and folder, and what would be right.
[[nodiscard]] base::result<void> check_folders(const settings& conf,
                                               const std::optional<identity>& who);

/// Opens everything that `conf` needs besides the session table. `before`: the generation that
/// runs, if one does. Errors: those of sole_use, log_files, tls_contexts, listener_set,
/// control_token, read_access_keys; sockets that were opened stay in `listeners` (see keep()).
[[nodiscard]] base::result<std::unique_ptr<generation>>
make_generation(settings conf, const generation* before, listener_set& listeners,
                const ticket_keys& tickets, const std::optional<identity>& who,
                const listener_set::try_again& again, std::vector<std::string>& news);

[[nodiscard]] supervisor_limits supervisor_limits_of(const settings& conf);

} // namespace postern::edge
