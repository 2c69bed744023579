// The `process` launcher's handle, as it stands in the store: process:PID:STARTTIME:PORT.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace postern::control {

struct process_task {
    pid_t pid = 0;
    std::uint64_t start_time = 0; // /proc/PID/stat field 22
    std::uint16_t port = 0;

    [[nodiscard]] static std::optional<process_task> parse(std::string_view text);
    [[nodiscard]] std::string text() const;
};

} // namespace postern::control
