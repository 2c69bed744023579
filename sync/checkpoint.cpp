#include "sync/checkpoint.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace postern::sync {
namespace {

constexpr std::string_view format_word = "sync1";

template <class Number>
bool read_number(std::string_view text, Number& into) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
    return error == std::errc{} && end == text.data() + text.size();
}

} // namespace

std::string text_of(const checkpoint& written) {
    return fmt::format("{} {} {} {} {}", format_word, written.store, written.position,
                       written.version_base, written.route_ttl.count());
}

std::optional<checkpoint> checkpoint_of(std::string_view text) {
    std::array<std::string_view, 5> words;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::size_t space = text.find(' ');
        const bool is_last = i + 1 == words.size();
        if (is_last != (space == std::string_view::npos))
            return std::nullopt;
        words[i] = text.substr(0, space);
        if (words[i].empty())
            return std::nullopt;
        if (!is_last)
            text.remove_prefix(space + 1);
    }
    checkpoint read;
    std::int64_t route_ttl_ms = 0;
    if (words[0] != format_word || !read_number(words[3], read.version_base) ||
        !read_number(words[4], route_ttl_ms))
        return std::nullopt;
    read.store = words[1];
    read.position = words[2];
    read.route_ttl = std::chrono::milliseconds{route_ttl_ms};
    return read;
}

} // namespace postern::sync
