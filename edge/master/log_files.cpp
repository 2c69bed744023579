#include "edge/master/log_files.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <string_view>
#include <unistd.h>

namespace postern::edge {
namespace {

/// Opens `path` into `file`, or notes the standard stream it stands for in `standard`.
base::result<void> open_one(std::string_view directive, const std::string& path,
                            base::unique_fd& file, int& standard) {
    if (path == "stderr" || path == "stdout") {
        standard = path == "stderr" ? STDERR_FILENO : STDOUT_FILENO;
        return {};
    }
    file.reset(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640));
    if (!file)
        return base::failure{base::last_errno(), fmt::format("cannot open {} {}", directive, path)};
    return {};
}

} // namespace

base::result<log_files> log_files::open(const settings& conf) {
    log_files files;
    if (const auto opened = open_one("error_log", conf.error_log, files.error_, files.error_std_);
        !opened)
        return opened.error();
    if (conf.access_format == access_log_format::off || conf.access_log.empty())
        return files;
    if (const auto opened =
            open_one("access_log", conf.access_log, files.access_, files.access_std_);
        !opened)
        return opened.error();
    return files;
}

} // namespace postern::edge
