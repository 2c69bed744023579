#include "edge/static/static_lookup.hpp"

#include <cerrno>
#include <utility>

namespace postern::edge {

bool static_lookup::attempt(int root, std::string candidate) {
    auto opened = open_beneath(root, candidate);
    if (!opened) {
        switch (opened.error().code.value()) {
        case EMFILE:
        case ENFILE:
        case ENOMEM:
        case EAGAIN:
        case EIO:
        case EINTR:
            error = opened.error().code.value();
            return true;
        default:
            return false; // no such file, or none that may be seen
        }
    }
    if (opened->is_folder())
        is_folder = true;
    if (!opened->is_regular())
        return false;
    file = std::move(*opened);
    name = std::move(candidate);
    return true;
}

static_lookup look_for_file(int root, const static_path& path,
                            const std::vector<std::string>& index) {
    static_lookup found;
    if (!path.is_folder) {
        if (!found.attempt(root, path.file) && !path.file.empty())
            found.attempt(root, path.file + ".html");
        return found;
    }
    for (const std::string& name : index)
        if (found.attempt(root, path.file.empty() ? name : path.file + "/" + name))
            break;
    found.is_folder = false; // an index name that is itself a folder
    return found;
}

} // namespace postern::edge
