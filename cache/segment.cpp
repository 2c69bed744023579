#include "cache/segment.hpp"

#include "base/named_category.hpp"
#include "cache/segment_map.hpp"
#include "cache/table_file.hpp"

#include <boost/interprocess/exceptions.hpp>
#include <boost/interprocess/file_mapping.hpp>
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace postern::cache {
namespace {

const char* message_of(error e) {
    switch (e) {
    case error::bad_magic:
        return "not a session table";
    case error::other_layout:
        return "a session table of another version or build";
    case error::bad_header:
        return "the header is damaged";
    case error::truncated:
        return "the file is shorter than a session table";
    case error::writer_busy:
        return "another process writes this session table";
    case error::not_a_file:
        return "not usable as a session table";
    case error::replaced:
        return "the file was deleted or replaced while it was in use";
    }
    return "unknown";
}

bool out_of_space(const base::failure& cause) {
    return cause.code == boost::system::errc::no_space_on_device;
}

/// A new table beside `path`; when the disk is too full for two, the table that was set aside
/// earlier makes room.
base::result<base::unique_fd> make_beside(const std::string& path, const std::string& beside,
                                          std::uint64_t capacity, const file_owner& owner) {
    auto made = make_table_file(beside, capacity, owner);
    if (!made && out_of_space(made.error()) && ::unlink((path + ".bad").c_str()) == 0)
        made = make_table_file(beside, capacity, owner);
    return made;
}

base::result<void> renamed(const std::string& from, const std::string& to) {
    if (::rename(from.c_str(), to.c_str()) == 0)
        return {};
    return base::failure{base::last_errno(), fmt::format("{} cannot be renamed to {}", from, to)};
}

base::result<prepared> create(const std::string& path, std::uint64_t capacity,
                              const file_owner& owner, bool set_old_aside) {
    const std::string beside = path + ".new";
    auto made = make_beside(path, beside, capacity, owner);
    if (!made)
        return made.error();
    if (set_old_aside) {
        if (auto done = renamed(path, path + ".bad"); !done) {
            ::unlink(beside.c_str());
            return done.error();
        }
    }
    if (auto done = renamed(beside, path); !done) {
        ::unlink(beside.c_str());
        return done.error();
    }
    return set_old_aside ? prepared::rebuilt : prepared::created;
}

} // namespace

const boost::system::error_category& error_category() noexcept {
    static const base::named_category<error, message_of> category{"session table"};
    return category;
}

base::result<prepared> prepare(const std::string& path, std::uint64_t capacity,
                               const file_owner& owner) {
    if (capacity == 0 || capacity > capacity_max)
        return base::failure{make_error_code(boost::system::errc::invalid_argument),
                             fmt::format("{}: a capacity of {} sessions; it must be 1 to {}", path,
                                         capacity, capacity_max)};
    auto fd = open_table_file(path, O_RDWR);
    if (!fd && fd.error().code == boost::system::errc::no_such_file_or_directory)
        return create(path, capacity, owner, false);
    if (!fd)
        return fd.error();
    const auto identity = identify(fd->get(), path);
    if (identity && identity->shape.capacity == capacity) {
        // A copy made by other tools may have holes.
        if (auto done = allocate(fd->get(), identity->shape, text_groups_used(fd->get()), path);
            !done)
            return done.error();
        if (owner.given() && ::fchown(fd->get(), owner.uid, owner.gid) != 0)
            return base::failure{base::last_errno(), path + " cannot be given to its account"};
        return prepared::opened;
    }
    if (has_writer(fd->get()))
        return base::failure{
            make_error_code(error::writer_busy),
            identity ? fmt::format("{} has a capacity of {} sessions and is in use; it cannot "
                                   "change to {} before postern is stopped",
                                   path, identity->shape.capacity, capacity)
                     : identity.error().text()};
    return create(path, capacity, owner, true);
}

base::result<prepared> replace_lost(const std::string& path, std::uint64_t capacity) {
    const auto lost = open_table_file(path, O_RDWR);
    auto done = prepare(path, capacity);
    if (done && *done == prepared::rebuilt && lost && ::ftruncate(lost->get(), 0) != 0)
        return base::failure{base::last_errno(), path + ".bad cannot be cut to nothing"};
    return done;
}

base::result<std::unique_ptr<segment>> segment::map(const std::string& path, role as) {
    namespace ipc = boost::interprocess;
    auto fd = open_table_file(path, O_RDWR);
    if (!fd)
        return fd.error();
    if (as == role::writer)
        if (auto locked = lock_for_writing(fd->get(), path); !locked)
            return locked.error();
    const auto identity = identify(fd->get(), path);
    if (!identity)
        return identity.error();
    try {
        const ipc::file_mapping file{path.c_str(), ipc::read_write};
        // The name was resolved a second time: it must still be the file that was checked.
        struct stat checked = {};
        struct stat mapped = {};
        if (::fstat(fd->get(), &checked) != 0 ||
            ::fstat(file.get_mapping_handle().handle, &mapped) != 0)
            return base::failure{base::last_errno(), path};
        if (checked.st_ino != mapped.st_ino || checked.st_dev != mapped.st_dev)
            return base::failure{make_error_code(boost::system::errc::text_file_busy),
                                 path + " was replaced while it was opened"};
        ipc::mapped_region region{file, ipc::read_write, 0, identity->shape.file_bytes};
        const table_view view =
            table_view::over(region.get_address(), identity->shape, identity->key);
        base::unique_fd kept = as == role::writer ? std::move(*fd) : base::unique_fd{};
        return std::unique_ptr<segment>{
            new segment{std::move(kept), std::move(region), *identity, view}};
    } catch (const ipc::interprocess_exception& e) {
        return base::failure{{e.get_native_error(), boost::system::system_category()},
                             path + " cannot be mapped"};
    }
}

} // namespace postern::cache
