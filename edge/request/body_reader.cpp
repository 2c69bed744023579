#include "edge/request/body_reader.hpp"

#include <algorithm>

namespace postern::edge {

body_reader::body_reader(stream& from, input_buffer& input, block_pool& blocks,
                         body_framing framing, std::uint64_t length,
                         std::chrono::milliseconds within)
    : from_{from}, input_{input}, blocks_{blocks}, within_{within}, framing_{framing}, left_{
                                                                                           length} {
    done_ = framing == body_framing::none || (framing == body_framing::length && length == 0);
}

std::string_view body_reader::take(std::string_view& bytes) {
    if (framing_ == body_framing::chunked)
        return take_chunked(bytes);
    std::size_t n = bytes.size();
    if (framing_ == body_framing::length) {
        n = static_cast<std::size_t>(std::min<std::uint64_t>(n, left_));
        left_ -= n;
        done_ = left_ == 0;
    }
    const std::string_view content = bytes.substr(0, n);
    bytes.remove_prefix(n);
    content_bytes_ += n;
    return content;
}

// Content of several small chunks is moved together in place, so that one read gives one piece.
std::string_view body_reader::take_chunked(std::string_view& bytes) {
    char* const start = const_cast<char*>(bytes.data()); // our own buffer: input_ or block_
    std::size_t gathered = 0;
    while (!bytes.empty() && !done_) {
        const chunk_decoder::step step = chunks_.next(bytes);
        if (step.state == chunk_decoder::state::bad) {
            error_ = body_error::malformed;
            break;
        }
        if (!step.content.empty()) {
            std::memmove(start + gathered, step.content.data(), step.content.size());
            gathered += step.content.size();
        }
        bytes.remove_prefix(step.consumed);
        done_ = step.state == chunk_decoder::state::done;
        if (step.consumed == 0 && !done_)
            break;
    }
    content_bytes_ += gathered;
    return {start, gathered};
}

std::string_view body_reader::next_buffered() {
    settle();
    if (done_ || error_ != body_error::none || input_.empty())
        return {};
    std::string_view bytes = input_.view();
    const std::size_t before = bytes.size();
    const std::string_view content = take(bytes);
    spent_ = before - bytes.size();
    if (content.empty())
        settle();
    return content;
}

std::chrono::steady_clock::time_point body_reader::now_if_rated() const noexcept {
    return rate_ == nullptr ? std::chrono::steady_clock::time_point{}
                            : std::chrono::steady_clock::now();
}

std::chrono::milliseconds body_reader::bound() noexcept {
    const auto within = rate_ == nullptr ? within_ : rate_->bound(within_);
    bounded_by_rate_ = within < within_;
    return within;
}

void body_reader::note(std::chrono::steady_clock::time_point began,
                       std::size_t bytes) const noexcept {
    if (rate_ != nullptr)
        rate_->note(std::chrono::steady_clock::now() - began, bytes);
}

task<std::string_view> body_reader::next() {
    if (const std::string_view content = next_buffered(); !content.empty())
        co_return content;
    while (!done_ && error_ == body_error::none) {
        if (!block_)
            block_ = blocks_.lend();
        std::span<char> room = block_.bytes();
        if (framing_ == body_framing::length && left_ < room.size())
            room = room.first(static_cast<std::size_t>(left_));
        const auto began = now_if_rated();
        const auto [error, n] = co_await from_.read_some(room, bound());
        note(began, n);
        if (error == end_of_stream() && framing_ == body_framing::until_close) {
            done_ = true;
            break;
        }
        if (error) {
            error_ = from_.timed_out() ? body_error::timed_out : body_error::closed;
            break;
        }
        std::string_view bytes{room.data(), n};
        const std::string_view content = take(bytes);
        if (done_ && !bytes.empty())
            input_.append(bytes);
        if (!content.empty())
            co_return content;
    }
    block_.give_back();
    co_return std::string_view{};
}

task<base::error_code> body_reader::splice_rest(stream& to, lent_pipe& pipe,
                                                std::chrono::milliseconds write_within,
                                                std::chrono::milliseconds progress_within) {
    settle();
    while (left_ > 0) {
        const auto began = now_if_rated();
        const auto [error, n] = co_await from_.plain()->splice_into(
            pipe.in(), std::min<std::uint64_t>(left_, pipe_pool::pipe_bytes), bound());
        note(began, n);
        if (error) {
            error_ = from_.timed_out() ? body_error::timed_out : body_error::closed;
            break;
        }
        left_ -= n;
        content_bytes_ += n;
        const auto write_error =
            co_await to.plain()->splice_from(pipe.out(), n, left_ > 0, write_within);
        if (write_error) {
            pipe.give_up();
            co_return write_error;
        }
        to.progress(progress_within);
    }
    done_ = left_ == 0;
    co_return base::error_code{};
}

} // namespace postern::edge
