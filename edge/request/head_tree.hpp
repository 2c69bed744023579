// A radix tree of texts that others start with.
#pragma once

#include "edge/request/pattern.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postern::edge {

/// Finds the longest of its heads that a text starts with in one walk along the text. Immutable.
class head_tree {
  public:
    static constexpr std::int32_t none = -1;

    head_tree() = default;
    /// Requires: no two are equal.
    explicit head_tree(const std::vector<std::string>& heads);

    /// The head's place in what the tree was made of, or `none`.
    [[nodiscard]] std::int32_t longest_start_of(std::string_view text) const noexcept;

  private:
    struct node {
        literal label;                                // what follows its parent's
        std::int32_t head = none;                     // that ends here
        std::uint32_t children = 0, children_end = 0; // nodes_ from one to the other
    };
    struct numbered_head {
        std::string_view text;
        std::int32_t number;
    };
    void fill(std::size_t at, const numbered_head* begin, const numbered_head* end,
              std::size_t depth);

    std::vector<node> nodes_; // the root is the first
    std::string first_bytes_; // of the nodes' labels
};

} // namespace postern::edge
