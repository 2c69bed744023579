// What the session table holds for one route key: a small value, copied out whole.
#pragma once

#include "base/ip_endpoint.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace postern::cache {

/// States of a session as the table knows them (DESIGN: initializing → active → draining →
/// inactive, failed). An absent route has no state. Values are stored: never renumber.
enum class route_state : std::uint8_t {
    initializing = 1,
    active = 2,
    draining = 3,
    inactive = 4,
    failed = 5,
};

[[nodiscard]] std::string_view name_of(route_state state) noexcept;

/// Where a session's activity is counted. Stays the same from the session's birth in the table to
/// its removal, unless damage takes it out in between; `epoch` tells a reused line from the one
/// that was meant.
struct activity_ref {
    std::uint32_t line = 0;
    std::uint32_t epoch = 0; // 0: none
    bool operator==(const activity_ref&) const = default;
};

/// A copy of one route. Plain data, about 400 bytes, no allocation; valid for as long as its owner
/// keeps it.
struct route {
    route_state state = route_state::inactive;
    base::ip_endpoint target;  // none while there is no container
    std::uint64_t version = 0; // the store's; larger is newer
    std::int64_t started_at_ms =
        0; // start of the current launch, epoch ms with 1 s grain; 0: unknown
    std::int64_t resume_until_ms = 0; // epoch ms; past it an inactive route is as good as unknown
    std::int64_t expires_at_ms =
        0; // epoch ms; past it the route is dead whatever its state; 0: never
    std::uint32_t access_generation = 0; // links to the session that name another one are revoked
    activity_ref activity;

    /// The session's id in the store: what x-session-id carries.
    [[nodiscard]] std::string_view session_id() const noexcept { return {text_, id_bytes_}; }
    /// Why the launch failed, one line for people; empty in other states. May be cut short to fit
    /// its slot.
    [[nodiscard]] std::string_view reason() const noexcept {
        return {text_ + id_bytes_, reason_bytes_};
    }
    /// Requires: id ≤ 255 bytes. The reason is cut (at a UTF-8 boundary) to what is left of 320
    /// bytes; its slot may hold less.
    void set_text(std::string_view id, std::string_view reason_line) noexcept;

  private:
    char text_[320] = {};
    std::uint16_t id_bytes_ = 0;
    std::uint16_t reason_bytes_ = 0;
};

} // namespace postern::cache
