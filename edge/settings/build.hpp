// From a tree to settings: standards first, then what is given, then what servers and locations
// inherit.
#pragma once

#include "edge/settings/check_tree.hpp"
#include "edge/settings/setters.hpp"

#include <vector>

namespace postern::edge {

/// A conf on its way: settings without servers, and the servers as drafts, which know their nodes.
struct conf_draft {
    settings made;
    scope own; // of the main part
    tls_scope tls;
    std::vector<server_draft> servers;
};

/// Puts all directives that check_tree did not complain about into effect. `file` is the conf's
/// absolute path.
[[nodiscard]] conf_draft build_draft(const conf_tree& tree, const std::string& file,
                                     complaints& found);

/// Settles what locations inherit and complains about what does not fit together. Requires: nothing
/// was found so far, and the tree is whole.
[[nodiscard]] settings finish(const conf_tree& tree, conf_draft&& draft, complaints& found);

// Parts of finish, a file each.
void finish_location(location_draft& location, const server_draft& server, complaints& found);
void settle_look_through(const conf_tree& tree, const base::text_template& route_key,
                         store_settings& made, complaints& found);
void check_servers(const conf_draft& draft, complaints& found);
void check_redirects(const conf_tree& tree, const conf_draft& draft, complaints& found);
void check_record_key(const conf_tree& tree, const base::text_template& key, complaints& found);
void check_store(const conf_tree& tree, const store_settings& made, complaints& found);
void check_lifecycle(const conf_tree& tree, const settings& made, complaints& found);

/// The first node on a path of names from the top, or nullptr.
[[nodiscard]] const directive_node* find_node(const std::vector<directive_node>& nodes,
                                              std::initializer_list<std::string_view> path);

} // namespace postern::edge
