#include "edge/http2/connection.hpp"

#include "edge/http2/request_pool.hpp"
#include "edge/http2/session.hpp"
#include "edge/net/signal.hpp"
#include "edge/request/conclude.hpp"
#include "edge/request/serve.hpp"

#include <fmt/format.h>

#include <utility>

namespace postern::edge {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr std::chrono::hours unbounded{24 * 365};    // our own deadlines hold: see look()
constexpr seconds goodbye_grace{1};                  // for streams that cross the first GOAWAY
constexpr std::size_t slow_step_bytes = 16UL * 1024; // what a slow client takes within send_timeout
constexpr std::size_t body_here_max = 16UL * 1024;   // a small body that has come goes on at once

http2_limits limits_of(const settings& conf) {
    return {.streams_max = conf.limits.http2_streams_max,
            .resets_per_second = conf.limits.http2_resets,
            .control_frames_per_second = conf.limits.http2_control_frames,
            .head = {conf.limits.head_bytes_max, conf.limits.head_fields_max}};
}

class http2_connection : http2_events, deadlines::entry {
  public:
    explicit http2_connection(exchange& first)
        : first_{first}, worker_{first.worker},
          transport_{first.client}, session_{limits_of(worker_.conf), *this, steady_clock::now()},
          spare_{first}, changed_{worker_.loop}, quiet_since_{worker_.loop.timers().now()} {
        worker_.loop.timers().add(*this);
        worker_.table.count(cache::counter::http2_connections);
    }
    http2_connection(const http2_connection&) = delete;
    http2_connection& operator=(const http2_connection&) = delete;
    ~http2_connection() override {
        for (http2_requests* list : {&arrived_, &open_})
            list->clear_and_dispose([](http2_request* r) { delete r; });
    }

    task<void> run();

  private:
    // http2_events
    http2_stream* requested(request_text& head, request_text::verdict how, bool whole) override;
    void closed(http2_stream& which) override;
    void happened(what) override;
    void has_output() override;

    void look(deadlines::clock::time_point now) override;
    void look_at_requests(deadlines::clock::time_point now);
    void look_at_goodbye(deadlines::clock::time_point now);

    task<void> read();
    task<void> write();
    task<void> write_all_there_is();
    task<void> stop();
    void start_requests();
    task<void> serve_request(http2_request& r);
    task<void> answer(http2_request& r);
    void ended(http2_request& r);
    void recycle(http2_request& r);
    void give_up() noexcept;

