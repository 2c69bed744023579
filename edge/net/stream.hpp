// Bytes both ways between postern and one peer, with deadlines: what the request path reads from
// and writes to. Nothing waits for ever.
#pragma once

#include "base/error.hpp"
#include "edge/net/least_rate.hpp"
#include "edge/net/task.hpp"

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

namespace postern::edge {

class tcp_stream;

/// The error of a read at the peer's end of the stream: ENODATA, which recv(2) never gives on TCP.
[[nodiscard]] inline base::error_code end_of_stream() {
    return make_error_code(boost::system::errc::no_message_available);
}

/// What a read came to.
struct read_result {
    base::error_code error; // end_of_stream; operation_canceled: late or cancelled; recv(2)'s
    std::size_t bytes = 0;
};

/// At most one read and one write at a time; both share one deadline, which any progress on either
/// side moves on.
class stream {
  public:
    using milliseconds = std::chrono::milliseconds;

    stream() = default;
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;
    virtual ~stream() = default;

    /// Waits, without a buffer, until there may be something to read. `within` passed: timed_out()
    /// is true.
    [[nodiscard]] virtual task<base::error_code> readable(milliseconds within) = 0;
    /// Reads what there is without waiting; 0 bytes and no error: nothing.
    [[nodiscard]] virtual read_result read_now(std::span<char> into) noexcept = 0;
    /// Reads what there is, at least a byte. `within` passed: timed_out() is true.
    [[nodiscard]] task<read_result> read_some(std::span<char> into, milliseconds within);

    /// Writes all of the pieces, in order. `within` is the time between two steps of progress.
    [[nodiscard]] virtual task<base::error_code> write_all(std::string_view first,
                                                           std::string_view second,
                                                           std::string_view third,
                                                           milliseconds within) = 0;
    [[nodiscard]] task<base::error_code> write_all(std::string_view bytes, milliseconds within) {
        return write_all(bytes, {}, {}, within);
    }
    /// Tries once, without waiting: true when all of `bytes` is written. Otherwise `bytes` is cut
    /// to what is left, and a following write_all of it continues (or reports the error).
    [[nodiscard]] virtual bool write_now(std::string_view& bytes) noexcept = 0;
    /// Sends `length` bytes of a file. The file may shrink meanwhile: then unexpected end of file
    /// (errc::io_error).
    [[nodiscard]] virtual task<base::error_code>
    send_file(int file, std::uint64_t offset, std::uint64_t length, milliseconds within);

    /// The socket itself, where bytes go over it as they are and so may pass unseen (splice). Null:
    /// they are coded on the way.
    [[nodiscard]] virtual tcp_stream* plain() noexcept { return nullptr; }

    /// Whether the peer has closed its side and left nothing to read; consumes nothing, and costs a
    /// system call.
    [[nodiscard]] virtual bool peer_closed() noexcept = 0;
    /// The same as the loop has heard of it up to this turn: no system call while nothing happened.
    [[nodiscard]] virtual bool seen_closed() noexcept = 0;

    [[nodiscard]] virtual bool timed_out() const noexcept = 0;
    /// From now on the peer has to take what is written at least at this rate, while it is waited
    /// for; else a write ends as one that is late does.
    virtual void expect_taking(const least_rate&) noexcept {}
    /// Whether the write that was late was so by that rate.
    [[nodiscard]] virtual bool took_too_slowly() const noexcept { return false; }
    /// Something moved that this stream's waiting operation cannot see: its deadline counts from
    /// now.
    virtual void progress(milliseconds within) noexcept = 0;
    /// Ends what waits.
    virtual void cancel() noexcept = 0;
    virtual void shutdown_send() noexcept = 0;
    /// Closes so that the peer sees that what it has is not whole.
    virtual void abort() noexcept = 0;
};

} // namespace postern::edge
