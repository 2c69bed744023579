#include "edge/static/root_folders.hpp"

#include <cerrno>
#include <fcntl.h>

namespace postern::edge {

root_folders::entry* root_folders::find(const std::string& path) noexcept {
    for (entry& e : entries_)
        if (e.fd && e.path == path)
            return &e;
    return nullptr;
}

root_folders::opened root_folders::open(const std::string& path, time now) {
    const entry* const known = find(path);
    if (known != nullptr && now - known->since < kept_for)
        return {known->fd.get(), true, 0};
    return reopen(path, now);
}

root_folders::opened root_folders::reopen(const std::string& path, time now) {
    base::unique_fd fd{::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    const int error = fd ? 0 : errno;
    entry* place = find(path);
    if (!fd) {
        if (place != nullptr)
            place->fd.reset();
        return {-1, false, error};
    }
    if (place == nullptr) {
        place = &entries_[next_++ % folders_max];
        place->path = path;
    }
    place->fd = std::move(fd);
    place->since = now;
    return {place->fd.get(), false, 0};
}

void root_folders::sweep(time now) noexcept {
    for (entry& e : entries_)
        if (e.fd && now - e.since >= kept_for)
            e.fd.reset();
}

} // namespace postern::edge
