#include "base/percent.hpp"

namespace postern::base {

void append_escape(std::string& to, char byte) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    const auto value = static_cast<unsigned char>(byte);
    to += '%';
    to += digits[value >> 4U];
    to += digits[value & 15U];
}

std::string percent_encoded(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        if (is_unreserved(c))
            out += c;
        else
            append_escape(out, c);
    }
    return out;
}

} // namespace postern::base
