#include "edge/settings/settings.hpp"

#include <algorithm>

namespace postern::edge {

bool has_links(const settings& conf) noexcept {
    return std::any_of(conf.servers.begin(), conf.servers.end(), [](const auto& server) {
        return std::any_of(server.locations.begin(), server.locations.end(),
                           [](const auto& location) { return location.access.link; });
    });
}

} // namespace postern::edge
