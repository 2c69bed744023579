// Parts of a location's settings that are small lists of their own.
#pragma once

#include "base/ip_endpoint.hpp"

#include <string>
#include <vector>

namespace postern::edge {

/// Who is let in: everybody, or who has a signed link to the session or comes from a network.
struct access_rule {
    bool open = true;
    bool link = false; // session locations only
    std::vector<base::ip_network> networks;
};

/// What caches are told of the files whose path below their location begins with `path`.
struct cache_rule {
    std::string path;  // empty: all
    std::string value; // of Cache-Control
};

} // namespace postern::edge
