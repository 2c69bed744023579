// Two connected TCP sockets on the loopback, and a loop that runs until a coroutine has ended.
#pragma once

#include "edge/net/stream.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include <exception>
#include <utility>

namespace postern::edge::testing {

struct socket_pair {
    asio::io_context loop{1};
    deadlines timers;
    tcp_socket near{loop.get_executor()};
    tcp_socket far{loop.get_executor()};

    socket_pair() {
        using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, executor>;
        acceptor listening{loop.get_executor(), {asio::ip::address_v4::loopback(), 0}};
        near.connect(listening.local_endpoint());
        listening.accept(far);
    }

    /// Runs the loop until `what` has ended; deadlines are looked at as in a worker, only faster.
    void run(task<void> what) {
        bool ended = false;
        std::exception_ptr failed;
        asio::co_spawn(loop, std::move(what), [&](std::exception_ptr error) {
            failed = error;
            ended = true;
        });
        while (!ended) {
            loop.restart();
            loop.run_one_for(std::chrono::milliseconds{5});
            timers.tick(deadlines::clock::now());
        }
        if (failed)
            std::rethrow_exception(failed);
    }
};

} // namespace postern::edge::testing
