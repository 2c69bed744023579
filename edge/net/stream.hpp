// One TCP connection with deadlines: everything a worker reads and writes goes through here, and
// nothing waits for ever.
#pragma once

#include "base/error.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/intrusive/list.hpp>

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

namespace postern::edge {

namespace asio = boost::asio;

/// A worker has one thread, so its executor needs no type erasure.
using executor = asio::io_context::executor_type;
template <class T>
using task = asio::awaitable<T, executor>;
using tcp_socket = asio::basic_stream_socket<asio::ip::tcp, executor>;
using worker_timer =
    asio::basic_waitable_timer<std::chrono::steady_clock,
                               asio::wait_traits<std::chrono::steady_clock>, executor>;

/// Results as values: (error_code, bytes). Awaited directly, without a coroutine frame of its own.
inline constexpr auto as_result = asio::as_tuple(asio::deferred);

class stream;

/// All streams of a worker, looked at on each tick: a stream past its deadline has its operations
/// cancelled. A list and not a timer each, because setting a deadline happens several times a
/// request and passing one hardly ever.
class deadlines {
  public:
    using clock = std::chrono::steady_clock;
    static constexpr std::chrono::milliseconds tick_interval{100};

    /// Ends what is overdue. Called by the worker every tick_interval.
    void tick(clock::time_point now);
    /// The time of the last tick: what deadlines are counted from.
    [[nodiscard]] clock::time_point now() const noexcept { return now_; }

  private:
    friend class stream;
    using hook = boost::intrusive::list_base_hook<
        boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
    struct entry : hook {
        virtual ~entry() = default;
        virtual void look(clock::time_point now) = 0;
    };
    boost::intrusive::list<entry, boost::intrusive::constant_time_size<false>> entries_;
    clock::time_point now_ = clock::now();
};

/// A connected socket in non-blocking mode. At most one read and one write at a time; both share
/// one deadline, which any progress on either side moves on. Stays where it is (the deadline list
/// points to it).
class stream : private deadlines::entry {
  public:
    using milliseconds = std::chrono::milliseconds;

    stream(tcp_socket socket, deadlines& timers);
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;
    ~stream() override = default;

    /// Opens and connects a new socket. Awaits to (error_code).
    [[nodiscard]] auto connect(const asio::ip::tcp::endpoint& to, milliseconds within) {
        arm(within);
        return socket_.async_connect(to, as_result);
    }

    /// Reads what there is, at least a byte. Awaits to (error_code, bytes); eof when the peer
    /// ended; operation_aborted when `within` passed (then timed_out() is true) or the stream was
    /// cancelled.
    [[nodiscard]] auto read_some(std::span<char> into, milliseconds within) {
        arm(within);
        return socket_.async_read_some(asio::buffer(into.data(), into.size()), as_result);
    }

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

    /// Whether the peer has closed its side and left nothing to read; one system call, consumes
    /// nothing.
    [[nodiscard]] bool peer_closed() noexcept;
    /// From now on it is looked each second whether `watched`'s peer has gone, and if so this
    /// stream is cancelled. nullptr: no longer.
    void watch(stream* watched) noexcept { watched_ = watched; }

    [[nodiscard]] bool timed_out() const noexcept { return timed_out_; }
    void no_deadline() noexcept { expires_ = {}; }
    /// Something moved that this stream's waiting operation cannot see: its deadline counts from
    /// now.
    void progress(milliseconds within) noexcept {
        if (expires_ != deadlines::clock::time_point{})
            expires_ = timers_.now() + within;
    }
    void cancel() noexcept;
    void shutdown_send() noexcept;
    /// Closes with a reset: the peer sees that what it has is not whole.
    void abort() noexcept;
    void close() noexcept;
    [[nodiscard]] tcp_socket& socket() noexcept { return socket_; }

  private:
    void arm(milliseconds within) noexcept {
        timed_out_ = false;
        expires_ = timers_.now() + within;
    }
    void look(deadlines::clock::time_point now) override;

    tcp_socket socket_;
    deadlines& timers_;
    deadlines::clock::time_point expires_{};
    stream* watched_ = nullptr;
    std::uint8_t ticks_ = 0; // since the last look at watched_
    bool timed_out_ = false;
};

} // namespace postern::edge
