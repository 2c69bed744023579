#include "edge/request/log_escape.hpp"

#include "base/utf8.hpp"
#include "edge/http/scan.hpp"

#include <algorithm>
#include <array>

namespace postern::edge {
namespace {

constexpr std::string_view cut_mark = "...";

struct replaced {
    std::array<char, 6> bytes{};
    std::size_t size = 0;
    std::size_t taken = 1; // bytes of the input
};

constexpr std::string_view upper_digits = "0123456789ABCDEF";
constexpr std::string_view lower_digits = "0123456789abcdef";

replaced replace_default(std::string_view text) noexcept {
    const auto byte = static_cast<unsigned char>(text.front());
    return {{'\\', 'x', upper_digits[byte >> 4], upper_digits[byte & 15]}, 4, 1};
}

replaced replace_json(std::string_view text) noexcept {
    const auto byte = static_cast<unsigned char>(text.front());
    switch (byte) {
    case '"':
        return {{'\\', '"'}, 2, 1};
    case '\\':
        return {{'\\', '\\'}, 2, 1};
    case '\n':
        return {{'\\', 'n'}, 2, 1};
    case '\r':
        return {{'\\', 'r'}, 2, 1};
    case '\t':
        return {{'\\', 't'}, 2, 1};
    default:
        break;
    }
    if (byte < 0x80)
        return {{'\\', 'u', '0', '0', lower_digits[byte >> 4], lower_digits[byte & 15]}, 6, 1};
    const std::size_t length = base::utf8_length(text);
    if (length == 0)
        return {{'\\', 'u', 'f', 'f', 'f', 'd'}, 6, 1};
    replaced same{{}, length, length};
    std::copy_n(text.begin(), length, same.bytes.begin());
    return same;
}

template <class Replace>
void append_escaped(std::string& out, std::string_view text, std::size_t bytes_max,
                    Replace&& replace) {
    const std::size_t room = bytes_max - cut_mark.size();
    std::size_t used = 0;
    while (!text.empty()) {
        const char* const begin = text.data();
        const auto run =
            static_cast<std::size_t>(find_unprintable(begin, begin + text.size()) - begin);
        const std::size_t fits = std::min(run, room - used);
        out.append(text.data(), fits);
        used += fits;
        if (fits < run) {
            out += cut_mark;
            return;
        }
        text.remove_prefix(run);
        if (text.empty())
            return;
        const replaced r = replace(text);
        if (r.size > room - used) {
            out += cut_mark;
            return;
        }
        out.append(r.bytes.data(), r.size);
        used += r.size;
        text.remove_prefix(r.taken);
    }
}

} // namespace

void append_escaped_default(std::string& out, std::string_view text, std::size_t bytes_max) {
    append_escaped(out, text, bytes_max, replace_default);
}

void append_escaped_json(std::string& out, std::string_view text, std::size_t bytes_max) {
    append_escaped(out, text, bytes_max, replace_json);
}

} // namespace postern::edge
