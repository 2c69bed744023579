// One TCP connection, its bytes as they are. What codes them (TLS) derives from it.
#pragma once

#include "base/ip_endpoint.hpp"
#include "edge/net/loop.hpp"
#include "edge/net/stream.hpp"

#include <sys/types.h>
#include <utility>

namespace postern::edge {

/// A connected socket in non-blocking mode. Stays where it is (the loop and the deadlines point to
/// it).
class tcp_stream : public stream, private deadlines::entry {
  public:
    tcp_stream(event_loop& loop, base::unique_fd socket);

    /// For a socket whose connect(2) is under way: until it is connected. Errors: connect's.
    [[nodiscard]] task<base::error_code> connected(milliseconds within);

    [[nodiscard]] task<base::error_code> readable(milliseconds within) override;
    [[nodiscard]] read_result read_now(std::span<char> into) noexcept override;
    using stream::write_all;
    [[nodiscard]] task<base::error_code> write_all(std::string_view first, std::string_view second,
                                                   std::string_view third,
                                                   milliseconds within) override;
    [[nodiscard]] bool write_now(std::string_view& bytes) noexcept override;
    [[nodiscard]] task<base::error_code>
    send_file(int file, std::uint64_t offset, std::uint64_t length, milliseconds within) override;

    /// Waits until more than `known` bytes are in the socket, and copies what is there without
    /// taking it: for what comes before any coding. `within` passed: timed_out() is true.
    [[nodiscard]] task<read_result> peek_more(std::span<char> into, std::size_t known,
                                              milliseconds within);
    /// Takes bytes that peek_more has shown. False: they are not there.
    [[nodiscard]] bool skip_peeked(std::span<char> shown) noexcept;

    [[nodiscard]] tcp_stream* plain() noexcept override { return this; }
    /// Moves up to `bytes_max` of what there is into an empty pipe, at least a byte, without seeing
    /// it.
    [[nodiscard]] task<read_result> splice_into(int pipe, std::size_t bytes_max,
                                                milliseconds within);
    /// Moves all of the `bytes` that are in a pipe out of it. `more`: others will follow soon, so
    /// that the last segment need not be sent unless it is full.
    [[nodiscard]] task<base::error_code> splice_from(int pipe, std::size_t bytes, bool more,
                                                     milliseconds within);

    [[nodiscard]] bool peer_closed() noexcept override { return peek() == peeked::end; }
    [[nodiscard]] bool seen_closed() noexcept override {
        return socket_.has_hung_up() && peer_closed();
    }
    /// Whether the peer has sent something, or ended, though nobody asked; one system call,
    /// consumes nothing.
    [[nodiscard]] bool has_unasked() noexcept { return peek() != peeked::nothing; }
    /// The same as the loop has heard of it up to this turn: no system call while nothing happened.
    [[nodiscard]] bool seen_unasked() noexcept { return socket_.may_read() && has_unasked(); }
    /// From now on this stream is cancelled when `watched`'s peer has gone, within a tick. nullptr:
    /// no longer.
    void watch(stream* watched) noexcept { watched_ = watched; }

    [[nodiscard]] bool timed_out() const noexcept override { return timed_out_; }
    void expect_taking(const least_rate& rate) noexcept override { taking_ = rate; }
    [[nodiscard]] bool took_too_slowly() const noexcept override {
        return timed_out_ && blocked_ && bounded_by_rate_;
    }
    void no_deadline() noexcept { expires_ = {}; }
    void progress(milliseconds within) noexcept override {
        progressed_at_ = loop_.timers().now();
        if (expires_ != deadlines::clock::time_point{})
            expires_ = progressed_at_ + within;
    }
    /// When progress was last told.
    [[nodiscard]] deadlines::clock::time_point progressed_at() const noexcept {
        return progressed_at_;
    }
    void cancel() noexcept override {
        cancelled_ = letting_go_;
        socket_.cancel();
    }
    void shutdown_send() noexcept override;
    void abort() noexcept override;
    void close() noexcept { socket_.close(); }
    [[nodiscard]] bool is_open() const noexcept { return socket_.is_open(); }

  protected:
    /// recv(2) of what there is. `exhausted`: nothing is left, neither here nor in the socket, so
    /// that the next read has to wait for it (epoll(7), edge-triggered).
    [[nodiscard]] virtual ssize_t receive(std::span<char> into, bool& exhausted) noexcept;
    /// sendmsg(2) of up to three pieces: how many bytes of them went, or -1 with errno.
    [[nodiscard]] virtual ssize_t send(std::span<const std::string_view> pieces) noexcept;
    [[nodiscard]] int fd() const noexcept { return socket_.fd(); }
    /// The socket has taken that much.
    void taken(std::size_t bytes) noexcept {
        if (std::exchange(blocked_, false))
            taking_.note(loop_.timers().now() - blocked_since_, bytes);
    }
    /// Awaits to an error_code: none when the full socket may take more.
    [[nodiscard]] auto until_writable(milliseconds within) {
        const milliseconds bound = taking_.bound(within);
        bounded_by_rate_ = bound < within;
        arm(bound);
        blocked_ = true;
        blocked_since_ = loop_.timers().now();
        socket_.filled();
        without_wait_ = 0;
        return socket_.writable();
    }

  private:
    enum class peeked { nothing, bytes, end };
    [[nodiscard]] peeked peek() noexcept;
    void arm(milliseconds within) noexcept {
        timed_out_ = false;
        expires_ = loop_.timers().now() + within;
    }
    void look(deadlines::clock::time_point now) override;
    /// False: cancelled meanwhile.
    [[nodiscard]] task<bool> let_others_go();

    event_loop& loop_;
    event_source socket_;
    deadlines::clock::time_point expires_{};
    deadlines::clock::time_point progressed_at_{};
    least_rate taking_;
    deadlines::clock::time_point blocked_since_{};
    stream* watched_ = nullptr;
    std::uint8_t without_wait_ = 0; // operations since this stream last let others go
    waiter turn_;
    bool timed_out_ = false;
    bool letting_go_ = false, cancelled_ = false;
    bool blocked_ = false; // the peer takes no more, since blocked_since_
    bool bounded_by_rate_ = false;
};

/// A TCP socket on its way to `to`: non-blocking, without delay of small writes. `pending`: not
/// connected yet, `tcp_stream::connected` waits for it. Errors: socket(2)'s and connect(2)'s.
struct connecting_socket {
    base::unique_fd fd;
    bool pending = false;
};
[[nodiscard]] base::result<connecting_socket> begin_connect(const base::ip_endpoint& to);

} // namespace postern::edge
