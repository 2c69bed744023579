#include "edge/net/tcp_stream.hpp"

#include "edge/net/pieces.hpp"
#include "edge/net/socket_address.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace postern::edge {
namespace {

/// So often one stream may find its socket ready before the others get their turn.
constexpr std::uint8_t without_wait_max = 16;

bool would_block() noexcept {
    return errno == EAGAIN || errno == EWOULDBLOCK;
}

} // namespace

tcp_stream::tcp_stream(event_loop& loop, base::unique_fd socket)
    : loop_{loop}, socket_{loop, std::move(socket)} {
    loop_.timers().add(*this);
}

void tcp_stream::look(deadlines::clock::time_point now) {
    if (expires_ != deadlines::clock::time_point{} && expires_ <= now) {
        timed_out_ = true;
        expires_ = {};
        cancel();
    } else if (watched_ && watched_->seen_closed()) {
        watched_ = nullptr;
        cancel();
    }
}

task<bool> tcp_stream::let_others_go() {
    without_wait_ = 0;
    letting_go_ = true;
    loop_.resume_next_turn(turn_);
    [[maybe_unused]] const auto none = co_await turn_.wait();
    letting_go_ = false;
    co_return !std::exchange(cancelled_, false);
}

task<base::error_code> tcp_stream::connected(milliseconds within) {
    const auto error = co_await until_writable(within);
    if (error)
        co_return error;
    int code = 0;
    socklen_t size = sizeof code;
    if (::getsockopt(socket_.fd(), SOL_SOCKET, SO_ERROR, &code, &size) != 0)
        co_return base::last_errno();
    co_return base::error_code{code, boost::system::system_category()};
}

task<base::error_code> tcp_stream::readable(milliseconds within) {
    if (const auto error = socket_.registration_error())
        co_return error;
    arm(within);
    if (++without_wait_ > without_wait_max) {
        const bool going = co_await let_others_go();
        if (!going)
            co_return cancelled();
    }
    if (socket_.may_read())
        co_return base::error_code{};
    without_wait_ = 0;
    co_return co_await socket_.readable();
}

read_result tcp_stream::read_now(std::span<char> into) noexcept {
    while (socket_.may_read()) {
        bool exhausted = false;
        const ssize_t n = receive(into, exhausted);
        // But the end, where that has been told together with the last bytes.
        if (exhausted && !socket_.has_hung_up())
            socket_.drained();
        if (n > 0)
            return {{}, static_cast<std::size_t>(n)};
        if (n == 0)
            return {end_of_stream(), 0};
        if (would_block())
            socket_.drained();
        else if (errno != EINTR)
            return {base::last_errno(), 0};
    }
    return {};
}

task<read_result> tcp_stream::peek_more(std::span<char> into, std::size_t known,
                                        milliseconds within) {
    for (;;) {
        const auto error = co_await tcp_stream::readable(within);
        if (error)
            co_return read_result{error, 0};
        const ssize_t n = ::recv(fd(), into.data(), into.size(), MSG_PEEK | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && !would_block())
            co_return read_result{base::last_errno(), 0};
        if (n > 0 && static_cast<std::size_t>(n) > known)
            co_return read_result{{}, static_cast<std::size_t>(n)};
        if (n == 0 || socket_.has_hung_up()) // what is unread now is all that will ever come
            co_return read_result{end_of_stream(), 0};
        socket_.drained();
    }
}

bool tcp_stream::skip_peeked(std::span<char> shown) noexcept {
    return ::recv(fd(), shown.data(), shown.size(), MSG_DONTWAIT) ==
           static_cast<ssize_t>(shown.size());
}

