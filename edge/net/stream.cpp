#include "edge/net/stream.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <unistd.h>

namespace postern::edge {

task<read_result> stream::read_some(std::span<char> into, milliseconds within) {
    for (;;) {
        const auto error = co_await readable(within);
        if (error)
            co_return read_result{error, 0};
        const read_result got = read_now(into);
        if (got.error || got.bytes > 0)
            co_return got;
    }
}

task<base::error_code> stream::send_file(int file, std::uint64_t offset, std::uint64_t length,
                                         milliseconds within) {
    constexpr std::uint64_t step_max = 64 * 1024;
    const std::unique_ptr<char[]> step{new char[std::min(length, step_max)]};
    while (length > 0) {
        const ssize_t n =
            ::pread(file, step.get(), std::min(length, step_max), static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            co_return n == 0 ? make_error_code(boost::system::errc::io_error) : base::last_errno();
        const auto bytes = static_cast<std::size_t>(n);
        const auto error = co_await write_all({step.get(), bytes}, within);
        if (error)
            co_return error;
        offset += bytes;
        length -= bytes;
    }
    co_return base::error_code{};
}

} // namespace postern::edge
