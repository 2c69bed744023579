// Which file below a root a path means: the name itself, the name with .html, or a folder's index.
#pragma once

#include "edge/static/open_beneath.hpp"
#include "edge/static/static_path.hpp"

#include <string>
#include <vector>

namespace postern::edge {

/// What a look for a file came to.
struct static_lookup {
    opened_file file;       // a regular file; without fd: there is none
    std::string name;       // its name below the root
    bool is_folder = false; // the path, written without its slash, is a folder
    int error = 0;          // an errno that does not mean "no such file": descriptors, memory, disk

    /// Tries one name below `root`; true when the looking is over: it is found, or trouble.
    bool attempt(int root, std::string candidate);
};

/// nginx: try_files $uri $uri.html $uri/. Names that may not be seen (links out of the root, no
/// permission) and special files count as missing.
[[nodiscard]] static_lookup look_for_file(int root, const static_path& path,
                                          const std::vector<std::string>& index);

} // namespace postern::edge
