// Two connected TCP sockets on the loopback, and a loop that runs until a coroutine has ended.
#pragma once

#include "edge/net/tcp_stream.hpp"

#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <utility>

namespace postern::edge::testing {

struct socket_pair {
    event_loop loop;
    base::unique_fd near, far; // non-blocking, and blocking

    socket_pair() {
        base::unique_fd listening{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        sockaddr_in where{};
        where.sin_family = AF_INET;
        where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof where;
        auto* const address = reinterpret_cast<sockaddr*>(&where);
        near.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const bool ready = ::bind(listening.get(), address, size) == 0 &&
                           ::listen(listening.get(), 1) == 0 &&
                           ::getsockname(listening.get(), address, &size) == 0 &&
                           ::connect(near.get(), address, size) == 0;
        if (!ready)
            std::abort();
        far.reset(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
        set_non_blocking(near.get());
    }

    static void set_non_blocking(int fd) {
        if (::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK) != 0)
            std::abort();
    }

    /// The far end as a stream of the same loop.
    [[nodiscard]] base::unique_fd far_for_stream() {
        set_non_blocking(far.get());
        return std::move(far);
    }

    /// Runs the loop until `what` has ended.
    void run(task<void> what) {
        std::exception_ptr failed;
        spawn(until_ended(std::move(what), failed));
        loop.run();
        if (failed)
            std::rethrow_exception(failed);
    }

  private:
    task<void> until_ended(task<void> what, std::exception_ptr& failed) {
        try {
            co_await std::move(what);
        } catch (...) {
            failed = std::current_exception();
        }
        loop.stop();
    }
};

} // namespace postern::edge::testing
