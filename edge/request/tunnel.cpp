#include "edge/request/tunnel.hpp"

#include "base/websocket_accept.hpp"
#include "edge/http/frame_observer.hpp"
#include "edge/net/signal.hpp"
#include "edge/request/access.hpp"
#include "edge/request/rate_limits.hpp"
#include "edge/request/reply.hpp"

#include <array>
#include <cstring>
#include <initializer_list>

namespace postern::edge {
namespace {

/// So much is read at one time where bytes have a rate: what has been read is not held back.
constexpr std::size_t paced_bytes_max = 16UL * 1024;

/// One direction of a tunnel.
struct passage {
    frame_observer frames{};
    bool has_rest = false; // bytes that were counted and are not written yet
};

class two_way_tunnel final : public open_tunnel {
  public:
    two_way_tunnel(exchange& x, upstream_connection& to, passage& up, passage& down)
        : open_tunnel{x}, down_finished_{x.worker.loop}, x_{x}, up_{to}, from_client_{up},
          from_target_{down} {
        x.worker.tunnels.push_back(*this);
        x.worker.swept.has_new_ones = true;
        x.count(cache::counter::sockets_opened);
        report({.last_seen_ms = now_ms(), .socket_open_ms = now_ms()});
    }
    ~two_way_tunnel() { x_.count(cache::counter::sockets_closed); }

    /// Until both directions have ended, or nothing moved for tunnel_idle.
    task<void> run() {
        down_running_ = true;
        spawn(run_down());
        co_await pass(x_.client, up_.link, from_client_);
        while (down_running_) {
            [[maybe_unused]] const auto error = co_await down_finished_.wait();
        }
    }

    bool end(why code) noexcept override {
        if (ended_)
            return false;
        const std::array<char, 2> status{static_cast<char>(static_cast<unsigned>(code) >> 8),
                                         static_cast<char>(static_cast<unsigned>(code) & 0xff)};
        // A client's frames are masked (RFC 6455 5.3), by zeros where there is nothing to hide.
        close_with(x_.client, from_target_, {'\x88', '\x02', status[0], status[1]});
        close_with(up_.link, from_client_,
                   {'\x88', '\x82', '\0', '\0', '\0', '\0', status[0], status[1]});
        end_both();
        return true;
    }

  private:
    /// Where a frame is on its way, the end of the connection has to say it.
    static void close_with(stream& to, const passage& passed,
                           std::initializer_list<char> frame) noexcept {
        std::string_view bytes{frame.begin(), frame.size()};
        if (passed.frames.is_between_frames() && !passed.has_rest)
            static_cast<void>(to.write_now(bytes));
    }

    task<void> run_down() {
        try {
            co_await pass(up_.link, x_.client, from_target_);
        } catch (const std::exception& error) {
            x_.worker.log.error("tunnel: {}", error.what());
            end_both();
        }
        down_running_ = false;
        down_finished_.tell();
    }

    task<void> pass(stream& from, stream& to, passage& way) {
        const auto idle = x_.worker.conf.timeouts.tunnel_idle;
        base::error_code end;
        for (;;) {
            // No buffer while nothing comes: an idle socket costs its coroutines and no more.
            end = co_await from.readable(idle);
            if (end)
                break;
            const read_result got = from.read_now(
                x_.paced ? x_.worker.scratch.first(paced_bytes_max) : x_.worker.scratch);
            if (got.error) {
                end = got.error;
                break;
            }
            if (got.bytes == 0)
                continue;
            std::string_view bytes{x_.worker.scratch.data(), got.bytes};
            note(bytes, way);
            to.progress(idle);
            if (!to.write_now(bytes)) {
                way.has_rest = true;
                const auto error = co_await write_the_rest(to, bytes, idle);
                way.has_rest = false;
                if (error) {
                    end_both();
                    co_return;
                }
            }
            // Until then the sender is held by its own full socket.
            if (x_.paced)
                co_await keep_pace(x_, [&] {
                    from.progress(idle);
                    to.progress(idle);
                    return !ended_;
                });
            if (ended_)
                co_return;
        }
        if (end == end_of_stream())
            to.shutdown_send(); // half-closed: the other direction may have more to say
        else
            end_both();
    }

    /// What the peer does not take yet has to make room in the scratch that all share.
    task<base::error_code> write_the_rest(stream& to, std::string_view bytes,
                                          std::chrono::milliseconds within) {
        block_pool::block block = x_.worker.blocks.lend();
        std::memcpy(block.bytes().data(), bytes.data(), bytes.size());
        co_return co_await to.write_all({block.bytes().data(), bytes.size()}, within);
    }

    void note(std::string_view bytes, passage& way) {
        cache::activity_delta delta;
        const bool is_data = way.frames.data_in(bytes);
        if (&way == &from_client_) {
            x_.bytes_received += bytes.size();
            delta.bytes_in = bytes.size();
            if (is_data)
                delta.last_seen_ms = now_ms();
        } else {
            x_.bytes_sent += bytes.size();
            delta.bytes_out = bytes.size();
            if (is_data)
                delta.last_push_ms = now_ms();
        }
        report(delta);
    }

