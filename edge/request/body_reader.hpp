// One body on its way in, from a client or from an upstream: what is buffered first, then what the
// socket brings, without its framing.
#pragma once

#include "edge/http/chunked.hpp"
#include "edge/http/response_head.hpp"
#include "edge/net/buffers.hpp"
#include "edge/net/pipe_pool.hpp"
#include "edge/net/tcp_stream.hpp"

#include <cstdint>
#include <string_view>

namespace postern::edge {

/// Why a body ended early.
enum class body_error {
    none,
    closed,    // the peer ended or reset the connection before the body was whole
    timed_out, // no progress within the time
    malformed, // bad chunked coding
};

/// Reads one body to its end and never past it: bytes beyond it (a pipelined request) stay in, or
/// go back to, `input`.
class body_reader {
  public:
    /// `input` holds what was read behind the head; both outlive the reader.
    body_reader(stream& from, input_buffer& input, block_pool& blocks, body_framing framing,
                std::uint64_t length, std::chrono::milliseconds within);

    /// From now on the peer has to send at least at this rate while it is waited for; else the body
    /// times out. `rate` outlives the reader.
    void expect_rate(least_rate& rate) noexcept { rate_ = rate.on() ? &rate : nullptr; }

    /// The next piece of content, valid until the next call. Empty: the body is over, or error()
    /// says why it broke.
    [[nodiscard]] task<std::string_view> next();
    /// The same of what is already here, without waiting. Empty: nothing here (or over).
    [[nodiscard]] std::string_view next_buffered();

    /// Whether the rest is long enough, and needs no look, to be passed on by splice_rest.
    [[nodiscard]] bool is_worth_splicing(stream& to) const noexcept {
        return framing_ == body_framing::length && left_ >= spliced_bytes_min && from_.plain() &&
               to.plain();
    }
    /// Passes the rest on to `to`, from socket to socket, unseen and uncopied. Requires: it is
    /// worth it, and what next_buffered gives has been taken. `to`'s other side counts its deadline
    /// from each step. Awaits to `to`'s error; this side's is in error().
    [[nodiscard]] task<base::error_code> splice_rest(stream& to, lent_pipe& pipe,
                                                     std::chrono::milliseconds write_within,
                                                     std::chrono::milliseconds progress_within);

    /// The last piece is no longer needed: what is left in `input` is what follows the body.
    void settle() noexcept { input_.consume(std::exchange(spent_, 0)); }

    [[nodiscard]] bool done() const noexcept { return done_; }
    [[nodiscard]] body_error error() const noexcept { return error_; }
    /// Whether a body that timed out did so by its rate.
    [[nodiscard]] bool came_too_slowly() const noexcept {
        return error_ == body_error::timed_out && bounded_by_rate_;
    }
    [[nodiscard]] std::uint64_t content_bytes() const noexcept { return content_bytes_; }

  private:
    static constexpr std::uint64_t spliced_bytes_min = 128UL * 1024; // shorter rests are copied
    [[nodiscard]] std::chrono::milliseconds bound() noexcept;
    void note(std::chrono::steady_clock::time_point began, std::size_t bytes) const noexcept;
    [[nodiscard]] std::chrono::steady_clock::time_point now_if_rated() const noexcept;
    [[nodiscard]] std::string_view take(std::string_view& bytes);
    [[nodiscard]] std::string_view take_chunked(std::string_view& bytes);

    stream& from_;
    input_buffer& input_;
    block_pool& blocks_;
    std::chrono::milliseconds within_;
    least_rate* rate_ = nullptr; // none: at any rate
    block_pool::block block_;
    std::size_t spent_ = 0; // bytes of input_ that the last piece still points into
    chunk_decoder chunks_;
    body_framing framing_;
    std::uint64_t left_; // framing length
    std::uint64_t content_bytes_ = 0;
    body_error error_ = body_error::none;
    bool bounded_by_rate_ = false;
    bool done_ = false;
};

} // namespace postern::edge
