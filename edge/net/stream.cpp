#include "edge/net/stream.hpp"

#include <boost/asio/error.hpp>

#include <array>
#include <cerrno>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace postern::edge {
namespace {

constexpr std::uint8_t ticks_between_looks =
    10; // a look is a system call: one a second for each waiting request

} // namespace

void deadlines::tick(clock::time_point now) {
    now_ = now;
    for (entry& e : entries_)
        e.look(now);
}

stream::stream(tcp_socket socket, deadlines& timers) : socket_{std::move(socket)}, timers_{timers} {
    boost::system::error_code ignored; // a socket that cannot is a socket whose next read fails
    if (socket_.is_open())
        socket_.native_non_blocking(true, ignored);
    timers_.entries_.push_back(*this);
}

void stream::look(deadlines::clock::time_point now) {
    if (expires_ != deadlines::clock::time_point{} && expires_ <= now) {
        timed_out_ = true;
        expires_ = {};
        cancel();
    } else if (watched_ && ++ticks_ >= ticks_between_looks) {
        ticks_ = 0;
        if (!watched_->peer_closed())
            return;
        watched_ = nullptr;
        cancel();
    }
}

bool stream::write_now(std::string_view& bytes) noexcept {
    while (!bytes.empty()) {
        const ssize_t n = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

namespace {

/// One sendmsg of up to three pieces; how many bytes went, or -1 with errno.
ssize_t send_pieces(int socket, std::span<std::string_view> pieces) noexcept {
    std::array<iovec, 3> vectors{};
    msghdr message{};
    message.msg_iov = vectors.data();
    for (const std::string_view piece : pieces)
        if (!piece.empty())
            vectors[message.msg_iovlen++] = {const_cast<char*>(piece.data()), piece.size()};
    return ::sendmsg(socket, &message, MSG_NOSIGNAL);
}

void drop_front(std::span<std::string_view> pieces, std::size_t bytes) noexcept {
    for (std::string_view& piece : pieces) {
        const std::size_t step = std::min(bytes, piece.size());
        piece.remove_prefix(step);
        bytes -= step;
    }
}

} // namespace

task<base::error_code> stream::write_all(std::string_view first, std::string_view second,
                                         std::string_view third, milliseconds within) {
    std::array<std::string_view, 3> pieces{first, second, third};
    const auto left = [&] { return pieces[0].size() + pieces[1].size() + pieces[2].size(); };
    while (left() > 0) {
        const ssize_t n = send_pieces(socket_.native_handle(), pieces);
        if (n >= 0) {
            drop_front(pieces, static_cast<std::size_t>(n));
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            co_return base::last_errno();
        arm(within);
        auto [error] = co_await socket_.async_wait(tcp_socket::wait_write, as_result);
        if (error)
            co_return error;
    }
    co_return base::error_code{};
}

task<base::error_code> stream::send_file(int file, std::uint64_t offset, std::uint64_t length,
                                         milliseconds within) {
    auto position = static_cast<off_t>(offset);
    while (length > 0) {
        // One step a turn of the loop, so that a big file to a fast client does not starve the
        // others.
        constexpr std::uint64_t step_max = 512 * 1024;
        const ssize_t n = ::sendfile(socket_.native_handle(), file, &position,
                                     static_cast<std::size_t>(std::min(length, step_max)));
        if (n == 0)
            co_return make_error_code(boost::system::errc::io_error);
        if (n > 0) {
            length -= static_cast<std::uint64_t>(n);
            if (length == 0)
                break;
        } else if (errno == EINTR) {
            continue;
        } else if (errno != EAGAIN && errno != EWOULDBLOCK) {
            co_return base::last_errno();
        }
        arm(within);
        auto [error] = co_await socket_.async_wait(tcp_socket::wait_write, as_result);
        if (error)
            co_return error;
    }
    co_return base::error_code{};
}

bool stream::peer_closed() noexcept {
    char byte;
    const ssize_t n = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

void stream::cancel() noexcept {
    boost::system::error_code ignored;
    socket_.cancel(ignored);
}

void stream::shutdown_send() noexcept {
    boost::system::error_code ignored;
    socket_.shutdown(tcp_socket::shutdown_send, ignored);
}

void stream::abort() noexcept {
    boost::system::error_code ignored;
    socket_.set_option(asio::socket_base::linger{true, 0}, ignored);
    socket_.close(ignored);
}

void stream::close() noexcept {
    boost::system::error_code ignored;
    socket_.close(ignored);
}

} // namespace postern::edge
