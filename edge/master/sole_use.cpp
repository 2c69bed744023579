#include "edge/master/sole_use.hpp"

#include "edge/master/lock_file.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <string_view>
#include <utility>

namespace postern::edge {
namespace {

using held_lock = std::shared_ptr<const base::unique_fd>;

base::result<held_lock> hold(const std::string& path, const std::function<bool()>& again,
                             std::function<std::string(std::string_view)> taken) {
    const lock_file_kind kind{"lock file", 0600, std::move(taken)};
    for (;;) {
        auto fd = lock_file(lock_of(path), kind);
        if (fd)
            return held_lock{std::make_shared<base::unique_fd>(std::move(*fd))};
        if (fd.error().code != boost::system::errc::device_or_resource_busy || !again || !again())
            return fd.error();
    }
}

} // namespace

std::string lock_of(const std::string& path) {
    return path + ".lock";
}

std::string launched_for(const settings& conf) {
    if (!conf.lifecycle.launcher || conf.store.path.empty())
        return {};
    std::error_code error;
    const auto file = std::filesystem::weakly_canonical(conf.store.path, error);
    return error ? conf.store.path : file.string();
}

base::result<sole_use> sole_use::of(const settings& conf, const sole_use* running,
                                    const std::optional<identity>& who,
                                    const std::function<bool()>& again) {
    const acting_as user{who};
    sole_use next;
    if (running != nullptr) {
        next.table = running->table;
    } else {
        auto table = hold(conf.table_path, again, [&](std::string_view holder) {
            return fmt::format("session_table {} is in use by another postern, process {}; stop "
                               "that one, or give this one a session_table and a store of its own",
                               conf.table_path, holder);
        });
        if (!table)
            return table.error();
        next.table = std::move(*table);
    }
    next.store_path = launched_for(conf);
    if (next.store_path.empty())
        return next;
    if (running != nullptr && running->store_path == next.store_path) {
        next.store = running->store;
        return next;
    }
    auto store = hold(next.store_path, again, [&](std::string_view holder) {
        return fmt::format("store sqlite {} is in use by another postern with a launcher, process "
                           "{}: each would stop what the other starts; stop that one, or give "
                           "this one a store of its own, or no launcher",
                           conf.store.path, holder);
    });
    if (!store)
        return store.error();
    next.store = std::move(*store);
    return next;
}

} // namespace postern::edge