    void report(const cache::activity_delta& delta) const {
        x_.worker.table.add_activity(x_.activity(), delta);
    }
    [[nodiscard]] std::int64_t now_ms() const { return base::to_epoch_ms(x_.worker.time.wall()); }
    void end_both() noexcept {
        ended_ = true;
        x_.client.cancel();
        up_.link.cancel();
        x_.client.shutdown_send();
        up_.link.shutdown_send();
    }

    signal down_finished_;
    exchange& x_;
    upstream_connection& up_;
    passage& from_client_;
    passage& from_target_;
    bool down_running_ = false;
    bool ended_ = false;
};

/// What an HTTP/1.1 client sees for itself (RFC 6455 4.1). By HTTP/2 any 2xx opens the socket, and
/// nothing in it says that it was meant (RFC 8441 5): the handshake is ours, and so is the look at
/// what came of it. Null: the answer may go to the client.
const char* why_no_answer_by_http2(const request_head& asked, const response_head& answer) {
    if (answer.status >= 200 && answer.status < 300)
        return "a 2xx, which is no handshake";
    if (answer.status != 101)
        return nullptr;
    const std::string wanted =
        base::websocket_accept(value_of(asked.fields, known::sec_websocket_key));
    for (const field& one : answer.fields)
        if (equal_ignoring_case(one.name, "sec-websocket-accept") && one.value == wanted)
            return nullptr;
    return "a 101 without the Sec-WebSocket-Accept that it has to have";
}

/// A string that an empty one is assigned to keeps its room.
void give_back(std::string& text) {
    text.clear();
    text.shrink_to_fit();
}

/// An open socket may be idle for hours: it keeps the head that its log line is made of, read again
/// in just as much room, and no more.
void shed_memory(exchange& x) {
    give_back(x.out);
    give_back(x.local_origin);
    x.access.known.reset();
    x.input.keep_only(x.head.head_bytes);
    const limits_settings& limits = x.worker.conf.limits;
    [[maybe_unused]] const read_outcome same =
        read_request_head(x.input.view(), {limits.head_bytes_max, limits.head_fields_max}, x.head);
    take_access_token(x); // again
}

/// What the client sent behind its handshake (it should wait for the 101, but may not) and the
/// target behind its 101.
task<bool> pass_early_bytes(exchange& x, upstream_connection& up, passage& up_way,
                            passage& down_way) {
    const auto within = x.worker.conf.timeouts.send;
    const std::string_view from_target = up.input.view();
    base::error_code error = co_await x.client.write_all(x.out, from_target, {}, within);
    if (error)
        co_return false;
    static_cast<void>(down_way.frames.data_in(from_target));
    up.input.consume(from_target.size());
    const std::string_view from_client = x.input.view().substr(x.head.head_bytes);
    static_cast<void>(up_way.frames.data_in(from_client));
    error = co_await up.link.write_all(from_client, within);
    co_return !error;
}

} // namespace

task<relay_outcome> tunnel(exchange& x, const upstream_plan& plan) {
    x.upstream = plan.to;
    upstream_ptr up = co_await reach(x, plan, true);
    if (!up)
        co_return relay_outcome::refused;
    const auto& times = x.worker.conf.timeouts;
    x.out.clear();
    write_request_head(x.out, x.head, plan.request);
    head_outcome outcome{502, true, "closed while the handshake was sent"};
    up->link.watch(&x.client);
    const auto head_error = co_await up->link.write_all(x.out, times.upstream_send);
    if (!head_error)
        outcome = co_await read_answer_head(x, *up, times.upgrade);
    up->link.watch(nullptr);
    x.close_after = x.may_send_on = true;
    if (outcome.status != 0) {
        x.count(cache::counter::upstream_errors);
        x.worker.log.info("upstream {}: handshake: {}", x.upstream_text(), outcome.reason);
        co_await reply_error(x, outcome.status, "The target did not answer the handshake.");
        co_return relay_outcome::answered;
    }
    const response_head& answer = x.worker.answer;
    if (const char* const why = x.http2 ? why_no_answer_by_http2(x.head, answer) : nullptr) {
        x.count(cache::counter::upstream_errors);
        x.worker.log.info("upstream {}: handshake: {}", x.upstream_text(), why);
        co_await reply_error(x, 502, "The target did not answer the handshake.");
        co_return relay_outcome::answered;
    }
    if (answer.status != 101) {
        [[maybe_unused]] const bool keep = co_await relay_answer(x, plan, *up);
        co_return relay_outcome::answered;
    }
    response_rewrite how;
    how.add_headers = &x.location().add_headers;
    const std::string age = table_age_line(x);
    how.own_lines = age;
    x.out.clear();
    [[maybe_unused]] const body_to_client none =
        write_response_head(x.out, answer, x.head.method, how);
    up->input.consume(answer.head_bytes);
    x.client.expect_taking({}); // it may be silent for tunnel_timeout
    x.status = 101;
    x.answered = true;
    passage up_way, down_way;
    const bool going = co_await pass_early_bytes(x, *up, up_way, down_way);
    if (!going)
        co_return relay_outcome::answered;
    up->input.release();
    shed_memory(x);
    two_way_tunnel through{x, *up, up_way, down_way};
    co_await through.run();
    co_return relay_outcome::answered;
}

} // namespace postern::edge
