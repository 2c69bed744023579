#include "edge/request/pattern.hpp"

#include "edge/http/scan.hpp"

#include <algorithm>

namespace postern::edge {

matcher::matcher(const capture_pattern& pattern, const options& how) : whole_{how.whole} {
    for (const capture_pattern::piece& p : pattern.pieces) {
        if (p.is_capture) {
            steps_.push_back({p.text, {}});
            continue;
        }
        std::string& literal = steps_.empty() ? head_ : steps_.back().literal;
        literal += p.text;
    }
    if (how.without_last_slash)
        (steps_.empty() ? head_ : steps_.back().literal).pop_back();
    const auto finish = [&](std::string& literal) {
        literal_bytes_ += literal.size();
        if (how.ignore_case)
            std::transform(literal.begin(), literal.end(), literal.begin(), to_lower);
    };
    finish(head_);
    for (step& s : steps_)
        finish(s.literal);
}

std::size_t matcher::capture_run(std::string_view text) noexcept {
    std::size_t n = 0;
    while (n < text.size() && is_capture_byte(text[n]))
        ++n;
    return n;
}

std::optional<std::size_t> matcher::match_behind_head(std::string_view text, std::size_t first_run,
                                                      captures& found) const {
    const std::size_t before = found.size();
    const auto fail = [&] {
        found.resize(before);
        return std::nullopt;
    };
    std::size_t at = head_.size();
    for (const step& s : steps_) {
        const std::string_view left = text.substr(at);
        const std::size_t run = &s == steps_.data() ? first_run : capture_run(left);
        const bool last = &s == &steps_.back();
        std::size_t length = run;
        if (last && whole_) {
            // The end is fixed: whatever lies before it is the capture's.
            if (!left.ends_with(s.literal))
                return fail();
            length = left.size() - s.literal.size();
        } else if (s.literal.empty()) {
            if (length < left.size() && left[length] != '/')
                return fail();
        } else if (!is_capture_byte(s.literal.front())) {
            // No capture reaches past the literal's first byte.
            if (!left.substr(length).starts_with(s.literal))
                return fail();
        } else {
            length = left.find(s.literal, 1);
        }
        if (length == 0 || length > run) // also where the literal was not found
            return fail();
        // Captures are put into paths of folders: no name may lead out of one.
        const std::string_view name = left.substr(0, length);
        if (name == "." || name == ".." || found.size() == found.capacity())
            return fail();
        found.push_back({s.name, name});
        at += length + s.literal.size();
    }
    if (whole_ && at != text.size())
        return fail();
    return at;
}

} // namespace postern::edge
