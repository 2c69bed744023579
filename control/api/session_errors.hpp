// What the two halves of `sessions` share.
#pragma once

#include "control/api/api_error.hpp"
#include "sync/store/store.hpp"

#include <fmt/format.h>

#include <string_view>

namespace postern::control {

inline constexpr int tries_max = 8; // of one write against other writers

[[nodiscard]] inline bool is_running(const sync::session& s) noexcept {
    return s.status == sync::session_status::initializing ||
           s.status == sync::session_status::active;
}

[[nodiscard]] inline api_error not_found(std::string_view kind, std::string_view name) {
    return {404, "not_found", fmt::format("there is no {} \"{}\"", kind, name)};
}

[[nodiscard]] inline api_error changed_meanwhile(std::string_view id) {
    return {409, "changed_meanwhile",
            fmt::format("\"{}\" was changed by others {} times while this was tried; try again", id,
                        tries_max)};
}

} // namespace postern::control
