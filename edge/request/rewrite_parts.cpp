#include "edge/request/rewrite_parts.hpp"

#include "edge/http/scan.hpp"

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
