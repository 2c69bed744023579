#include "edge/master/open_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sys/resource.h>

namespace postern::edge {
namespace {

/// Each connection takes up to two descriptors: the client's and the target's.
rlim_t open_files_of(const settings& conf) {
    constexpr rlim_t beside_connections = 256; // files being sent, the table, the log, idle targets
    return rlim_t{2} * conf.limits.worker_connections + beside_connections;
}

} // namespace

void raise_open_files_limit(const settings& conf) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= open_files_of(conf))
        return;
    limit.rlim_cur = std::min(open_files_of(conf), limit.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::optional<std::string> doubt_open_files(const settings& conf) {
    rlimit limit{};
    const rlim_t needed = open_files_of(conf);
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max >= needed)
        return std::nullopt;
    return fmt::format("worker_connections {} may need {} open files a worker, and {} are allowed; "
                       "raise the hard limit (LimitNOFILE, ulimit -Hn) or lower worker_connections",
                       conf.limits.worker_connections, needed, limit.rlim_max);
}

} // namespace postern::edge
