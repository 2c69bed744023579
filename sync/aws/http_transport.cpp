#include "sync/aws/http_transport.hpp"

#include <algorithm>

namespace postern::sync::aws {
namespace {

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

} // namespace

std::optional<std::string_view> find_header(const http_headers& in,
                                            std::string_view name) noexcept {
    for (const http_header& h : in)
        if (std::equal(h.name.begin(), h.name.end(), name.begin(), name.end(),
                       [](char a, char b) { return lower(a) == lower(b); }))
            return h.value;
    return std::nullopt;
}

} // namespace postern::sync::aws
