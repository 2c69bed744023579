#include "base/log.hpp"

#include "base/utf8.hpp"

#include <array>
#include <ctime>
#include <iterator>
#include <unistd.h>

namespace postern::base {
namespace {

constexpr std::array<std::string_view, 6> names{"debug", "info", "notice", "warn", "error", "crit"};
constexpr std::size_t line_bytes_max = 4096; // a pipe takes this much in one piece (PIPE_BUF)

} // namespace

std::string_view name_of(log_level level) noexcept {
    return names[static_cast<std::size_t>(level)];
}

std::optional<log_level> log_level_named(std::string_view name) noexcept {
    for (std::size_t i = 0; i < names.size(); ++i)
        if (names[i] == name)
            return static_cast<log_level>(i);
    return std::nullopt;
}

log::log(int fd, log_level threshold, std::string role, const clock& time)
    : fd_{fd}, threshold_{threshold}, role_{std::move(role)}, time_{&time} {}

log log::as(std::string role) const {
    log copy = *this;
    copy.role_ = std::move(role);
    return copy;
}

void log::write(log_level level, std::string_view message) noexcept try {
    if (!enabled(level))
        return;
    const std::int64_t ms = to_epoch_ms(time_->wall());
    const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    fmt::memory_buffer line;
    fmt::format_to(std::back_inserter(line),
                   "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z {:<6} {}[{}] ", utc.tm_year + 1900,
                   utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, ms % 1000,
                   name_of(level), role_, ::getpid());
    const std::string text = printable(message.substr(0, line_bytes_max));
    const std::string_view fits = utf8_prefix(text, line_bytes_max - line.size() - 8);
    line.append(fits);
    if (fits.size() < text.size())
        line.append(std::string_view{"..."});
    line.push_back('\n');
    // The log has nowhere to report its own failure.
    [[maybe_unused]] const auto written = ::write(fd_, line.data(), line.size());
} catch (...) { // out of memory: the message is lost, the process is not
}

} // namespace postern::base
