#include "base/file.hpp"

#include "base/unique_fd.hpp"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace postern::base {

result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
    const unique_fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!fd)
        return failure{last_errno(), path};
    std::string content;
    char chunk[16384];
    for (;;) {
        const ssize_t n = ::read(fd.get(), chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failure{last_errno(), path};
        if (n == 0)
            return content;
        content.append(chunk, static_cast<std::size_t>(n));
        if (content.size() > bytes_max)
            return failure{make_error_code(boost::system::errc::file_too_large), path};
    }
}

result<void> write_all(int fd, std::string_view content) {
    while (!content.empty()) {
        const ssize_t n = ::write(fd, content.data(), content.size());
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failure{last_errno(), {}};
        content.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
}

result<void> replace_file(const std::string& path, std::string_view content, mode_t mode) {
    const std::string beside = path + ".new." + std::to_string(::getpid());
    const auto give_up = [&](failure error) {
        ::unlink(beside.c_str());
        return error;
    };
    const unique_fd fd{
        ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode)};
    if (!fd)
        return failure{last_errno(), beside};
    if (auto written = write_all(fd.get(), content); !written)
        return give_up({written.error().code, beside});
    if (::fsync(fd.get()) != 0)
        return give_up({last_errno(), beside});
    if (::rename(beside.c_str(), path.c_str()) != 0)
        return give_up({last_errno(), path});
    return {};
}

} // namespace postern::base
