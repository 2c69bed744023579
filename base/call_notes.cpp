#include "base/call_notes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace postern::base {
namespace {

constexpr std::string_view attempts_word = " attempts", request_word = "request ";

/// How long the notes are that `text` begins with, up to their bracket's end; 0: it begins with
/// none.
std::size_t length_of_notes(std::string_view text) {
    if (!text.starts_with(" ("))
        return 0;
    std::size_t at = 2;
    while (at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])) != 0)
        ++at;
    const bool has_attempts = at > 2 && text.substr(at).starts_with(attempts_word);
    at = has_attempts ? at + attempts_word.size() : 2;
    if (has_attempts && text.substr(at).starts_with(", "))
        at += 2;
    if (text.substr(at).starts_with(request_word)) {
        at += request_word.size();
        while (at < text.size() && std::isgraph(static_cast<unsigned char>(text[at])) != 0 &&
               text[at] != ')')
            ++at;
    } else if (!has_attempts) {
        return 0;
    }
    return text.substr(at).starts_with(')') ? at + 1 : 0;
}

} // namespace

std::string notes_of(unsigned attempts, std::string_view request_id) {
    std::string notes = attempts > 1 ? fmt::format("{}{}", attempts, attempts_word) : std::string{};
    if (!request_id.empty())
        notes += fmt::format("{}{}{}", notes.empty() ? "" : ", ", request_word, request_id);
    return notes.empty() ? notes : fmt::format(" ({})", notes);
}

std::string without_notes(std::string_view sentence) {
    std::string bare;
    while (!sentence.empty()) {
        if (const std::size_t notes = length_of_notes(sentence); notes > 0)
            sentence.remove_prefix(notes);
        const std::size_t next = std::min(sentence.find(' ', 1), sentence.size());
        bare += sentence.substr(0, next);
        sentence.remove_prefix(next);
    }
    return bare;
}

} // namespace postern::base
