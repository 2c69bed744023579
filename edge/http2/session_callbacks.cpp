// What nghttp2 tells a session, and asks of it.
#include "edge/http2/session_callbacks.hpp"

#include "edge/http2/session.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace postern::edge {
namespace {

constexpr std::size_t sent_head_bytes_max = 4UL * 1024 * 1024; // more than proxy_buffer_size can be
constexpr std::size_t acks_waiting_max = 1000;
constexpr std::size_t settings_entries_max = 32;
constexpr std::size_t continuations_max = 8;
constexpr std::size_t frame_head_bytes = 9;
constexpr std::size_t dropped_fields_max = 2000; // of one head that is too large already

/// nghttp2's option object, to be freed.
struct options {
    explicit options(const http2_limits& limits) {
        if (::nghttp2_option_new(&made) != 0)
            throw std::bad_alloc{};
        ::nghttp2_option_set_no_auto_window_update(made, 1);
        ::nghttp2_option_set_no_closed_streams(made, 1);
        // Frames of other kinds are thrown away by nghttp2 unseen, if they are not asked for.
        for (unsigned type = NGHTTP2_CONTINUATION + 1; type <= 0xff; ++type)
            ::nghttp2_option_set_user_recv_extension_type(made, static_cast<std::uint8_t>(type));
        ::nghttp2_option_set_max_outbound_ack(made, acks_waiting_max);
        ::nghttp2_option_set_max_settings(made, settings_entries_max);
        ::nghttp2_option_set_max_continuations(made, continuations_max);
        ::nghttp2_option_set_max_send_header_block_length(made, sent_head_bytes_max);
        // Ours counts first, and counts what makes us reset a stream, too.
        const std::uint64_t resets = 2UL * limits.resets_per_second;
        ::nghttp2_option_set_stream_reset_rate_limit(made, resets * flood_budget::saved_seconds,
                                                     resets);
    }
    options(const options&) = delete;
    options& operator=(const options&) = delete;
    ~options() { ::nghttp2_option_del(made); }
    nghttp2_option* made = nullptr;
};

http2_stream* stream_of(nghttp2_session* session, std::int32_t id) noexcept {
    return static_cast<http2_stream*>(::nghttp2_session_get_stream_user_data(session, id));
}

/// What a client makes us say by breaking a rule (MadeYouReset, CVE-2025-8671). Not: an answer that
/// broke off, a request that was too slow.
bool is_provoked(std::uint32_t code) noexcept {
    return code != NGHTTP2_NO_ERROR && code != NGHTTP2_INTERNAL_ERROR && code != NGHTTP2_CANCEL;
}

} // namespace

