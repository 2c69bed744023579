#include "edge/http2/stream.hpp"

#include "edge/http2/answer_fields.hpp"
#include "edge/http2/session.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace postern::edge {
namespace {

constexpr std::string_view head_end = "\r\n\r\n";

base::error_code gone() {
    return make_error_code(boost::system::errc::connection_reset);
}

} // namespace

void http2_stream::open(http2_session& by, std::int32_t id, bool whole) noexcept {
    session_ = &by;
    id_ = id;
    stage_ = stage::head;
    head_.clear();
    body_.consume(body_.view().size());
    queued_.consume(queued_.view().size());
    lent_ = {};
    expires_ = {};
    moved_ = loop_.timers().now();
    body_ended_ = whole;
    ended_ = over_ = overdue_ = cut_ = closed_ = timed_out_ = false;
}

void http2_stream::arm(milliseconds within) noexcept {
    timed_out_ = false;
    expires_ = loop_.timers().now() + within;
}

void http2_stream::progress(milliseconds within) noexcept {
    if (expires_ != clock::time_point{})
        expires_ = loop_.timers().now() + within;
}

void http2_stream::cancel() noexcept {
    wake(reader_, cancelled());
    wake(writer_, cancelled());
}

bool http2_stream::look(clock::time_point now, milliseconds send) noexcept {
    if (expires_ != clock::time_point{} && expires_ <= now) {
        timed_out_ = true;
        expires_ = {};
        cancel();
    }
    if (closed_ || !over_)
        return false;
    if (!end_was_sent())
        return moved_ + send <= now;
    if (!body_ended_ && moved_ + body_grace <= now) {
        overdue_ = true;
        session_->touch(*this);
    }
    return false;
}

task<base::error_code> http2_stream::readable(milliseconds within) {
    if (closed_)
        co_return gone();
    if (!body_.empty() || body_ended_)
        co_return base::error_code{};
    arm(within);
    co_return co_await reader_.wait();
}

read_result http2_stream::read_now(std::span<char> into) noexcept {
    if (closed_)
        return {gone(), 0};
    const std::size_t bytes = std::min(into.size(), body_.view().size());
    if (bytes == 0)
        return body_ended_ ? read_result{end_of_stream(), 0} : read_result{};
    std::memcpy(into.data(), body_.view().data(), bytes);
    body_.consume(bytes);
    session_->consumed(*this, bytes);
    return {{}, bytes};
}

void http2_stream::move_body_to(input_buffer& to) {
    const std::size_t bytes = body_.view().size();
    to.append(body_.view());
    body_.consume(bytes);
    if (bytes > 0)
        session_->consumed(*this, bytes);
}

bool http2_stream::put(std::string_view& bytes) {
    while (stage_ == stage::head && !bytes.empty())
        take_head(bytes);
    if (bytes.empty())
        return true;
    if (bytes.size() > copied_bytes_max - std::min(copied_bytes_max, queued_.view().size()))
        return false;
    queued_.append(bytes);
    bytes = {};
    session_->touch(*this);
    return true;
}

void http2_stream::take_head(std::string_view& bytes) {
    // It comes in one piece from all that answer; nothing here depends on it.
    const std::size_t before = head_.size();
    const std::size_t here = before == 0 ? bytes.find(head_end) : std::string_view::npos;
    head_ += here == std::string_view::npos ? bytes : bytes.substr(0, here + head_end.size());
    const std::size_t end = head_.find(head_end, before - std::min(before, head_end.size() - 1));
    if (end == std::string::npos) {
        bytes = {};
        return;
    }
    head_.resize(end + head_end.size());
    bytes.remove_prefix(head_.size() - before);
    const unsigned status = status_of(head_);
    if (status >= 100 && status < 200 && status != 101) {
        session_->send_interim(*this, head_);
        head_.clear();
        return;
    }
    stage_ = stage::head_ready;
    session_->touch(*this);
}

bool http2_stream::write_now(std::string_view& bytes) noexcept {
    try {
        return !closed_ && !ended_ && put(bytes);
    } catch (const std::exception&) { // out of memory: write_all says so
        return false;
    }
}

task<base::error_code> http2_stream::write_all(std::string_view first, std::string_view second,
                                               std::string_view third, milliseconds within) {
    const std::array<std::string_view, 3> pieces{first, second, third};
    for (std::string_view piece : pieces) {
        for (;;) {
            if (closed_ || ended_)
                co_return gone();
            if (put(piece))
                break;
            lent_ = piece;
            write_within_ = within;
            arm(within);
            session_->touch(*this);
            const auto error = co_await writer_.wait();
            piece = std::exchange(lent_, {});
            if (error)
                co_return error;
        }
    }
    co_return base::error_code{};
}

void http2_stream::take(char* into, std::size_t bytes) noexcept {
    const std::size_t queued = std::min(bytes, queued_.view().size());
    if (queued > 0)
        std::memcpy(into, queued_.view().data(), queued);
    queued_.consume(queued);
    const std::size_t lent = bytes - queued;
    if (lent > 0)
        std::memcpy(into + queued, lent_.data(), lent);
    lent_.remove_prefix(lent);
    moved_ = loop_.timers().now();
    if (!writer_.is_waiting())
        return;
    expires_ = moved_ + write_within_;
    if (lent_.size() <= copied_bytes_max - queued_.view().size())
        wake(writer_, {}); // it looks at lent_ and copies the rest
}

std::span<char> http2_stream::head_to_submit() noexcept {
    return stage_ == stage::head_ready ? std::span<char>{head_} : std::span<char>{};
}

void http2_stream::shutdown_send() noexcept {
    if (closed_ || ended_)
        return;
    ended_ = true;
    moved_ = loop_.timers().now();
    session_->touch(*this);
}

void http2_stream::finish(bool cut) noexcept {
    if (closed_)
        return;
    cut_ = cut || stage_ == stage::head; // or no answer at all
    over_ = ended_ = true;
    moved_ = loop_.timers().now();
    session_->touch(*this);
}

std::size_t http2_stream::close() noexcept {
    closed_ = true;
    touched.unlink();
    const std::size_t unread = body_.view().size();
    body_.consume(unread);
    body_.release();
    queued_.consume(queued_.view().size());
    lent_ = {};
    wake(reader_, gone());
    wake(writer_, gone());
    return unread;
}

} // namespace postern::edge
