#include "base/doorbell.hpp"

#include <cstdint>
#include <sys/eventfd.h>

namespace postern::base {

result<doorbell> doorbell::make() {
    unique_fd fd{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    if (!fd)
        return failure{last_errno(), "no doorbell"};
    return doorbell{std::move(fd)};
}

void doorbell::ring() const noexcept {
    const std::uint64_t one = 1;
    if (fd_) [[maybe_unused]]
        const auto n = ::write(fd_.get(), &one, sizeof one);
}

void doorbell::silence() const noexcept {
    std::uint64_t rings = 0;
    if (fd_) [[maybe_unused]]
        const auto n = ::read(fd_.get(), &rings, sizeof rings);
}

} // namespace postern::base
