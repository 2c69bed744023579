#include "edge/request/rewrite_parts.hpp"

#include "edge/request/scan.hpp"

#include <charconv>

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

nominations::nominations(const field_list& fields) {
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

void append_clean(std::string& out, std::string_view text) {
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at != end) {
        const char* const stop = find_control(at, end);
        out.append(at, stop);
        at = stop == end ? end : stop + 1;
    }
}

void write_length(std::string& out, std::uint64_t length) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, length).ptr;
    out.append("Content-Length: ").append(digits, end).append("\r\n");
}

} // namespace postern::edge
