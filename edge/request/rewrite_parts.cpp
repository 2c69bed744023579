#include "edge/request/rewrite_parts.hpp"

#include "edge/http/scan.hpp"

#include <algorithm>

namespace postern::edge {

bool is_hop_by_hop(known id) noexcept {
    switch (id) {
    case known::connection:
    case known::keep_alive:
    case known::proxy_authenticate:
    case known::proxy_authorization:
    case known::proxy_connection:
    case known::te:
    case known::trailer:
    case known::transfer_encoding:
    case known::upgrade:
        return true;
    default:
        return false;
    }
}

known known_with_dashes(std::string_view name) noexcept {
    constexpr std::size_t longest = 24; // of those we know; only families of names may be longer
    if (name.find('_') == std::string_view::npos)
        return known::other;
    char dashed[longest];
    const std::size_t size = std::min(name.size(), longest);
    for (std::size_t i = 0; i < size; ++i)
        dashed[i] = name[i] == '_' ? '-' : name[i];
    const known id = known_field({dashed, size});
    const bool family = id == known::x_postern || id == known::x_forwarded;
    return name.size() <= longest || family ? id : known::other;
}

void nominations::gather(const field_list& fields) {
    for (const field& f : fields) {
        if (f.id != known::connection)
            continue;
        for_each_member(f.value, [&](std::string_view name) {
            const bool option = equal_ignoring_case(name, "keep-alive") ||
                                equal_ignoring_case(name, "close") ||
                                equal_ignoring_case(name, "upgrade");
            // The head readers refuse heads with more than nominated_max.
            if (!option && names_.size() < nominated_max)
                names_.push_back(name);
            return true;
        });
    }
}

} // namespace postern::edge
