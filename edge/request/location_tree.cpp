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

/// The captures that the location's route key is made of, by place in its template.
std::vector<capture_number> key_captures_of(const location_settings& location,
                                            capture_names& names) {
    std::vector<capture_number> out;
    for (const base::text_template::piece& p : location.route_key.pieces())
        out.push_back(p.is_name ? names.number_of(p.text) : capture_number{});
    return out;
}

} // namespace

location_tree::location_tree(const std::vector<location_settings>& locations,
                             capture_names& names) {
    for (std::size_t i = 0; i < locations.size(); ++i)
        add(locations[i], i, names);
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

void location_tree::add(const location_settings& location, std::size_t order,
                        capture_names& names) {
    matcher whole{location.path, {.whole = location.exact}, names};
    const std::size_t literal_bytes = whole.literal_bytes();
    const std::vector<capture_number> key_captures = key_captures_of(location, names);
    entries_.push_back({&location, key_captures, std::move(whole), false, literal_bytes, order});
    const bool root = location.path.text == "/";
    if (location.handler == handler::session && !location.exact && !root &&
        ends_in_slash(location.path))
        entries_.push_back(
            {&location, key_captures,
             matcher{location.path, {.whole = true, .without_last_slash = true}, names}, true,
             literal_bytes, order});
}

void location_tree::make_groups() {
    std::vector<std::string> heads;
    for (const entry& e : entries_) {
        const std::string& head = e.pattern.head();
        const auto same = std::find(heads.begin(), heads.end(), head);
        const auto at = static_cast<std::size_t>(same - heads.begin());
        if (same == heads.end()) {
            heads.push_back(head);
            groups_.push_back({.head_bytes = head.size()});
        }
        groups_[at].members.push_back(&e);
    }
    heads_ = head_tree{heads};
    for (std::size_t i = 0; i < groups_.size(); ++i)
        if (const std::string_view head = heads[i]; !head.empty())
            groups_[i].parent = heads_.longest_start_of(head.substr(0, head.size() - 1));
}

location_tree::match location_tree::first_match(const group& among, const entry* end,
                                                std::string_view path, captures& found) {
    const std::size_t run = matcher::capture_run(path.substr(among.head_bytes));
    for (const entry* e : among.members) {
        if (e >= end)
            break;
        const std::size_t taken = e->pattern.match_behind_head(path, run, found);
        if (taken != matcher::no_match)
            return {e, taken};
    }
    return {end, 0};
}

bool location_tree::find(std::string_view path, located& out) const {
    const std::size_t own_captures = out.values.size();
    const entry* const none = entries_.data() + entries_.size();
    match best{none, 0};
    for (std::int32_t i = heads_.longest_start_of(path); i != head_tree::none;) {
        const group& g = groups_[static_cast<std::size_t>(i)];
        i = g.parent;
        if (g.members.front() >= best.by)
            continue;
        captures so_far; // what a better one takes replaces what the best one so far took
        if (best.by != none) {
            so_far = out.values;
            out.values.resize(own_captures);
        }
        const match better = first_match(g, best.by, path, out.values);
        if (better.by != best.by)
            best = better;
        else if (best.by != none)
            out.values = so_far;
    }
    if (best.by == none)
        return false;
    const location_settings& location = *best.by->location;
    out.location = &location;
    out.key_captures = best.by->key_captures;
    split(path, best.taken, location, out);
    out.add_slash = best.by->add_slash ||
                    (location.handler == handler::session && !location.exact && out.rest.empty());
    return true;
}

} // namespace postern::edge
