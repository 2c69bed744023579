#include "edge/request/location_tree.hpp"

#include <algorithm>

namespace postern::edge {
namespace {

bool ends_in_slash(const capture_pattern& pattern) noexcept {
    return !pattern.pieces.empty() && !pattern.pieces.back().is_capture &&
           pattern.pieces.back().text.ends_with('/');
}

/// What is left of the path after the part that `location` took, split where a segment begins.
void split(std::string_view path, std::size_t taken, const location_settings& location,
           located& out) noexcept {
    // An exact location names one path: nothing lies below it, and nothing is stripped.
    std::size_t cut = location.exact ? 0 : taken;
    if (cut > 0 && path[cut - 1] == '/')
        --cut;
    while (cut > 0 && cut < path.size() && path[cut] != '/')
        --cut;
    out.prefix = path.substr(0, cut);
    out.rest = path.substr(cut);
}

} // namespace

location_tree::location_tree(const std::vector<location_settings>& locations) {
    for (std::size_t i = 0; i < locations.size(); ++i)
        add(locations[i], i);
    std::sort(entries_.begin(), entries_.end(), [](const entry& a, const entry& b) {
        if (a.location->exact != b.location->exact)
            return a.location->exact;
        if (a.literal_bytes != b.literal_bytes)
            return a.literal_bytes > b.literal_bytes;
        if (a.pattern.captures_count() != b.pattern.captures_count())
            return a.pattern.captures_count() < b.pattern.captures_count();
        if (a.order != b.order)
            return a.order < b.order;
        return !a.add_slash && b.add_slash;
    });
    make_groups();
}

void location_tree::add(const location_settings& location, std::size_t order) {
    matcher whole{location.path, {.whole = location.exact}};
    const std::size_t literal_bytes = whole.literal_bytes();
    entries_.push_back({&location, std::move(whole), false, literal_bytes, order});
    const bool root = location.path.text == "/";
    if (location.handler == handler::session && !location.exact && !root &&
        ends_in_slash(location.path))
        entries_.push_back({&location,
                            matcher{location.path, {.whole = true, .without_last_slash = true}},
                            true, literal_bytes, order});
}

void location_tree::make_groups() {
    for (std::uint32_t rank = 0; rank < entries_.size(); ++rank) {
        const std::string& head = entries_[rank].pattern.head();
        const auto same = std::find_if(groups_.begin(), groups_.end(),
                                       [&](const group& g) { return g.head == head; });
        if (same == groups_.end())
            groups_.push_back({head, {rank}, -1});
        else
            same->ranks.push_back(rank);
    }
    std::sort(groups_.begin(), groups_.end(),
              [](const group& a, const group& b) { return a.head < b.head; });
    for (std::size_t i = 0; i < groups_.size(); ++i)
        for (std::size_t j = i; j-- > 0 && groups_[i].parent < 0;)
            if (groups_[i].head.starts_with(groups_[j].head))
                groups_[i].parent = static_cast<std::int32_t>(j);
}

std::int32_t location_tree::group_of(std::string_view path) const noexcept {
    const auto after = std::upper_bound(
        groups_.begin(), groups_.end(), path,
        [](std::string_view text, const group& g) { return text < std::string_view{g.head}; });
    // The last head that is not greater: the longest one the path starts with is it, or one of its
    // parents.
    auto i = static_cast<std::int32_t>(after - groups_.begin()) - 1;
    while (i >= 0 && !path.starts_with(groups_[static_cast<std::size_t>(i)].head))
        i = groups_[static_cast<std::size_t>(i)].parent;
    return i;
}

bool location_tree::find(std::string_view path, located& out) const {
    const std::size_t own_captures = out.values.size();
    const entry* best = nullptr;
    std::size_t best_rank = entries_.size();
    std::size_t best_taken = 0;
    for (std::int32_t i = group_of(path); i >= 0; i = groups_[static_cast<std::size_t>(i)].parent) {
        const group& g = groups_[static_cast<std::size_t>(i)];
        if (g.ranks.front() >= best_rank)
            continue;
        const std::size_t run = matcher::capture_run(path.substr(g.head.size()));
        for (const std::uint32_t rank : g.ranks) {
            if (rank >= best_rank)
                break;
            // What a better one takes replaces what this one took.
            const captures so_far = best ? out.values : captures{};
            out.values.resize(own_captures);
            const auto taken = entries_[rank].pattern.match_behind_head(path, run, out.values);
            if (!taken) {
                if (best)
                    out.values = so_far;
                continue;
            }
            best = &entries_[rank];
            best_rank = rank;
            best_taken = *taken;
            break;
        }
    }
    if (best == nullptr)
        return false;
    out.location = best->location;
    split(path, best_taken, *best->location, out);
    out.add_slash = best->add_slash || (best->location->handler == handler::session &&
                                        !best->location->exact && out.rest.empty());
    return true;
}

} // namespace postern::edge
