#include "edge/settings/check_tree.hpp"

#include "edge/settings/directives.hpp"
#include "edge/settings/lexer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>

namespace postern::edge {
namespace {

std::string arguments_text(const directive& d) {
    return d.arguments.empty() ? std::string{} : fmt::format(" ({})", d.arguments);
}

std::string plural(unsigned count) {
    return count == 0   ? "no argument"
           : count == 1 ? "1 argument"
                        : fmt::format("{} arguments", count);
}

std::string expected_words(const directive& d) {
    if (d.words_min == d.words_max)
        return plural(d.words_min);
    if (d.words_max == words_unbounded)
        return fmt::format("{} or more", plural(d.words_min));
    return fmt::format("{} to {}", d.words_min, plural(d.words_max));
}

/// The first argument that stands on a later line and is a directive's name: the sign of a lost
/// semicolon.
const directive_node::word* swallowed_directive(const directive_node& node, unsigned in_context) {
    for (const directive_node::word& word : node.words)
        if (word.line > node.line && find_directive(word.text, in_context) != nullptr)
            return &word;
    return nullptr;
}

class checker {
  public:
    explicit checker(complaints& found) : found_{found} {}

    void check_block(const std::vector<directive_node>& nodes, unsigned in_context) {
        std::map<std::string_view, const directive_node*> seen;
        const directive_node* handler_node = nullptr;
        for (const directive_node& node : nodes) {
            const directive* const d = find_directive(node.name, in_context);
            if (d == nullptr) {
                unknown(node, in_context);
                continue;
            }
            check_form(node, *d, in_context);
            const auto [first, is_new] = seen.try_emplace(node.name, &node);
            if (!is_new && !d->repeats)
                again(node, *first->second);
            if (d->makes) {
                if (handler_node != nullptr && handler_node->name != node.name)
                    found_.note(
                        node,
                        fmt::format("the location has \"{}\" already (line {}); it does one thing",
                                    handler_node->name, handler_node->line));
                handler_node = &node;
            }
            if (node.has_block && d->opens != 0)
                check_block(node.children, d->opens);
        }
    }

  private:
    void unknown(const directive_node& node, unsigned in_context) {
        const auto elsewhere = entries_named(node.name);
        if (!elsewhere.empty()) {
            unsigned contexts = 0;
            for (const directive* const d : elsewhere)
                contexts |= d->contexts;
            found_.note(node, fmt::format("belongs in {}, not in {}", text_of_contexts(contexts),
                                          text_of_contexts(in_context)));
            return;
        }
        const std::string_view near = nearest_directive(node.name, in_context);
        if (near.empty())
            found_.note(node, "there is no such directive; \"postern help\" lists them");
        else
            found_.note(node,
                        fmt::format("there is no such directive; did you mean \"{}\"?", near));
    }

    void check_form(const directive_node& node, const directive& d, unsigned in_context) {
        const auto count = static_cast<unsigned>(node.words.size());
        if (const auto* const word = swallowed_directive(node, in_context);
            word != nullptr && (count > d.words_max || node.has_block)) {
            found_.note(node, fmt::format("is a \";\" missing before \"{}\" in line {}?",
                                          shown(word->text), word->line));
        } else if (count < d.words_min || count > d.words_max) {
            found_.note(node, fmt::format("takes {}{}, not {}", expected_words(d),
                                          arguments_text(d), count));
        } else if (node.has_block && d.block == block_rule::none) {
            found_.note(node, "takes no block; end it with \";\"");
        } else if (!node.has_block && d.block == block_rule::required) {
            found_.note(node, "needs a block: { ... } in place of \";\"");
        }
    }

    void again(const directive_node& node, const directive_node& first) {
        if (*node.file == *first.file)
            found_.note(node, fmt::format("was given already in line {}", first.line));
        else
            found_.note(node,
                        fmt::format("was given already in {}:{}", shown(*first.file), first.line));
    }

    complaints& found_;
};

} // namespace

void complaints::note(const directive_node& node, std::string reason) {
    nodes_.insert(node.order);
    if (first_ && first_order_ <= node.order)
        return;
    first_ = settings_error{*node.file, node.line, node.name, std::move(reason)};
    first_order_ = node.order;
}

void check_tree(const conf_tree& tree, complaints& found) {
    checker{found}.check_block(tree.top, context::main);
}

} // namespace postern::edge