template <class Body>
int http2_callbacks::guarded(void* user, Body body) noexcept {
    try {
        body(*static_cast<http2_session*>(user));
        return 0;
    } catch (...) { // out of memory: this connection ends
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
}

int http2_callbacks::on_begin_frame(session_ptr, const nghttp2_frame_hd* hd, void* user) {
    return guarded(user, [&](http2_session& self) {
        const bool useful = hd->type == NGHTTP2_DATA || hd->type == NGHTTP2_HEADERS ||
                            hd->type == NGHTTP2_CONTINUATION || hd->type == NGHTTP2_RST_STREAM;
        if (!useful)
            self.spend(self.control_frames_);
    });
}

int http2_callbacks::on_other_frame(session_ptr, void**, const nghttp2_frame_hd*, void*) {
    return NGHTTP2_ERR_CANCEL; // nothing is done about it (RFC 9113 5.5)
}

int http2_callbacks::on_begin_headers(session_ptr, const nghttp2_frame* frame, void* user) {
    return guarded(user, [&](http2_session& self) {
        const bool request = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
        self.head_.clear();
        self.head_of_ = request ? frame->hd.stream_id : 0; // trailers are dropped
        self.head_began_ = self.now_;
    });
}

int http2_callbacks::on_header(session_ptr, const nghttp2_frame* frame, const std::uint8_t* name,
                               std::size_t name_bytes, const std::uint8_t* value,
                               std::size_t value_bytes, std::uint8_t, void* user) {
    return guarded(user, [&](http2_session& self) {
        if (frame->hd.stream_id != self.head_of_)
            return;
        self.head_.add({reinterpret_cast<const char*>(name), name_bytes},
                       {reinterpret_cast<const char*>(value), value_bytes});
        if (self.head_.dropped() > dropped_fields_max)
            self.overdone();
    });
}

int http2_callbacks::on_frame(session_ptr session, const nghttp2_frame* frame, void* user) {
    return guarded(user, [&](http2_session& self) {
        const nghttp2_frame_hd& hd = frame->hd;
        switch (hd.type) {
        case NGHTTP2_HEADERS:
            self.head_began_ = {};
            if (std::exchange(self.head_of_, 0) == hd.stream_id)
                return self.open(hd.stream_id, (hd.flags & NGHTTP2_FLAG_END_STREAM) != 0);
            break;
        case NGHTTP2_DATA:
            if (hd.length == 0 && (hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
                self.spend(self.control_frames_);
            break;
        case NGHTTP2_RST_STREAM:
            self.events_.happened(http2_events::what::reset);
            return self.spend(self.resets_);
        case NGHTTP2_SETTINGS:
            self.settled_ = true;
            return;
        default:
            return;
        }
        if ((hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
            return;
        if (http2_stream* const s = stream_of(session, hd.stream_id))
            s->received_all();
    });
}

int http2_callbacks::on_invalid_frame(session_ptr, const nghttp2_frame* frame, int code,
                                      void* user) {
    return guarded(user, [&](http2_session& self) {
        self.head_began_ = {};
        self.head_of_ = 0;
        const bool of_request =
            frame->hd.type == NGHTTP2_HEADERS &&
            (code == NGHTTP2_ERR_HTTP_HEADER || code == NGHTTP2_ERR_HTTP_MESSAGING);
        if (of_request)
            self.events_.happened(http2_events::what::malformed);
        if (code == NGHTTP2_ERR_REFUSED_STREAM)
            self.events_.happened(http2_events::what::refused);
        self.spend(self.control_frames_);
    });
}

int http2_callbacks::on_data(session_ptr session, std::uint8_t, std::int32_t id,
                             const std::uint8_t* bytes, std::size_t size, void* user) {
    return guarded(user, [&](http2_session&) {
        if (http2_stream* const s = stream_of(session, id); s && !s->is_over())
            s->received({reinterpret_cast<const char*>(bytes), size});
        else // nobody reads it: no more of the stream than its window lets through
            ::nghttp2_session_consume_connection(session, size);
    });
}

int http2_callbacks::on_close(session_ptr session, std::int32_t id, std::uint32_t, void* user) {
    return guarded(user, [&](http2_session& self) {
        if (id == self.head_of_)
            self.head_of_ = 0;
        http2_stream* const s = stream_of(session, id);
        if (s == nullptr)
            return;
        ::nghttp2_session_set_stream_user_data(session, id, nullptr);
        if (const std::size_t unread = s->close(); unread > 0)
            ::nghttp2_session_consume_connection(session, unread);
        self.events_.closed(*s);
    });
}

int http2_callbacks::on_sent(session_ptr session, const nghttp2_frame* frame, void* user) {
    return guarded(user, [&](http2_session& self) {
        const nghttp2_frame_hd& hd = frame->hd;
        if (hd.type == NGHTTP2_RST_STREAM && is_provoked(frame->rst_stream.error_code))
            self.spend(self.resets_);
        const bool content = hd.type == NGHTTP2_DATA || hd.type == NGHTTP2_HEADERS;
        if (!content || (hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
            return;
        http2_stream* const s = stream_of(session, hd.stream_id);
        if (s != nullptr)
            s->end_sent();
    });
}

int http2_callbacks::on_not_sent(session_ptr session, const nghttp2_frame* frame, int, void* user) {
    return guarded(user, [&](http2_session& self) {
        if (frame->hd.type == NGHTTP2_HEADERS && stream_of(session, frame->hd.stream_id))
            self.refuse(frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
    });
}

ssize_t http2_callbacks::read_data(session_ptr, std::int32_t, std::uint8_t*, std::size_t length,
                                   std::uint32_t* flags, nghttp2_data_source* source, void*) {
    const http2_stream& s = *static_cast<const http2_stream*>(source->ptr);
    const std::size_t bytes = std::min(length, s.unsent());
    const bool last = bytes == s.unsent() && s.has_ended();
    if (bytes == 0 && !last)
        return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (last)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(bytes);
}

int http2_callbacks::send_data(session_ptr, nghttp2_frame*, const std::uint8_t* head,
                               std::size_t length, nghttp2_data_source* source, void* user) {
    http2_session& self = *static_cast<http2_session*>(user);
    http2_stream& s = *static_cast<http2_stream*>(source->ptr);
    if (static_cast<std::size_t>(self.out_end_ - self.out_) < frame_head_bytes + length)
        return NGHTTP2_ERR_WOULDBLOCK;
    if (s.unsent() < length) // its writer has given up since the frame was made ready
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    std::memcpy(self.out_, head, frame_head_bytes);
    s.take(self.out_ + frame_head_bytes, length);
    self.out_ += frame_head_bytes + length;
    self.control_frames_.grant(2); // WINDOW_UPDATE of the stream, and of the connection
    return 0;
}

nghttp2_session* http2_callbacks::new_session(const http2_limits& limits, http2_session& self) {
    const options how{limits};
    nghttp2_session_callbacks* calls = nullptr;
    if (::nghttp2_session_callbacks_new(&calls) != 0)
        throw std::bad_alloc{};
    ::nghttp2_session_callbacks_set_on_begin_frame_callback(calls, on_begin_frame);
    ::nghttp2_session_callbacks_set_unpack_extension_callback(calls, on_other_frame);
    ::nghttp2_session_callbacks_set_on_begin_headers_callback(calls, on_begin_headers);
    ::nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
    ::nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
    ::nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(calls, on_invalid_frame);
    ::nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
    ::nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
    ::nghttp2_session_callbacks_set_on_frame_send_callback(calls, on_sent);
    ::nghttp2_session_callbacks_set_on_frame_not_send_callback(calls, on_not_sent);
    ::nghttp2_session_callbacks_set_send_data_callback(calls, send_data);
    nghttp2_session* made = nullptr;
    const int error = ::nghttp2_session_server_new2(&made, calls, &self, how.made);
    ::nghttp2_session_callbacks_del(calls);
    if (error != 0)
        throw std::bad_alloc{};
    return made;
}

} // namespace postern::edge
