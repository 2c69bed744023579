// One HTTP/2 stream, as the request path sees a connection that carries one request.
#pragma once

#include "edge/net/buffers.hpp"
#include "edge/net/loop.hpp"
#include "edge/net/stream.hpp"

#include <boost/intrusive/list.hpp>

#include <string>

namespace postern::edge {

class http2_session;

/// What is read is the request's body. What is written is an answer in HTTP/1.1: up to its empty
/// line it becomes a HEADERS frame, behind it DATA. Small pieces are copied, and go out with all
/// other streams' at the end of the loop's turn; of large ones the writer waits until they are
/// taken from where they stand. Reused for one stream after another.
class http2_stream : public stream {
  public:
    using clock = deadlines::clock;
    using hook = boost::intrusive::list_member_hook<
        boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
    static constexpr std::size_t copied_bytes_max = 32UL * 1024;
    /// Clients lose an answer when a reset follows on its heels (curl 7.88): so long a body that
    /// nobody reads may go on.
    static constexpr milliseconds body_grace{1000};

    explicit http2_stream(event_loop& loop) noexcept : loop_{loop} {}

    [[nodiscard]] task<base::error_code> readable(milliseconds within) override;
    [[nodiscard]] read_result read_now(std::span<char> into) noexcept override;
    using stream::write_all;
    [[nodiscard]] task<base::error_code> write_all(std::string_view first, std::string_view second,
                                                   std::string_view third,
                                                   milliseconds within) override;
    [[nodiscard]] bool write_now(std::string_view& bytes) noexcept override;
    /// The client has given the stream up. Its end of the body is none: the answer is awaited.
    [[nodiscard]] bool peer_closed() noexcept override { return closed_; }
    [[nodiscard]] bool seen_closed() noexcept override { return closed_; }
    [[nodiscard]] bool timed_out() const noexcept override { return timed_out_; }
    void progress(milliseconds within) noexcept override;
    void cancel() noexcept override;
    void shutdown_send() noexcept override;
    void abort() noexcept override { finish(true); }

    // for whoever runs the request
    /// The answer is over. `cut`: it is not whole, which the client must see.
    void finish(bool cut) noexcept;
    [[nodiscard]] bool closed() const noexcept { return closed_; }
    /// The whole body, where it has come already.
    [[nodiscard]] bool body_ended() const noexcept { return body_ended_; }
    [[nodiscard]] std::size_t body_bytes_here() const noexcept { return body_.view().size(); }
    void move_body_to(input_buffer& to);
    /// Ends a wait that is overdue. True: the request is over, and nothing of the rest of its
    /// answer was taken within `send`.
    [[nodiscard]] bool look(clock::time_point now, milliseconds send) noexcept;

    // for the session
    void open(http2_session& by, std::int32_t id, bool whole) noexcept;
    void received(std::string_view bytes) { body_.append(bytes), wake(reader_, {}); }
    void received_all() noexcept { body_ended_ = true, wake(reader_, {}); }
    /// Over: whatever waits ends. How many bytes of the body nobody has read.
    [[nodiscard]] std::size_t close() noexcept;
    [[nodiscard]] std::int32_t id() const noexcept { return id_; }
    [[nodiscard]] bool is_cut() const noexcept { return cut_; }
    [[nodiscard]] bool has_ended() const noexcept { return ended_; }
    [[nodiscard]] bool is_over() const noexcept { return over_; }
    /// Answered, and body_grace later the request's body is still coming.
    [[nodiscard]] bool is_overdue() const noexcept { return overdue_; }
    void end_sent() noexcept { stage_ = stage::end_sent; }
    [[nodiscard]] bool end_was_sent() const noexcept { return stage_ == stage::end_sent; }
    [[nodiscard]] std::size_t unsent() const noexcept {
        return queued_.view().size() + lent_.size();
    }
    /// Copies the next `bytes` of what is unsent.
    void take(char* into, std::size_t bytes) noexcept;
    /// The answer's head, whole; empty: not yet, or submitted already.
    [[nodiscard]] std::span<char> head_to_submit() noexcept;
    void head_submitted() noexcept { stage_ = stage::submitted; }

    hook touched; // in the session's list of those that have something to send

  private:
    enum class stage { head, head_ready, submitted, end_sent };
    [[nodiscard]] bool put(std::string_view& bytes);
    void take_head(std::string_view& bytes);
    void arm(milliseconds within) noexcept;
    void wake(waiter& who, base::error_code how) noexcept {
        if (who.is_waiting())
            loop_.resume_soon(who, how);
    }

    event_loop& loop_;
    http2_session* session_ = nullptr;
    std::int32_t id_ = 0;
    stage stage_ = stage::head;
    std::string head_;
    input_buffer body_, queued_;
    std::string_view lent_; // a waiting writer's
    waiter reader_, writer_;
    clock::time_point expires_{}, moved_{};
    milliseconds write_within_{};
    bool body_ended_ = false;
    bool ended_ = false; // nothing more is written; over_: nor read
    bool over_ = false, overdue_ = false, cut_ = false;
    bool closed_ = true;
    bool timed_out_ = false;
};

using http2_streams = boost::intrusive::list<
    http2_stream,
    boost::intrusive::member_hook<http2_stream, http2_stream::hook, &http2_stream::touched>,
    boost::intrusive::constant_time_size<false>>;

} // namespace postern::edge
