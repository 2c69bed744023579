// Directives about postern's own processes, files and logs.
#include "edge/settings/directives.hpp"

namespace postern::edge {
namespace {

const directive table[] = {
    {.name = "include",
     .contexts = context::main | context::store | context::control | context::lifecycle |
                 context::launcher | context::server | context::location,
     .arguments = "FILE",
     .words_min = 1,
     .words_max = 1,
     .line = "Reads another file in this place",
     .more = "FILE may be a pattern such as sites/*.conf; the files that match are read in the "
             "order of their names, "
             "and it may match none. Files may include others, 10 deep.",
     .example = "include sites/*.conf;",
     .repeats = true},
    {.name = "user",
     .contexts = context::main,
     .arguments = "NAME",
     .words_min = 1,
     .words_max = 1,
     .line = "The system user that the processes run as when postern is started by root",
     .more = "Without it they run as whoever started postern. The master keeps root's rights to "
             "open ports and logs; "
             "the processes that read peers' bytes give them up. Has no effect when postern is not "
             "started by root.",
     .example = "user postern;"},
    {.name = "workers",
     .contexts = context::main,
     .arguments = "auto | NUMBER",
     .words_min = 1,
     .words_max = 1,
     .standard = "auto",
     .line = "How many worker processes serve requests, 1 to 64",
     .more = "auto is one for each processor that postern may run on.",
     .example = "workers 4;"},
    {.name = "pid",
     .contexts = context::main,
     .arguments = "FILE | off",
     .words_min = 1,
     .words_max = 1,
     .standard = "/run/postern.pid",
     .line = "The file with the master's process id, which postern -s reads",
     .example = "pid off;"},
    {.name = "error_log",
     .contexts = context::main,
     .arguments = "FILE | stderr [debug | info | notice | warn | error | crit]",
     .words_min = 1,
     .words_max = 2,
     .standard = "stderr info",
     .line = "Where messages go, and from which level on",
     .more = "A file is opened again on postern -s reopen, after it was rotated. That starts new "
             "workers; "
             "WebSockets of the old ones are ended after worker_shutdown_timeout.",
     .example = "error_log /var/log/postern/error.log notice;"},
    {.name = "access_log",
     .contexts = context::main,
     .arguments = "FILE | stdout | off [combined | json]",
     .words_min = 1,
     .words_max = 2,
     .standard = "off",
     .line = "Where one line for each request goes, and its form (combined unless json is written)",
     .example = "access_log /var/log/postern/access.log json;"},
    {.name = "worker_shutdown_timeout",
     .contexts = context::main,
     .arguments = "TIME",
     .words_min = 1,
     .words_max = 1,
     .standard = "30s",
     .line = "How long requests in flight may take after a quit or a reload; then their "
             "connections are closed",
     .example = "worker_shutdown_timeout 5m;"},
};

} // namespace

std::span<const directive> process_directives() {
    return table;
}

} // namespace postern::edge
