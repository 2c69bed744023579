// nghttp2's way into a session.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nghttp2/nghttp2.h>
#include <sys/types.h>

namespace postern::edge {

struct http2_limits;
class http2_session;

/// Nothing may be thrown through them: nghttp2 is C.
struct http2_callbacks {
    using session_ptr = nghttp2_session*;

    /// A session that calls these, with `self` as its user data. Throws bad_alloc.
    [[nodiscard]] static nghttp2_session* new_session(const http2_limits& limits,
                                                      http2_session& self);
    /// nghttp2_data_source_read_callback of a stream's answer; the source is the http2_stream.
    static ssize_t read_data(session_ptr, std::int32_t, std::uint8_t*, std::size_t length,
                             std::uint32_t* flags, nghttp2_data_source* source, void*);

  private:
    template <class Body>
    static int guarded(void* user, Body body) noexcept;
    static int on_begin_frame(session_ptr, const nghttp2_frame_hd* hd, void* user);
    static int on_other_frame(session_ptr, void**, const nghttp2_frame_hd*, void*);
    static int on_begin_headers(session_ptr, const nghttp2_frame* frame, void* user);
    static int on_header(session_ptr, const nghttp2_frame* frame, const std::uint8_t* name,
                         std::size_t name_bytes, const std::uint8_t* value, std::size_t value_bytes,
                         std::uint8_t, void* user);
    static int on_frame(session_ptr session, const nghttp2_frame* frame, void* user);
    static int on_invalid_frame(session_ptr, const nghttp2_frame* frame, int code, void* user);
    static int on_data(session_ptr session, std::uint8_t, std::int32_t id,
                       const std::uint8_t* bytes, std::size_t size, void* user);
    static int on_close(session_ptr session, std::int32_t id, std::uint32_t, void* user);
    static int on_sent(session_ptr session, const nghttp2_frame* frame, void* user);
    static int on_not_sent(session_ptr session, const nghttp2_frame* frame, int, void* user);
    static int send_data(session_ptr, nghttp2_frame*, const std::uint8_t* head, std::size_t length,
                         nghttp2_data_source* source, void* user);
};

} // namespace postern::edge
