#include "cache/route.hpp"

#include "base/check.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"

#include <cstring>

namespace postern::cache {

std::string_view name_of(route_state state) noexcept {
    switch (state) {
    case route_state::initializing:
        return "initializing";
    case route_state::active:
        return "active";
    case route_state::draining:
        return "draining";
    case route_state::inactive:
        return "inactive";
    case route_state::failed:
        return "failed";
    }
    return {}; // no state: bytes of a damaged file
}

void route::set_text(std::string_view id, std::string_view reason_line) noexcept {
    POSTERN_CHECK(id.size() <= base::limits::session_id_bytes_max);
    const std::string_view kept = base::utf8_prefix(reason_line, sizeof text_ - id.size());
    // Either may be this route's own: the later part is moved out of the earlier one's way first.
    if (!kept.empty())
        std::memmove(text_ + id.size(), kept.data(), kept.size());
    if (!id.empty())
        std::memmove(text_, id.data(), id.size());
    id_bytes_ = static_cast<std::uint16_t>(id.size());
    reason_bytes_ = static_cast<std::uint16_t>(kept.size());
}

} // namespace postern::cache
