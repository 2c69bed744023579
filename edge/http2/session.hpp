// One HTTP/2 connection's state (RFC 9113) by nghttp2, which is known to this file's .cpp alone:
// bytes in, bytes out, streams in between. No I/O, no waiting.
#pragma once

#include "edge/http2/answer_fields.hpp"
#include "edge/http2/flood_budget.hpp"
#include "edge/http2/request_text.hpp"
#include "edge/http2/stream.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

struct nghttp2_session;

namespace postern::edge {

struct http2_limits {
    std::uint32_t streams_max = 128;
    std::uint32_t resets_per_second = 50;
    std::uint32_t control_frames_per_second = 1000;
    head_limits head;
};

/// What a session tells whoever has it. Called from inside of receive and fill, so it must neither
/// call those nor resume a coroutine at once.
class http2_events {
  public:
    enum class what {
        malformed, // a request that broke RFC 9113's rules: its stream was reset
        reset,     // the client reset a stream
        refused,   // a stream beyond the limit
        flood,     // the connection ends because the client overdid something
    };
    virtual ~http2_events() = default;
    /// A request. `head`: good or too_large, read at once. `whole`: no body follows. The stream's
    /// object, which stays until closed() was told; null: refused.
    virtual http2_stream* requested(request_text& head, request_text::verdict how, bool whole) = 0;
    /// The stream is over, and its object no longer known to the session.
    virtual void closed(http2_stream& which) = 0;
    virtual void happened(what) = 0;
    /// There is something to fill.
    virtual void has_output() = 0;
};

class http2_session {
  public:
    using clock = std::chrono::steady_clock;
    static constexpr std::size_t output_bytes_min = 32UL * 1024; // a frame, whichever, and more

    /// Throws bad_alloc.
    http2_session(const http2_limits& limits, http2_events& events, clock::time_point now);
    http2_session(const http2_session&) = delete;
    http2_session& operator=(const http2_session&) = delete;
    ~http2_session();

    /// Bytes from the client. Afterwards wants_input() says whether there may be more.
    void receive(std::string_view bytes, clock::time_point now);
    /// Writes frames into `into`, as many as there are and fit; how many bytes. Requires: at least
    /// output_bytes_min of room.
    [[nodiscard]] std::size_t fill(std::span<char> into, clock::time_point now);
    [[nodiscard]] bool wants_input() const noexcept;

    /// Ends the connection once the streams that there are are over. `soon`: those that the client
    /// sends meanwhile are taken, too (RFC 9113 6.8).
    void say_goodbye(bool soon);
    /// Ends it, whatever is open.
    void terminate();

    [[nodiscard]] bool settled() const noexcept { return settled_; } // the client's SETTINGS came
    /// Since when a request's head has been coming in; nothing: none is.
    [[nodiscard]] clock::time_point head_began() const noexcept { return head_began_; }

    // for http2_stream
    void touch(http2_stream& s) noexcept; // it has something to send
    void consumed(http2_stream& s, std::size_t bytes) noexcept;
    void send_interim(http2_stream& s, std::span<char> head);

  private:
    friend struct http2_callbacks;
    struct free_session {
        void operator()(nghttp2_session* s) const noexcept;
    };
    void open(std::int32_t id, bool whole);
    void refuse(std::int32_t id, std::uint32_t code);
    void submit(http2_stream& s);
    void submit_fields(http2_stream& s, std::span<char> head, bool final);
    void spend(flood_budget& budget) noexcept;
    void overdone() noexcept;

    http2_events& events_;
    request_text head_;
    answer_fields fields_; // scratch
    flood_budget resets_, control_frames_;
    http2_streams touched_;
    clock::time_point now_, head_began_{};
    std::int32_t head_of_ = 0; // the stream whose head is coming in
    char *out_ = nullptr, *out_end_ = nullptr;
    bool settled_ = false, broken_ = false, terminated_ = false;
    std::unique_ptr<nghttp2_session, free_session> session_;
};

} // namespace postern::edge
