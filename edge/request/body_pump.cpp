#include "edge/request/body_pump.hpp"

#include "edge/request/rate_limits.hpp"

namespace postern::edge {
namespace {

body_framing framing_of(const exchange& x) noexcept {
    const request_head& head = x.head;
    if (head.chunked) // by HTTP/2 the end of the stream says it, here as everywhere
        return x.http2 ? body_framing::until_close : body_framing::chunked;
    return head.content_length ? body_framing::length : body_framing::none;
}

} // namespace

body_pump::body_pump(exchange& x, upstream_connection& up)
    : x_{x}, up_{up}, body_{x.client,
                            x.body_input,
                            x.worker.blocks,
                            framing_of(x),
                            x.head.content_length.value_or(0),
                            x.worker.conf.timeouts.client_body},
      rate_{x.worker.conf.limits.client_bytes_min, x.worker.conf.limits.client_lag_max},
      finished_{x.worker.loop} {
    body_.expect_rate(rate_);
    // The head's views point into `input` until the exchange is over: what follows it is read from
    // a copy.
    x.body_input.append(x.input.view().substr(x.head.head_bytes));
    x.body_taken = true;
}

void body_pump::start() {
    running_ = true;
    spawn(run());
}

task<void> body_pump::stop() {
    stopping_ = true;
    if (running_) {
        x_.client.cancel();
        up_.link.cancel();
    }
    while (running_) {
        [[maybe_unused]] const auto error = co_await finished_.wait();
    }
}

task<void> body_pump::run() {
    try {
        co_await pump();
    } catch (const std::exception& error) { // out of memory: this request fails, the worker goes on
        x_.worker.log.error("request body: {}", error.what());
        up_.link.cancel();
    }
    running_ = false;
    finished_.tell();
}

void body_pump::client_failed(unsigned status, std::string_view reason) {
    client_status_ = status;
    client_reason_ = reason;
    up_.link.cancel(); // whoever waits for the answer need not any more
}

task<void> body_pump::pump() {
    const auto within = x_.worker.conf.timeouts.upstream_send;
    const std::uint64_t bytes_max = x_.location().body_bytes_max;
    while (!stopping_) {
        std::string_view content = body_.next_buffered();
        if (content.empty() && body_.is_worth_splicing(up_.link) && !x_.paced)
            if (lent_pipe pipe = x_.worker.pipes.lend()) {
                const std::uint64_t before = body_.content_bytes();
                const auto error = co_await body_.splice_rest(
                    up_.link, pipe, within, x_.worker.conf.timeouts.upstream_read);
                x_.bytes_received += body_.content_bytes() - before;
                if (error)
                    co_return; // the upstream may have answered and closed: its answer tells
            }
        if (content.empty())
            content = co_await body_.next();
        if (content.empty())
            break;
        x_.bytes_received += content.size();
        if (bytes_max > 0 && body_.content_bytes() > bytes_max) {
            x_.count(cache::counter::body_too_large);
            client_failed(413, "The request body is larger than client_max_body_size.");
            co_return;
        }
        base::error_code error;
        if (x_.head.chunked) {
            char size[18];
            const std::size_t n = write_chunk_size(size, content.size());
            error = co_await up_.link.write_all({size, n}, content, "\r\n", within);
        } else {
            error = co_await up_.link.write_all(content, within);
        }
        up_.link.progress(x_.worker.conf.timeouts.upstream_read); // a long upload is no late answer
        if (error)
            co_return; // the upstream may have answered and closed: reading its answer tells
        if (x_.paced)
            co_await keep_pace(x_, [this] {
                up_.link.progress(x_.worker.conf.timeouts.upstream_read);
                return !stopping_;
            });
    }
    if (stopping_)
        co_return;
    switch (body_.error()) {
    case body_error::none:
        break;
    case body_error::timed_out:
        x_.count(body_.came_too_slowly() ? cache::counter::min_rate_body
                                         : cache::counter::timeouts_body);
        client_failed(408, "The request body did not arrive in time.");
        co_return;
    case body_error::malformed:
        x_.count(cache::counter::requests_bad);
        client_failed(400, "The request body's chunked coding is broken.");
        co_return;
    case body_error::closed:
        x_.close_after = true;
        client_failed(400, "The request body broke off.");
        co_return;
    }
    base::error_code error;
    if (x_.head.chunked)
        error = co_await up_.link.write_all("0\r\n\r\n", within);
    whole_ = body_.done() && !error;
}

} // namespace postern::edge