    exchange& first_;
    services& worker_;
    stream& transport_;
    http2_session session_;
    http2_requests arrived_, open_;
    http2_request_pool spare_;
    signal changed_; // a request, or the writer, has ended
    waiter writer_;
    std::size_t running_ = 0;
    std::uint64_t served_ = 0;
    deadlines::clock::time_point quiet_since_, writing_since_{}, said_goodbye_{};
    bool has_output_ = false, writer_parked_ = false, writer_ended_ = false;
    bool stopping_ = false; // no more input; the writer ends when it has written all there is
    bool dead_ = false;     // the client can be neither read from nor written to
    bool cut_ = false;      // and has not ended in order
    bool said_last_goodbye_ = false;
};

// --- from the session

http2_stream* http2_connection::requested(request_text& head, request_text::verdict how,
                                          bool whole) {
    // A stream that was reset is no stream to nghttp2; its request may still be winding down.
    if (running_ >= worker_.conf.limits.http2_streams_max)
        return nullptr;
    http2_request* const r = &spare_.take();
    arrived_.push_back(*r); // should the next lines throw, it is ended there as one that is closed
    ++running_;
    r->running = true;
    r->began = steady_clock::now();
    r->verdict = how;
    if (how == request_text::verdict::good) {
        r->text.append(head.text());
        r->has_framing = head.has_length() || head.websocket() || whole;
    }
    return r;
}

void http2_connection::closed(http2_stream& which) {
    if (http2_request& r = static_cast<http2_request&>(which); !r.running && !stopping_)
        recycle(r);
}

void http2_connection::happened(what event) {
    switch (event) {
    case what::malformed:
        return worker_.table.count(cache::counter::requests_bad);
    case what::reset:
        return worker_.table.count(cache::counter::http2_resets);
    case what::refused:
        return worker_.table.count(cache::counter::http2_streams_refused);
    case what::flood:
        worker_.table.count(cache::counter::http2_floods);
        return worker_.log.info("HTTP/2 connection from {}: ended, it was a flood",
                                first_.client_address);
    }
}

void http2_connection::has_output() {
    has_output_ = true;
    if (std::exchange(writer_parked_, false))
        worker_.loop.resume_next_turn(writer_);
}

// --- requests

void http2_connection::start_requests() {
    while (!arrived_.empty()) {
        http2_request& r = arrived_.front();
        arrived_.pop_front();
        open_.push_back(r);
        ++served_;
        try {
            spawn(serve_request(r));
        } catch (const std::bad_alloc&) { // the coroutine's frame
            r.finish(true);
            ended(r);
        }
    }
}

task<void> http2_connection::serve_request(http2_request& r) {
    r.x.reset();
    // Reset before it began: nothing is done for it, and no line is written about it.
    if (!r.closed()) {
        try {
            co_await answer(r);
            conclude(r.x, r.began);
        } catch (const std::exception& error) { // out of memory: this request fails
            worker_.log.error("request from {}: {}", first_.client_address, error.what());
            r.x.cut_short = true;
        }
        r.finish(r.x.cut_short);
    }
    ended(r);
}

void http2_connection::ended(http2_request& r) {
    r.running = false;
    if (r.closed())
        recycle(r);
    if (--running_ == 0)
        changed_.tell();
}

task<void> http2_connection::answer(http2_request& r) {
    exchange& x = r.x;
    if (r.verdict == request_text::verdict::too_large) {
        co_await refuse_head(x, 431, "the request head is larger than allowed");
        co_return;
    }
    // HTTP/2 frames the body. What the head says of it in HTTP/1.1's words is for the upstream.
    const std::size_t body_bytes = r.body_bytes_here();
    const bool here = r.body_ended() && body_bytes <= body_here_max;
    if (!r.has_framing && here && body_bytes > 0)
        r.text.append(fmt::format("Content-Length: {}\r\n", body_bytes));
    else if (!r.has_framing && !here)
        r.text.append("Transfer-Encoding: chunked\r\n");
    r.text.append("\r\n");
    if (here)
        r.move_body_to(r.text);
    const head_limits bounds{worker_.conf.limits.head_bytes_max,
                             worker_.conf.limits.head_fields_max};
    const read_outcome read = read_request_head(r.text.view(), bounds, x.head);
    if (read.state != read_state::done) {
        const bool bad = read.state == read_state::bad;
        co_await refuse_head(x, bad ? read.status : 400, bad ? read.reason : "no request");
        co_return;
    }
    co_await serve(x);
}

void http2_connection::recycle(http2_request& r) {
    r.unlink();
    spare_.give_back(r);
    quiet_since_ = worker_.loop.timers().now();
}

// --- reading and writing

task<void> http2_connection::run() {
    spawn(write());
    has_output();
    try {
        co_await read();
    } catch (const std::exception& error) { // out of memory
        worker_.log.error("connection from {}: {}", first_.client_address, error.what());
        give_up();
    }
    co_await stop();
}

task<void> http2_connection::read() {
    const std::string_view first = first_.input.view();
    session_.receive(first, steady_clock::now());
    first_.input.consume(first.size());
    first_.input.release();
    start_requests();
    while (!dead_ && session_.wants_input()) {
        const auto error = co_await transport_.readable(unbounded);
        if (error) {
            dead_ = dead_ || session_.wants_input(); // else the writer has said the last word
            break;
        }
        const read_result got = transport_.read_now(worker_.scratch);
        if (got.error) {
            dead_ = true;
            break;
        }
        session_.receive({worker_.scratch.data(), got.bytes}, steady_clock::now());
        start_requests();
    }
}

task<void> http2_connection::write() {
    try {
        while (!dead_) {
            if (std::exchange(has_output_, false)) {
                co_await write_all_there_is();
                continue;
            }
            if (stopping_)
                break;
            writer_parked_ = true;
            [[maybe_unused]] const auto none = co_await writer_.wait();
        }
    } catch (const std::exception& error) { // out of memory
        worker_.log.error("connection from {}: {}", first_.client_address, error.what());
        give_up();
    }
    writer_ended_ = true;
    changed_.tell();
}

task<void> http2_connection::write_all_there_is() {
    block_pool::block block = worker_.blocks.lend();
    for (std::size_t filled = block_pool::block_bytes; filled > block_pool::block_bytes / 2;) {
        filled = session_.fill(block.bytes(), steady_clock::now());
        std::string_view left{block.bytes().data(), filled};
        if (left.empty() || transport_.write_now(left))
            continue;
        // A step at a time, so that a slow client is told from one that takes nothing.
        while (!left.empty()) {
            writing_since_ = worker_.loop.timers().now();
            const std::string_view step = left.substr(0, slow_step_bytes);
            const auto error = co_await transport_.write_all(step, unbounded);
            writing_since_ = {};
            if (error) {
                give_up();
                co_return;
            }
            left.remove_prefix(step.size());
        }
    }
    if (!session_.wants_input())
        transport_.cancel();
}

/// Nobody is there any more: the reader and the writer see it at their next step.
void http2_connection::give_up() noexcept {
    dead_ = cut_ = true;
    transport_.cancel();
}

/// Lets everything end that still runs.
task<void> http2_connection::stop() {
    for (http2_request& r : open_)
        [[maybe_unused]] const std::size_t unread = r.close();
    stopping_ = true;
    if (dead_)
        transport_.cancel();
    has_output();
    while (running_ > 0 || !writer_ended_) {
        [[maybe_unused]] const auto told = co_await changed_.wait();
    }
    if (cut_)
        transport_.abort();
    else if (!dead_)
        co_await linger(transport_, worker_.scratch);
}

// --- time

void http2_connection::look(deadlines::clock::time_point now) {
    const auto& times = worker_.conf.timeouts;
    constexpr deadlines::clock::time_point never{};
    if (writing_since_ != never && writing_since_ + times.send <= now) {
        worker_.table.count(cache::counter::timeouts_send);
        give_up();
    }
    look_at_requests(now);
    if (stopping_ || dead_)
        return;
    const auto head_began = session_.head_began();
    if (head_began != never && head_began + times.client_header <= now) {
        worker_.table.count(cache::counter::timeouts_header);
        session_.terminate();
    }
    look_at_goodbye(now);
}

void http2_connection::look_at_requests(deadlines::clock::time_point now) {
    for (http2_request& r : open_) {
        const bool stalled = r.look(now, worker_.conf.timeouts.send);
        if (!stalled || stopping_)
            continue;
        worker_.table.count(cache::counter::timeouts_send);
        r.finish(true);
    }
    if (!stopping_)
        spare_.trim(now);
}

void http2_connection::look_at_goodbye(deadlines::clock::time_point now) {
    const settings& conf = worker_.conf;
    constexpr deadlines::clock::time_point never{};
    const bool leaving = worker_.draining || served_ >= conf.limits.keepalive_requests;
    const auto quiet_max =
        session_.settled() ? conf.timeouts.keepalive : conf.timeouts.client_header;
    const bool quiet = open_.empty() && quiet_since_ + quiet_max <= now;
    if (said_last_goodbye_ || (!leaving && !quiet))
        return;
    if (!open_.empty() && said_goodbye_ == never) {
        said_goodbye_ = now;
        session_.say_goodbye(true);
    } else if (open_.empty() || said_goodbye_ + goodbye_grace <= now) {
        said_last_goodbye_ = true;
        session_.say_goodbye(false);
    }
}

} // namespace

task<void> run_http2(exchange& first) {
    http2_connection connection{first};
    co_await connection.run();
}

} // namespace postern::edge
