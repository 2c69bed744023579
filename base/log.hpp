// The error log: one line a message, one write(2) a line, so that lines of several processes never
// mix. Line: 2026-11-21T04:13:00.123Z info  worker/0[1234] message
#pragma once

#include "base/clock.hpp"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>

namespace postern::base {

enum class log_level { debug, info, notice, warn, error, crit };

[[nodiscard]] std::string_view name_of(log_level level) noexcept;
/// The level with this name, as written in `error_log`; nothing for any other word.
[[nodiscard]] std::optional<log_level> log_level_named(std::string_view name) noexcept;

/// Thread-safe: a message is formatted on the caller's stack and written at once. A failed write is
/// dropped. Control bytes in a message are written as \xNN, so that no peer's bytes can forge a
/// line.
class log {
  public:
    /// `fd` is not owned and must outlive the log. `role` stands in each line, e.g. "worker/0".
    log(int fd, log_level threshold, std::string role, const clock& time);

    [[nodiscard]] bool enabled(log_level level) const noexcept { return level >= threshold_; }
    void write(log_level level, std::string_view message) noexcept;
    /// The same destination under another role's name; for the child after a fork.
    [[nodiscard]] log as(std::string role) const;
    /// Writes to another descriptor from now on; after the log file was opened again.
    void redirect(int fd) noexcept { fd_ = fd; }

    template <class... Args>
    void debug(fmt::format_string<Args...> format, Args&&... args) {
        put(log_level::debug, format, std::forward<Args>(args)...);
    }
    template <class... Args>
    void info(fmt::format_string<Args...> format, Args&&... args) {
        put(log_level::info, format, std::forward<Args>(args)...);
    }
    template <class... Args>
    void notice(fmt::format_string<Args...> format, Args&&... args) {
        put(log_level::notice, format, std::forward<Args>(args)...);
    }
    template <class... Args>
    void warn(fmt::format_string<Args...> format, Args&&... args) {
        put(log_level::warn, format, std::forward<Args>(args)...);
    }
    template <class... Args>
    void error(fmt::format_string<Args...> format, Args&&... args) {
        put(log_level::error, format, std::forward<Args>(args)...);
    }

  private:
    template <class... Args>
    void put(log_level level, fmt::format_string<Args...> format, Args&&... args) {
        if (enabled(level))
            write(level, fmt::format(format, std::forward<Args>(args)...));
    }

    int fd_;
    log_level threshold_;
    std::string role_;
    const clock* time_;
};

} // namespace postern::base
