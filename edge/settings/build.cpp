#include "edge/settings/build.hpp"

#include "base/check.hpp"
#include "edge/settings/directives.hpp"

#include <algorithm>

namespace postern::edge {
namespace {

template <class T>
const setter<T>* setter_named(std::span<const setter<T>> setters, std::string_view name) {
    const auto at = std::find_if(setters.begin(), setters.end(),
                                 [&](const setter<T>& s) { return s.name == name; });
    return at == setters.end() ? nullptr : &*at;
}

class builder {
  public:
    builder(const conf_tree& tree, const std::string& file, complaints& found)
        : tree_{tree}, folder_{folder_of(file)}, found_{found} {}

    void build(conf_draft& out) {
        settings& made = out.made;
        // Read like a line of a conf, so that what the documentation says is what holds.
        set_standards(context::main, main_setters(), made);
        set_standards(context::store, store_setters(), made.store);
        set_standards(context::control, control_setters(), made.control);
        set_standards(context::lifecycle, lifecycle_setters(), made.lifecycle);
        set_standards(context::main, scope_setters(), standard_scope_);
        set_standards(context::main, tls_setters(), standard_tls_);
        set(tree_.top, main_setters(), made);
        set(tree_.top, scope_setters(), out.own);
        out.own.inherit(standard_scope_);
        set(tree_.top, tls_setters(), out.tls);
        out.tls.inherit(standard_tls_);
        for (const directive_node& node : tree_.top) {
            if (found_.about(node))
                continue;
            if (node.name == "store")
                set(node.children, store_setters(), made.store);
            if (node.name == "control")
                set(node.children, control_setters(), made.control);
            if (node.name == "lifecycle")
                build_lifecycle(node, made.lifecycle);
            if (node.name == "server")
                out.servers.push_back(build_server(node, out));
        }
    }

  private:
    /// The directives of a block that `setters` know.
    template <class T>
    void set(const std::vector<directive_node>& nodes, std::span<const setter<T>> setters,
             T& into) {
        for (const directive_node& node : nodes) {
            const setter<T>* const known = setter_named(setters, node.name);
            if (known == nullptr || found_.about(node))
                continue;
            if (auto wrong = known->set({node, folder_}, into))
                found_.note(node, std::move(wrong->text));
        }
    }

    template <class T>
    void set_standards(unsigned in_context, std::span<const setter<T>> setters, T& into) {
        for (const directive& d : all_directives()) {
            const setter<T>* const known = setter_named(setters, d.name);
            if ((d.contexts & in_context) == 0 || d.standard.empty() || known == nullptr)
                continue;
            lexer words{d.standard};
            directive_node node;
            node.name = d.name;
            node.file = &standard_source_;
            token word;
            while (!words.next(word) && word.kind == token::kind::word)
                node.words.push_back({word.text, 0});
            POSTERN_CHECK(!known->set({node, folder_}, into));
        }
    }

    void build_lifecycle(const directive_node& block, lifecycle_settings& out) {
        set(block.children, lifecycle_setters(), out);
        for (const directive_node& node : block.children) {
            if (node.name != "launcher" || found_.about(node))
                continue;
            constexpr std::string_view kinds[] = {"process"};
            if (auto kind = choice_of(node.words[0].text, kinds); !kind) {
                found_.note(node, kind.error().text);
                continue;
            }
            launcher_settings& launcher = out.launcher.emplace();
            launcher.source = call{node, folder_}.source();
            set_standards(context::launcher, launcher_setters(), launcher);
            set(node.children, launcher_setters(), launcher);
        }
    }

    server_draft build_server(const directive_node& block, const conf_draft& outer) {
        server_draft out;
        out.node = &block;
        out.made.source = call{block, folder_}.source();
        set(block.children, server_setters(), out.made);
        if (out.made.listens.empty()) {
            set_standards(context::server, server_setters(), out.made);
            out.made.listens.front().source = out.made.source;
        }
        set(block.children, scope_setters(), out.own);
        out.own.inherit(outer.own);
        set(block.children, tls_setters(), out.tls);
        out.tls.inherit(outer.tls);
        out.made.tls = out.tls.settled();
        for (const directive_node& node : block.children)
            if (node.name == "location" && !found_.about(node))
                out.locations.push_back(build_location(node, out.own));
        return out;
    }

    location_draft build_location(const directive_node& block, const scope& outer) {
        location_draft out;
        out.node = &block;
        if (auto wrong = set_location_path({block, folder_}, out))
            found_.note(block, std::move(wrong->text));
        set(block.children, location_setters(), out);
        set(block.children, scope_setters(), out.own);
        out.own.inherit(outer);
        return out;
    }

    const conf_tree& tree_;
    std::string folder_;
    std::string standard_source_ = "built in";
    scope standard_scope_;
    tls_scope standard_tls_;
    complaints& found_;
};

} // namespace

conf_draft build_draft(const conf_tree& tree, const std::string& file, complaints& found) {
    conf_draft draft;
    draft.made.file = file;
    builder{tree, file, found}.build(draft);
    return draft;
}

settings finish(const conf_tree& tree, conf_draft&& draft, complaints& found) {
    check_record_key(tree, *draft.own.route_key, found);
    check_store(tree, draft.made.store, found);
    settle_look_through(tree, *draft.own.route_key, draft.made.store, found);
    check_lifecycle(tree, draft.made, found);
    for (server_draft& server : draft.servers)
        for (location_draft& location : server.locations)
            finish_location(location, server, found);
    check_servers(draft, found);
    check_redirects(tree, draft, found);
    draft.made.route_key = *draft.own.route_key;
    for (server_draft& server : draft.servers) {
        for (location_draft& location : server.locations)
            server.made.locations.push_back(std::move(location.made));
        draft.made.servers.push_back(std::move(server.made));
    }
    return std::move(draft.made);
}

const directive_node* find_node(const std::vector<directive_node>& nodes,
                                std::initializer_list<std::string_view> path) {
    const std::vector<directive_node>* level = &nodes;
    const directive_node* found = nullptr;
    for (const std::string_view name : path) {
        const auto at = std::find_if(level->begin(), level->end(),
                                     [&](const directive_node& n) { return n.name == name; });
        if (at == level->end())
            return nullptr;
        found = &*at;
        level = &found->children;
    }
    return found;
}

} // namespace postern::edge
