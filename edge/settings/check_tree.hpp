// Does each directive of a tree exist, stand where it may, once, with as many arguments as it
// takes?
#pragma once

#include "edge/settings/parser.hpp"

#include <optional>
#include <set>
#include <string>

namespace postern::edge {

/// Keeps the complaint that stands first in the conf, whatever the order in which they were found.
class complaints {
  public:
    void note(const directive_node& node, std::string reason);
    [[nodiscard]] bool any() const noexcept { return first_.has_value(); }
    [[nodiscard]] const std::optional<settings_error>& first() const noexcept { return first_; }
    /// Nodes that were complained about: nothing more is to be made of them.
    [[nodiscard]] bool about(const directive_node& node) const {
        return nodes_.contains(node.order);
    }

  private:
    std::optional<settings_error> first_;
    std::size_t first_order_ = 0;
    std::set<std::size_t> nodes_; // by order
};

/// Checks all nodes from the top.
void check_tree(const conf_tree& tree, complaints& found);

} // namespace postern::edge
