#include "edge/request/head_tree.hpp"

#include <algorithm>

namespace postern::edge {

head_tree::head_tree(const std::vector<std::string>& heads) {
    if (heads.empty())
        return;
    std::vector<numbered_head> sorted;
    sorted.reserve(heads.size());
    for (const std::string& head : heads)
        sorted.push_back({head, static_cast<std::int32_t>(sorted.size())});
    std::sort(sorted.begin(), sorted.end(),
              [](const numbered_head& a, const numbered_head& b) { return a.text < b.text; });
    nodes_.resize(1);
    first_bytes_.resize(1);
    fill(0, sorted.data(), sorted.data() + sorted.size(), 0);
}

/// Makes node `at` stand for the heads from `begin` to `end`, which are sorted and share their
/// first `depth` bytes.
void head_tree::fill(std::size_t at, const numbered_head* begin, const numbered_head* end,
                     std::size_t depth) {
    // What the first and the last have in common, all between them have.
    const std::string_view first = begin->text, last = end[-1].text;
    const auto shared = static_cast<std::size_t>(
        std::mismatch(first.begin(), first.end(), last.begin(), last.end()).first - first.begin());
    nodes_[at].label = literal{std::string{first.substr(depth, shared - depth)}};
    if (first.size() == shared)
        nodes_[at].head = begin++->number;
    const auto end_of_child = [&](const numbered_head* child) {
        return std::find_if(child, end, [&](const numbered_head& h) {
            return h.text[shared] != child->text[shared];
        });
    };
    const std::size_t children = nodes_.size(); // side by side; theirs come behind them all
    for (auto* child = begin; child != end; child = end_of_child(child))
        first_bytes_ += child->text[shared];
    nodes_.resize(first_bytes_.size());
    nodes_[at].children = static_cast<std::uint32_t>(children);
    nodes_[at].children_end = static_cast<std::uint32_t>(nodes_.size());
    std::size_t next = children;
    for (auto* child = begin; child != end; child = end_of_child(child))
        fill(next++, child, end_of_child(child), shared);
}

std::int32_t head_tree::longest_start_of(std::string_view text) const noexcept {
    std::int32_t longest = none;
    for (std::size_t at = 0; at < nodes_.size();) {
        const node& here = nodes_[at];
        if (!here.label.begins(text))
            break;
        text.remove_prefix(here.label.size());
        if (here.head != none)
            longest = here.head;
        if (text.empty())
            break;
        std::uint32_t child = here.children;
        while (child < here.children_end && first_bytes_[child] != text.front())
            ++child;
        if (child == here.children_end)
            break;
        at = child;
    }
    return longest;
}

} // namespace postern::edge
