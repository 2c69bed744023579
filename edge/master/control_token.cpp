#include "edge/master/control_token.hpp"

#include "edge/master/secret_file.hpp"

namespace postern::edge {

base::result<std::string> control_token(const std::string& path) {
    auto lines =
        read_secret_file(path, {"token_file", 1, 16, "one line of 16 to 512 printable characters"});
    if (!lines)
        return lines.error();
    return std::move(lines->front());
}

} // namespace postern::edge
