#include "edge/http2/session.hpp"

#include "edge/http2/session_callbacks.hpp"

#include <cstring>
#include <new>
#include <utility>

namespace postern::edge {
namespace {

constexpr std::uint32_t stream_window = 128 * 1024;
constexpr std::int32_t connection_window = 1024 * 1024; // what clients may send that nobody reads

} // namespace

void http2_session::free_session::operator()(nghttp2_session* s) const noexcept {
    ::nghttp2_session_del(s);
}

http2_session::http2_session(const http2_limits& limits, http2_events& events,
                             clock::time_point now)
    : events_{events}, head_{limits.head}, resets_{limits.resets_per_second, now},
      control_frames_{limits.control_frames_per_second, now}, now_{now},
      session_{http2_callbacks::new_session(limits, *this)} {
    constexpr std::uint32_t counted_per_field = 32; // RFC 9113 6.5.2
    const auto list_bytes = static_cast<std::uint32_t>(limits.head.bytes_max +
                                                       counted_per_field * limits.head.fields_max);
    const nghttp2_settings_entry ours[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.streams_max},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, stream_window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, list_bytes},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    const bool done =
        ::nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, ours, std::size(ours)) == 0 &&
        ::nghttp2_session_set_local_window_size(session_.get(), NGHTTP2_FLAG_NONE, 0,
                                                connection_window) == 0;
    if (!done)
        throw std::bad_alloc{};
}

http2_session::~http2_session() = default;

void http2_session::receive(std::string_view bytes, clock::time_point now) {
    now_ = now;
    const auto* const data = reinterpret_cast<const std::uint8_t*>(bytes.data());
    const ssize_t n = ::nghttp2_session_mem_recv(session_.get(), data, bytes.size());
    if (n < 0) {
        broken_ = true;
        if (n == NGHTTP2_ERR_FLOODED || n == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS)
            events_.happened(http2_events::what::flood);
    } else if (::nghttp2_session_want_write(session_.get()) != 0) {
        events_.has_output();
    }
}

std::size_t http2_session::fill(std::span<char> into, clock::time_point now) {
    now_ = now;
    while (!touched_.empty() && !broken_) {
        http2_stream& s = touched_.front();
        touched_.pop_front();
        submit(s);
    }
    out_ = into.data();
    out_end_ = into.data() + into.size();
    while (!broken_ && out_end_ - out_ >= static_cast<std::ptrdiff_t>(output_bytes_min)) {
        const std::uint8_t* frames = nullptr;
        const ssize_t n = ::nghttp2_session_mem_send(session_.get(), &frames);
        broken_ = n < 0 || n > out_end_ - out_;
        if (broken_ || n == 0)
            break;
        std::memcpy(out_, frames, static_cast<std::size_t>(n));
        out_ += n;
    }
    return static_cast<std::size_t>(out_ - into.data());
}

bool http2_session::wants_input() const noexcept {
    return !broken_ && ::nghttp2_session_want_read(session_.get()) != 0;
}

void http2_session::say_goodbye(bool soon) {
    if (soon)
        ::nghttp2_submit_shutdown_notice(session_.get());
    else
        ::nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                                ::nghttp2_session_get_last_proc_stream_id(session_.get()),
                                NGHTTP2_NO_ERROR, nullptr, 0);
    events_.has_output();
}

void http2_session::terminate() {
    ::nghttp2_session_terminate_session(session_.get(), NGHTTP2_NO_ERROR);
    events_.has_output();
}

void http2_session::overdone() noexcept {
    if (std::exchange(terminated_, true))
        return;
    events_.happened(http2_events::what::flood);
    ::nghttp2_session_terminate_session(session_.get(), NGHTTP2_ENHANCE_YOUR_CALM);
}

void http2_session::spend(flood_budget& budget) noexcept {
    if (!budget.spend(now_))
        overdone();
}

void http2_session::open(std::int32_t id, bool whole) {
    const request_text::verdict how = head_.finish();
    if (how == request_text::verdict::malformed) {
        events_.happened(http2_events::what::malformed);
        return refuse(id, NGHTTP2_PROTOCOL_ERROR);
    }
    http2_stream* const s = events_.requested(head_, how, whole);
    if (s == nullptr) {
        events_.happened(http2_events::what::refused);
        return refuse(id, NGHTTP2_REFUSED_STREAM);
    }
    s->open(*this, id, whole);
    ::nghttp2_session_set_stream_user_data(session_.get(), id, s);
}

void http2_session::refuse(std::int32_t id, std::uint32_t code) {
    ::nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, code);
}

void http2_session::touch(http2_stream& s) noexcept {
    if (s.touched.is_linked())
        return;
    touched_.push_back(s);
    events_.has_output();
}

void http2_session::consumed(http2_stream& s, std::size_t bytes) noexcept {
    ::nghttp2_session_consume(session_.get(), s.id(), bytes);
    if (::nghttp2_session_want_write(session_.get()) != 0)
        events_.has_output();
}

void http2_session::send_interim(http2_stream& s, std::span<char> head) {
    submit_fields(s, head, false);
    events_.has_output();
}

void http2_session::submit(http2_stream& s) {
    if (s.end_was_sent()) {
        if (s.is_overdue()) // nobody reads the rest of the body (RFC 9113 8.1)
            refuse(s.id(), NGHTTP2_NO_ERROR);
    } else if (s.is_cut()) {
        refuse(s.id(), NGHTTP2_INTERNAL_ERROR);
    } else if (const std::span<char> head = s.head_to_submit(); !head.empty()) {
        s.head_submitted();
        submit_fields(s, head, true);
    } else {
        ::nghttp2_session_resume_data(session_.get(), s.id()); // or it is on its way already
    }
}

void http2_session::submit_fields(http2_stream& s, std::span<char> head, bool final) {
    const auto bytes_of = [](std::string_view text) {
        return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
    };
    if (!take_apart(head, fields_))
        return refuse(s.id(), NGHTTP2_INTERNAL_ERROR);
    boost::container::small_vector<nghttp2_nv, 32> list;
    for (const answer_field& f : fields_)
        list.push_back({bytes_of(f.name), bytes_of(f.value), f.name.size(), f.value.size(),
                        NGHTTP2_NV_FLAG_NONE});
    int error = 0;
    if (final) {
        const nghttp2_data_provider body{{.ptr = &s}, http2_callbacks::read_data};
        const bool none = s.has_ended() && s.unsent() == 0;
        error = ::nghttp2_submit_response(session_.get(), s.id(), list.data(), list.size(),
                                          none ? nullptr : &body);
    } else {
        error = ::nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, s.id(), nullptr,
                                         list.data(), list.size(), nullptr);
    }
    if (error != 0)
        refuse(s.id(), NGHTTP2_INTERNAL_ERROR);
}

} // namespace postern::edge
