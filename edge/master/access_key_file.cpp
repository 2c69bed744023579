#include "edge/master/access_key_file.hpp"

#include "edge/master/secret_file.hpp"

namespace postern::edge {

base::result<base::access_keys> read_access_keys(const std::string& path) {
    return read_secret_file(path, {"access_key_file", base::access_keys_max, 32,
                                   "one or two lines of 32 to 512 printable characters"});
}

} // namespace postern::edge
