// The locations of one server, ordered so that a path is compared with few of them.
#pragma once

#include "edge/request/head_tree.hpp"
#include "edge/request/locate.hpp"
#include "edge/request/pattern.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postern::edge {

/// Finds a path's location by nginx's order: exact, then most literal bytes, then fewest captures,
/// then conf order. Immutable. Points into the settings it was made from.
class location_tree {
  public:
    location_tree(const std::vector<location_settings>& locations, capture_names& names);
    location_tree(location_tree&&) = default; // groups point into entries

    /// Sets `location`, `key_captures`, `prefix`, `rest`, `add_slash` of `out` and appends
    /// captures. False: no location; `out` is as before.
    [[nodiscard]] bool find(std::string_view path, located& out) const;

  private:
    struct entry {
        const location_settings* location;
        std::vector<capture_number> key_captures; // see located
        matcher pattern;
        bool add_slash; // stands for "/session/x" without the slash that its location has
        std::size_t literal_bytes; // of the location's whole pattern
        std::size_t order;
    };
    /// Entries that share their first literal.
    struct group {
        std::size_t head_bytes = 0;
        std::vector<const entry*> members; // best first
        std::int32_t parent =
            head_tree::none; // of the longest other head that this one starts with
    };
    struct match {
        const entry* by;
        std::size_t taken; // of the path
    };
    void add(const location_settings& location, std::size_t order, capture_names& names);
    void make_groups();
    /// The best match of those before `end`, or `end`.
    [[nodiscard]] static match first_match(const group& among, const entry* end,
                                           std::string_view path, captures& found);

    std::vector<entry> entries_; // best first
    std::vector<group> groups_;
    head_tree heads_; // of groups_
};

} // namespace postern::edge
