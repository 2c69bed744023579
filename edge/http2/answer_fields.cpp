#include "edge/http2/answer_fields.hpp"

#include "edge/http/scan.hpp"

namespace postern::edge {
namespace {

constexpr std::string_view version = "HTTP/1.1 ";
constexpr std::size_t status_digits = 3;
constexpr unsigned switching_protocols = 101;

bool ends_here(std::string_view name, bool tunnel) noexcept {
    switch (name.size()) {
    case 7:
        return name == "upgrade";
    case 10:
        return name == "connection" || name == "keep-alive";
    case 16:
        return name == "proxy-connection";
    case 17:
        return name == "transfer-encoding";
    case 20:
        return tunnel && name == "sec-websocket-accept";
    default:
        return false;
    }
}

} // namespace

unsigned status_of(std::string_view head) noexcept {
    if (!head.starts_with(version) || head.size() < version.size() + status_digits)
        return 0;
    unsigned status = 0;
    for (const char c : head.substr(version.size(), status_digits)) {
        if (!is_digit(c))
            return 0;
        status = status * 10 + static_cast<unsigned>(c - '0');
    }
    return status;
}

bool take_apart(std::span<char> head, answer_fields& out) {
    std::string_view left{head.data(), head.size()};
    const unsigned status = status_of(left);
    std::size_t line_end = left.find("\r\n");
    if (status == 0 || line_end == std::string_view::npos)
        return false;
    const bool tunnel = status == switching_protocols;
    out.clear();
    out.push_back(
        {":status", tunnel ? std::string_view{"200"} : left.substr(version.size(), status_digits)});
    for (;;) {
        left.remove_prefix(line_end + 2);
        line_end = left.find("\r\n");
        if (line_end == std::string_view::npos)
            return false;
        if (line_end == 0)
            return true;
        const std::string_view line = left.substr(0, line_end);
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos || colon == 0)
            return false;
        char* const name_at = head.data() + (line.data() - head.data());
        for (std::size_t i = 0; i < colon; ++i)
            name_at[i] = to_lower(name_at[i]);
        const std::string_view name = line.substr(0, colon);
        if (!ends_here(name, tunnel))
            out.push_back({name, trimmed(line.substr(colon + 1))});
    }
}

} // namespace postern::edge
