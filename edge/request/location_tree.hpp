// The locations of one server, ordered so that a path is compared with few of them.
#pragma once

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
    explicit location_tree(const std::vector<location_settings>& locations);

    /// Sets `location`, `prefix`, `rest`, `add_slash` of `out` and appends captures. False: no
    /// location; `out` is as before.
    [[nodiscard]] bool find(std::string_view path, located& out) const;

  private:
    struct entry {
        const location_settings* location;
        matcher pattern;
        bool add_slash; // stands for "/session/x" without the slash that its location has
        std::size_t literal_bytes; // of the location's whole pattern
        std::size_t order;
    };
    /// Entries that share their first literal; `parent` is the longest other head that this one
    /// starts with.
    struct group {
        std::string head;
        std::vector<std::uint32_t> ranks; // of entries_, best first
        std::int32_t parent = -1;
    };
    void add(const location_settings& location, std::size_t order);
    void make_groups();
    [[nodiscard]] std::int32_t group_of(std::string_view path) const noexcept;

    std::vector<entry> entries_; // by rank
    std::vector<group> groups_;  // by head
};

} // namespace postern::edge
