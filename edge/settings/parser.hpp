// From the bytes of a conf and all that it includes to a tree of directives, each with its place.
#pragma once

#include "edge/settings/settings_loader.hpp"

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace postern::edge {

/// What bounds a conf; beyond them it is refused with an error that names the bound.
struct conf_limits {
    std::size_t file_bytes = 1024 * 1024;     // one file
    std::size_t all_bytes = 16 * 1024 * 1024; // all files together
    std::size_t files = 1000;                 // read, each counted as often as it is included
    std::size_t directives = 50'000;
    std::size_t words = 1000; // of one directive
    unsigned block_depth = 8;
    unsigned include_depth = 10;
};

struct directive_node {
    struct word {
        std::string text;
        unsigned line = 0;
    };
    std::string name;
    std::vector<word> words; // its arguments
    std::vector<directive_node> children;
    bool has_block = false;
    const std::string* file = nullptr; // in conf_tree::files
    unsigned line = 0;
    std::size_t order = 0; // position among all directives as read
};

/// Not copyable: nodes point into `files`.
struct conf_tree {
    conf_tree() = default;
    conf_tree(conf_tree&&) = default;
    conf_tree& operator=(conf_tree&&) = default;

    std::deque<std::string> files;
    std::vector<directive_node> top;
    /// What stopped the reading. The tree then holds what came before.
    std::optional<settings_error> error;
};

/// Reads `text` as the content of `file` (absolute), and the files that `include` names, relative
/// to the folder of `file`. Never throws, whatever the bytes.
[[nodiscard]] conf_tree parse_conf(const std::string& text, const std::string& file,
                                   const conf_limits& limits = {});

/// A conf file's content. Errors: cannot be read, no regular file, too large.
[[nodiscard]] boost::system::result<std::string, settings_error>
read_conf_file(const std::string& file, std::size_t bytes_max = conf_limits{}.file_bytes);

/// `path`, made absolute by `folder` where it is relative.
[[nodiscard]] std::string path_from(const std::string& folder, const std::string& path);
[[nodiscard]] std::string folder_of(const std::string& file);

} // namespace postern::edge
