// One TCP connection with deadlines: everything a worker reads and writes goes through here, and
// nothing waits for ever.
#pragma once

#include "base/error.hpp"
#include "base/ip_endpoint.hpp"
#include "edge/net/loop.hpp"

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

namespace postern::edge {

/// The error of a read at the peer's end of the stream: ENODATA, which recv(2) never gives on TCP.
[[nodiscard]] inline base::error_code end_of_stream() {
    return make_error_code(boost::system::errc::no_message_available);
}

/// What a read came to.
struct read_result {
    base::error_code error; // end_of_stream; operation_canceled: late or cancelled; recv(2)'s
    std::size_t bytes = 0;
};

/// A connected socket in non-blocking mode. At most one read and one write at a time; both share
/// one deadline, which any progress on either side moves on. Stays where it is (the loop and the
/// deadlines point to it).
class stream : private deadlines::entry {
  public:
    using milliseconds = std::chrono::milliseconds;

    stream(event_loop& loop, base::unique_fd socket);
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;
    ~stream() override = default;

    /// For a socket whose connect(2) is under way: until it is connected. Errors: connect's.
    [[nodiscard]] task<base::error_code> connected(milliseconds within);

    /// Reads what there is, at least a byte. `within` passed: timed_out() is true.
    [[nodiscard]] task<read_result> read_some(std::span<char> into, milliseconds within);

    /// Waits, without a buffer, until there may be something to read. `within` passed: timed_out()
    /// is true.
    [[nodiscard]] task<base::error_code> readable(milliseconds within);
    /// Reads what there is without waiting; 0 bytes and no error: nothing.
    [[nodiscard]] read_result read_now(std::span<char> into) noexcept;

    /// Writes all of the pieces, in order. `within` is the time between two steps of progress.
    [[nodiscard]] task<base::error_code> write_all(std::string_view first, std::string_view second,
                                                   std::string_view third, milliseconds within);
    [[nodiscard]] task<base::error_code> write_all(std::string_view bytes, milliseconds within) {
        return write_all(bytes, {}, {}, within);
    }
    /// Tries once, without waiting: true when all of `bytes` is written. Otherwise `bytes` is cut
    /// to what is left, and a following write_all of it continues (or reports the error).
    [[nodiscard]] bool write_now(std::string_view& bytes) noexcept;

    /// Sends `length` bytes of a file. The file may shrink meanwhile: then unexpected end of file
    /// (errc::io_error).
    [[nodiscard]] task<base::error_code> send_file(int file, std::uint64_t offset,
                                                   std::uint64_t length, milliseconds within);

    /// Moves up to `bytes_max` of what there is into an empty pipe, at least a byte, without seeing
    /// it.
    [[nodiscard]] task<read_result> splice_into(int pipe, std::size_t bytes_max,
                                                milliseconds within);
    /// Moves all of the `bytes` that are in a pipe out of it. `more`: others will follow soon, so
    /// that the last segment need not be sent unless it is full.
    [[nodiscard]] task<base::error_code> splice_from(int pipe, std::size_t bytes, bool more,
                                                     milliseconds within);

    /// Whether the peer has closed its side and left nothing to read; one system call, consumes
    /// nothing.
    [[nodiscard]] bool peer_closed() noexcept;
    /// The same as the loop has heard of it up to this turn: no system call while nothing happened.
    [[nodiscard]] bool seen_closed() noexcept { return socket_.has_hung_up() && peer_closed(); }
    /// Whether the peer has sent something, or ended, though nobody asked; one system call,
    /// consumes nothing.
    [[nodiscard]] bool has_unasked() noexcept;
    /// The same as the loop has heard of it up to this turn: no system call while nothing happened.
    [[nodiscard]] bool seen_unasked() noexcept { return socket_.may_read() && has_unasked(); }
    /// From now on this stream is cancelled when `watched`'s peer has gone, within a tick. nullptr:
    /// no longer.
    void watch(stream* watched) noexcept { watched_ = watched; }

    [[nodiscard]] bool timed_out() const noexcept { return timed_out_; }
    void no_deadline() noexcept { expires_ = {}; }
    /// Something moved that this stream's waiting operation cannot see: its deadline counts from
    /// now.
    void progress(milliseconds within) noexcept {
        if (expires_ != deadlines::clock::time_point{})
            expires_ = timers_.now() + within;
    }
    /// Ends what waits.
    void cancel() noexcept {
        cancelled_ = letting_go_;
        socket_.cancel();
    }
    void shutdown_send() noexcept;
    /// Closes with a reset: the peer sees that what it has is not whole.
    void abort() noexcept;
    void close() noexcept { socket_.close(); }
    [[nodiscard]] bool is_open() const noexcept { return socket_.is_open(); }
    [[nodiscard]] int fd() const noexcept { return socket_.fd(); }

  private:
    void arm(milliseconds within) noexcept {
        timed_out_ = false;
        expires_ = timers_.now() + within;
    }
    void look(deadlines::clock::time_point now) override;
    /// False: cancelled meanwhile.
    [[nodiscard]] task<bool> let_others_go();

    event_loop& loop_;
    deadlines& timers_;
    event_source socket_;
    deadlines::clock::time_point expires_{};
    stream* watched_ = nullptr;
    std::uint8_t without_wait_ = 0; // operations since this stream last let others go
    waiter turn_;
    bool timed_out_ = false;
    bool letting_go_ = false, cancelled_ = false;
};

/// A TCP socket on its way to `to`: non-blocking, without delay of small writes. `pending`: not
/// connected yet, `stream::connected` waits for it. Errors: socket(2)'s and connect(2)'s.
struct connecting_socket {
    base::unique_fd fd;
    bool pending = false;
};
[[nodiscard]] base::result<connecting_socket> begin_connect(const base::ip_endpoint& to);

} // namespace postern::edge
