#include "cache/table_file.hpp"

#include "base/file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace postern::cache {
namespace {

base::failure not_a_file(const std::string& path, std::string_view what) {
    return {
        make_error_code(error::not_a_file),
        fmt::format("{} {}; it must be a regular file of the account that runs postern, mode 0600",
                    path, what)};
}

std::string_view kind_of(mode_t mode) {
    if (S_ISDIR(mode))
        return "is a directory";
    if (S_ISLNK(mode))
        return "is a symbolic link";
    if (S_ISFIFO(mode))
        return "is a FIFO";
    if (S_ISSOCK(mode))
        return "is a socket";
    return "is a device";
}

std::uint64_t fixed_checksum(const file_header& header) {
    return checksum64(&header.magic, fixed_header_words, table_magic);
}

struct flock whole_file(short type) {
    struct flock lock = {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    return lock;
}

file_header header_of(const geometry& shape) {
    file_header header = {};
    header.magic = table_magic;
    header.format = layout_format();
    header.capacity = shape.capacity;
    header.bucket_count = shape.bucket_count;
    header.slot_count = shape.slot_count;
    header.file_bytes = shape.file_bytes;
    header.counters_offset = shape.counters_offset;
    header.index_offset = shape.index_offset;
    header.slots_offset = shape.slots_offset;
    header.activity_offset = shape.activity_offset;
    header.asked_offset = shape.asked_offset;
    header.texts_offset = shape.texts_offset;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    header.created_at_ms = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
    return header;
}

base::result<void> write_header(int fd, const geometry& shape, const std::string& path) {
    file_header header = header_of(shape);
    if (::getrandom(header.hash_key, sizeof header.hash_key, 0) !=
        static_cast<ssize_t>(sizeof header.hash_key))
        return base::failure{base::last_errno(), path + ": no random bytes for the hash key"};
    header.checksum = fixed_checksum(header);
    if (::lseek(fd, 0, SEEK_SET) != 0)
        return base::failure{base::last_errno(), path};
    auto written = base::write_all(fd, {reinterpret_cast<const char*>(&header), sizeof header});
    if (!written)
        return base::failure{written.error().code, path};
    return {};
}

/// Opens `beside` under the writer's lock and makes sure that the name still means the file that
/// was locked: another process may have finished and renamed its own meanwhile.
base::result<base::unique_fd> lock_new_file(const std::string& beside) {
    for (int attempt = 0; attempt < 8; ++attempt) {
        base::unique_fd fd{
            ::open(beside.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600)};
        if (!fd)
            return base::failure{base::last_errno(), beside};
        struct stat opened = {};
        struct stat named = {};
        if (::fstat(fd.get(), &opened) != 0)
            return base::failure{base::last_errno(), beside};
        if (!S_ISREG(opened.st_mode))
            return not_a_file(beside, kind_of(opened.st_mode));
        if (auto locked = lock_for_writing(fd.get(), beside); !locked)
            return locked.error();
        if (::lstat(beside.c_str(), &named) == 0 && named.st_ino == opened.st_ino &&
            named.st_dev == opened.st_dev)
            return fd;
    }
    return base::failure{make_error_code(error::writer_busy), beside};
}

} // namespace

base::result<base::unique_fd> open_table_file(const std::string& path, int flags) {
    base::unique_fd fd{
        ::open(path.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
    if (!fd) {
        const base::error_code cause = base::last_errno();
        if (cause.value() == ELOOP)
            return not_a_file(path, kind_of(S_IFLNK));
        if (cause.value() == EISDIR)
            return not_a_file(path, kind_of(S_IFDIR));
        if (cause.value() == ENXIO)
            return not_a_file(path, "is a socket or a device");
        return base::failure{cause, path};
    }
    struct stat status = {};
    if (::fstat(fd.get(), &status) != 0)
        return base::failure{base::last_errno(), path};
    if (!S_ISREG(status.st_mode))
        return not_a_file(path, kind_of(status.st_mode));
    // Root prepares tables for the account that its workers run as.
    if (status.st_uid != ::geteuid() && ::geteuid() != 0)
        return not_a_file(path, fmt::format("belongs to user {}", status.st_uid));
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return not_a_file(
            path, fmt::format("can be written by others (mode {:04o})", status.st_mode & 07777U));
    return fd;
}

base::result<table_identity> identify(int fd, const std::string& path) {
    file_header header = {};
    struct stat status = {};
    if (::fstat(fd, &status) != 0)
        return base::failure{base::last_errno(), path};
    ssize_t n = 0;
    do
        n = ::pread(fd, &header, sizeof header, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return base::failure{base::last_errno(), path};
    // Of a shorter file, as much as there is.
    if (n > 0 && std::memcmp(&header.magic, &table_magic,
                             std::min(static_cast<std::size_t>(n), sizeof table_magic)) != 0)
        return base::failure{make_error_code(error::bad_magic), path};
    if (n != static_cast<ssize_t>(sizeof header))
        return base::failure{make_error_code(error::truncated),
                             fmt::format("{} has {} bytes, its header alone is {}", path,
                                         status.st_size, sizeof header)};
    if (header.format != layout_format())
        return base::failure{make_error_code(error::other_layout),
                             fmt::format("{} has layout {:016x}, this postern's is {:016x}", path,
                                         header.format, layout_format())};
    if (header.checksum != fixed_checksum(header) || header.capacity == 0 ||
        header.capacity > capacity_max)
        return base::failure{make_error_code(error::bad_header), path};
    const geometry shape = geometry_of(header.capacity);
    file_header expected = header_of(shape);
    expected.hash_key[0] = header.hash_key[0];
    expected.hash_key[1] = header.hash_key[1];
    expected.created_at_ms = header.created_at_ms;
    if (std::memcmp(&expected, &header, fixed_header_words * 8) != 0)
        return base::failure{make_error_code(error::bad_header),
                             path + ": sizes that do not follow from its capacity"};
    if (static_cast<std::uint64_t>(status.st_size) < shape.file_bytes)
        return base::failure{
            make_error_code(error::truncated),
            fmt::format("{} has {} of {} bytes", path, status.st_size, shape.file_bytes)};
    if (static_cast<std::uint64_t>(status.st_size) != shape.file_bytes)
        return base::failure{make_error_code(error::bad_header),
                             fmt::format("{} has {} bytes where its header says {}", path,
                                         status.st_size, shape.file_bytes)};
    table_identity good{shape, {header.hash_key[0], header.hash_key[1]}};
    std::memcpy(good.fixed.data(), &header, sizeof good.fixed);
    return good;
}

base::result<base::unique_fd> make_table_file(const std::string& beside, std::uint64_t capacity,
                                              const file_owner& owner) {
    auto fd = lock_new_file(beside);
    if (!fd)
        return fd.error();
    const auto give_up = [&](base::failure cause) {
        ::unlink(beside.c_str());
        return cause;
    };
    const geometry shape = geometry_of(capacity);
    if (::ftruncate(fd->get(), 0) != 0 || ::fchmod(fd->get(), 0600) != 0)
        return give_up({base::last_errno(), beside});
    if (owner.given() && ::fchown(fd->get(), owner.uid, owner.gid) != 0)
        return give_up({base::last_errno(), beside + ": cannot be given to its account"});
    if (auto done = allocate(fd->get(), shape, 0, beside); !done)
        return give_up(done.error());
    if (auto done = write_header(fd->get(), shape, beside); !done)
        return give_up(done.error());
    return fd;
}

std::uint64_t text_groups_used(int fd) noexcept {
    std::uint64_t groups = 0;
    const ssize_t n = ::pread(fd, &groups, sizeof groups, offsetof(file_header, text_groups));
    return n == static_cast<ssize_t>(sizeof groups) ? groups : 0;
}

base::error_code allocate(int fd, std::uint64_t from, std::uint64_t to) noexcept {
    int cause = 0;
    do
        cause = ::posix_fallocate(fd, static_cast<off_t>(from), static_cast<off_t>(to - from));
    while (cause == EINTR);
    return {cause, boost::system::system_category()};
}

base::result<void> allocate(int fd, const geometry& shape, std::uint64_t text_groups,
                            const std::string& path) {
    if (::ftruncate(fd, static_cast<off_t>(shape.file_bytes)) != 0)
        return base::failure{base::last_errno(), path};
    const std::uint64_t bytes = shape.bytes_with_texts(text_groups);
    if (const base::error_code cause = allocate(fd, 0, bytes))
        return base::failure{cause, fmt::format("{} needs {} bytes on its disk", path, bytes)};
    return {};
}

base::result<void> lock_for_writing(int fd, const std::string& path) {
    struct flock lock = whole_file(F_WRLCK);
    if (::fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return {};
    const base::error_code cause = base::last_errno();
    if (cause.value() == EAGAIN || cause.value() == EACCES)
        return base::failure{make_error_code(error::writer_busy), path};
    return base::failure{cause, path + " cannot be locked"};
}

bool has_writer(int fd) noexcept {
    struct flock lock = whole_file(F_RDLCK);
    return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

} // namespace postern::cache
