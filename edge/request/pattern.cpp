#include "edge/request/pattern.hpp"

#include <algorithm>

namespace postern::edge {
namespace {

/// Captures are put into paths of folders: no name may lead out of one.
bool is_dots(std::string_view name) noexcept {
    return name.front() == '.' && (name == "." || name == "..");
}

/// A pattern in the order in which it is matched.
struct spelled_pattern {
    std::string head;
    std::vector<std::pair<std::string_view, std::string>> captures; // with the literal behind each

    std::string& last() { return captures.empty() ? head : captures.back().second; }
};

spelled_pattern spell(const capture_pattern& pattern, const matcher::options& how) {
    spelled_pattern out;
    for (const capture_pattern::piece& p : pattern.pieces) {
        if (p.is_capture)
            out.captures.emplace_back(p.text, std::string{});
        else
            out.last() += p.text;
    }
    if (how.without_last_slash)
        out.last().pop_back();
    const auto finish = [&](std::string& text) {
        if (how.ignore_case)
            std::transform(text.begin(), text.end(), text.begin(), to_lower);
    };
    finish(out.head);
    for (auto& [name, behind] : out.captures)
        finish(behind);
    return out;
}

} // namespace

capture_number capture_names::number_of(std::string_view name) {
    const auto at = std::find(names_.begin(), names_.end(), name);
    const auto number = static_cast<capture_number>(at - names_.begin());
    if (at == names_.end())
        names_.push_back(name);
    return number;
}

literal::literal(std::string bytes) : bytes_{std::move(bytes)} {
    const std::size_t count = std::min(bytes_.size(), sizeof first_);
    std::memcpy(&first_, bytes_.data(), count);
    std::memset(&first_mask_, 0xff, count);
}

matcher::matcher(const capture_pattern& pattern, const options& how, capture_names& names)
    : whole_{how.whole} {
    spelled_pattern spelled = spell(pattern, how);
    literal_bytes_ = spelled.head.size();
    head_ = literal{std::move(spelled.head)};
    for (auto& [name, behind] : spelled.captures) {
        literal_bytes_ += behind.size();
        const bool takes_run = behind.empty() || !is_capture_byte(behind.front());
        steps_.push_back(
            {name, names.number_of(name), literal{std::move(behind)}, takes_run, false});
    }
    if (!steps_.empty())
        steps_.back().is_end = whole_;
}

std::size_t matcher::searched_length(const step& s, std::string_view left,
                                     std::size_t run) noexcept {
    // With a fixed end whatever lies before it is the capture's, else it ends as early as it can.
    const std::size_t length = !s.is_end                          ? left.find(s.behind.bytes(), 1)
                               : left.ends_with(s.behind.bytes()) ? left.size() - s.behind.size()
                                                                  : 0;
    return length <= run ? length : 0; // also where nothing was found
}

std::size_t matcher::match_steps(std::string_view text, std::size_t first_length,
                                 captures& found) const {
    const std::size_t before = found.size();
    std::size_t at = head_.size();
    std::size_t length = first_length;
    for (const step& s : steps_) {
        const std::string_view left = text.substr(at);
        if (&s != steps_.data())
            length = capture_length(s, left, capture_run(left));
        if (length == 0 || is_dots(left.substr(0, length)) || found.size() == found.capacity()) {
            found.resize(before);
            return no_match;
        }
        found.push_back({s.name, left.substr(0, length), s.number});
        at += length + s.behind.size();
    }
    if (whole_ && at != text.size()) // only without captures: the last one has seen to it
        return no_match;
    return at;
}

} // namespace postern::edge