bool tcp_stream::write_now(std::string_view& bytes) noexcept {
    while (!bytes.empty()) {
        const ssize_t n = send({&bytes, 1});
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

task<base::error_code> tcp_stream::write_all(std::string_view first, std::string_view second,
                                             std::string_view third, milliseconds within) {
    std::array<std::string_view, 3> pieces{first, second, third};
    while (size_of(pieces) > 0) {
        const ssize_t n = send(pieces);
        if (n >= 0) {
            drop_front(pieces, static_cast<std::size_t>(n));
            taken(static_cast<std::size_t>(n));
            continue;
        }
        if (errno == EINTR)
            continue;
        if (!would_block())
            co_return base::last_errno();
        const auto error = co_await until_writable(within);
        if (error)
            co_return error;
    }
    co_return base::error_code{};
}

task<base::error_code> tcp_stream::send_file(int file, std::uint64_t offset, std::uint64_t length,
                                             milliseconds within) {
    auto position = static_cast<off_t>(offset);
    while (length > 0) {
        // One step a turn of the loop, so that a big file to a fast client does not starve the
        // others.
        constexpr std::uint64_t step_max = 512 * 1024;
        const ssize_t n = ::sendfile(socket_.fd(), file, &position,
                                     static_cast<std::size_t>(std::min(length, step_max)));
        arm(within);
        if (n == 0)
            co_return make_error_code(boost::system::errc::io_error);
        if (n > 0) {
            length -= static_cast<std::uint64_t>(n);
            taken(static_cast<std::size_t>(n));
            if (length == 0)
                break;
            const bool going = co_await let_others_go();
            if (!going)
                co_return cancelled();
        } else if (would_block()) {
            const auto error = co_await until_writable(within);
            if (error)
                co_return error;
        } else if (errno != EINTR) {
            co_return base::last_errno();
        }
    }
    co_return base::error_code{};
}

task<read_result> tcp_stream::splice_into(int pipe, std::size_t bytes_max, milliseconds within) {
    for (;;) {
        const auto error = co_await readable(within);
        if (error)
            co_return read_result{error, 0};
        const ssize_t n = ::splice(socket_.fd(), nullptr, pipe, nullptr, bytes_max,
                                   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (n > 0)
            co_return read_result{{}, static_cast<std::size_t>(n)};
        if (n == 0)
            co_return read_result{end_of_stream(), 0};
        if (would_block())
            socket_.drained();
        else if (errno != EINTR)
            co_return read_result{base::last_errno(), 0};
    }
}

task<base::error_code> tcp_stream::splice_from(int pipe, std::size_t bytes, bool more,
                                               milliseconds within) {
    const unsigned flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | (more ? SPLICE_F_MORE : 0U);
    while (bytes > 0) {
        const ssize_t n = ::splice(pipe, nullptr, socket_.fd(), nullptr, bytes, flags);
        if (n > 0) {
            bytes -= static_cast<std::size_t>(n);
            taken(static_cast<std::size_t>(n));
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0 || !would_block())
            co_return n == 0 ? make_error_code(boost::system::errc::io_error) : base::last_errno();
        const auto error = co_await until_writable(within);
        if (error)
            co_return error;
    }
    co_return base::error_code{};
}

ssize_t tcp_stream::receive(std::span<char> into, bool& exhausted) noexcept {
    const ssize_t n = ::recv(fd(), into.data(), into.size(), 0);
    exhausted = n > 0 && static_cast<std::size_t>(n) < into.size();
    return n;
}

ssize_t tcp_stream::send(std::span<const std::string_view> pieces) noexcept {
    std::array<iovec, 3> vectors{};
    msghdr message{};
    message.msg_iov = vectors.data();
    for (const std::string_view piece : pieces)
        if (!piece.empty())
            vectors[message.msg_iovlen++] = {const_cast<char*>(piece.data()), piece.size()};
    return ::sendmsg(fd(), &message, MSG_NOSIGNAL);
}

tcp_stream::peeked tcp_stream::peek() noexcept {
    char byte;
    const ssize_t n = ::recv(fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n > 0)
        return peeked::bytes;
    if (n < 0 && errno == EINTR)
        return peeked::nothing;
    if (n < 0 && would_block()) {
        socket_.drained();
        return peeked::nothing;
    }
    return peeked::end;
}

void tcp_stream::shutdown_send() noexcept {
    ::shutdown(socket_.fd(), SHUT_WR);
}

void tcp_stream::abort() noexcept {
    const linger reset{1, 0};
    ::setsockopt(socket_.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    socket_.close();
}

base::result<connecting_socket> begin_connect(const base::ip_endpoint& to) {
    sockaddr_storage where;
    const socklen_t size = write_socket_address(to, where);
    base::unique_fd fd{::socket(where.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!fd)
        return base::failure{base::last_errno(), to.text()};
    const int on = 1; // without it small writes are late, not wrong
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    while (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&where), size) != 0) {
        if (errno == EINPROGRESS)
            return connecting_socket{std::move(fd), true};
        if (errno != EINTR)
            return base::failure{base::last_errno(), to.text()};
    }
    return connecting_socket{std::move(fd), false};
}

} // namespace postern::edge
