// Any bytes into a log line: bounded, on one line, and as JSON always closed and always UTF-8.
#include "base/check.hpp"
#include "edge/request/log_escape.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

/// A second reader of the JSON string's inside, by RFC 8259's grammar.
bool is_json_text(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (static_cast<unsigned char>(text[i]) < 0x20 || text[i] == '"')
            return false;
        if (text[i] != '\\')
            continue;
        if (++i == text.size())
            return false;
        if (text[i] == 'u') {
            if (i + 4 >= text.size())
                return false;
            if (text.substr(i + 1, 4).find_first_not_of("0123456789abcdef") != std::string::npos)
                return false;
            i += 4;
        } else if (std::string_view{"\"\\nrt"}.find(text[i]) == std::string::npos) {
            return false;
        }
    }
    return true;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1)
        return 0;
    const std::size_t bytes_max = 8 + data[0];
    const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
    std::string json, plain, again;
    postern::edge::append_escaped_json(json, text, bytes_max);
    POSTERN_CHECK(json.size() <= bytes_max && is_json_text(json));
    postern::edge::append_escaped_default(plain, text, bytes_max);
    POSTERN_CHECK(plain.size() <= bytes_max);
    for (const char c : plain)
        POSTERN_CHECK(c >= 0x20 && c < 0x7f && c != '"');
    // Valid UTF-8 passes through unchanged: what came out, read again without its escapes, is found
    // valid.
    std::string bare;
    for (const char c : json)
        if (c != '\\')
            bare += c;
    postern::edge::append_escaped_json(again, bare, bare.size() + 8);
    POSTERN_CHECK(again.find("\\ufffd") == std::string::npos);
    return 0;
}
