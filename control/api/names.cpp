#include "control/api/names.hpp"

#include "base/limits.hpp"
#include "base/percent.hpp"

#include <algorithm>

namespace postern::control {
namespace {

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_name_up_to(std::string_view text, std::size_t bytes_max) {
    return !text.empty() && text.size() <= bytes_max && text.front() != '.' &&
           text.front() != '-' && std::all_of(text.begin(), text.end(), base::is_unreserved);
}

} // namespace

static_assert(2 * name_bytes_max + 1 <= base::limits::route_key_bytes_max);

bool is_name(std::string_view text) noexcept {
    return is_name_up_to(text, name_bytes_max);
}

bool is_new_session_id(std::string_view text) noexcept {
    return is_name_up_to(text, base::limits::session_id_bytes_max) && text != "activate" &&
           text != "client";
}

bool is_branch(std::string_view text) noexcept {
    const auto fits = [](char c) {
        return is_letter_or_digit(c) || c == '-' || c == '.' || c == '_' || c == '/';
    };
    return !text.empty() && text.size() <= branch_bytes_max &&
           std::all_of(text.begin(), text.end(), fits) && text.front() != '-' &&
           text.front() != '/' && text.front() != '.' && text.back() != '/' && text.back() != '.' &&
           text.find("..") == std::string_view::npos && text.find("//") == std::string_view::npos &&
           text.find("/.") == std::string_view::npos && !text.ends_with(".lock");
}

bool is_instruction(std::string_view text) noexcept {
    return text.size() <= instruction_bytes_max && text.find('\0') == std::string_view::npos;
}

percent_decoding percent_decoded(std::string_view text) {
    percent_decoding out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out.text += text[i];
            continue;
        }
        const int byte = base::escaped_byte(text, i);
        if (byte < 0)
            return {percent_decoding::fault::broken, {}, text.substr(i, 3)};
        if (byte < 0x20 || byte == 0x7F)
            return {percent_decoding::fault::control, {}, text.substr(i, 3)};
        out.text += static_cast<char>(byte);
        i += 2;
    }
    return out;
}

} // namespace postern::control
