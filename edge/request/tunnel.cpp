#include "edge/request/tunnel.hpp"

#include "edge/http/frame_observer.hpp"
#include "edge/net/signal.hpp"
#include "edge/request/reply.hpp"

namespace postern::edge {
namespace {

/// One direction's small buffer; big messages borrow a block. Keeps an idle socket small.
constexpr std::size_t small_bytes = 2048;

class two_way_tunnel {
  public:
    two_way_tunnel(exchange& x, upstream_connection& up)
        : x_{x}, up_{up}, down_finished_{x.worker.loop} {
        entry_.activity = x.has_route ? x.route.activity : cache::activity_ref{};
        x.worker.tunnels.push_back(entry_);
        x.count(cache::counter::sockets_opened);
        report({.last_seen_ms = now_ms(), .socket_open_ms = now_ms()});
    }
    ~two_way_tunnel() { x_.count(cache::counter::sockets_closed); }
    two_way_tunnel(const two_way_tunnel&) = delete;
    two_way_tunnel& operator=(const two_way_tunnel&) = delete;

    /// Until both directions have ended, or nothing moved for tunnel_idle.
    task<void> run() {
        down_running_ = true;
        spawn(run_down());
        co_await pass(x_.client, up_.link, true);
        while (down_running_) {
            [[maybe_unused]] const auto error = co_await down_finished_.wait();
        }
    }

  private:
    task<void> run_down() {
        try {
            co_await pass(up_.link, x_.client, false);
        } catch (const std::exception& error) {
            x_.worker.log.error("tunnel: {}", error.what());
            end_both();
        }
        down_running_ = false;
        down_finished_.tell();
    }

    task<void> pass(stream& from, stream& to, bool from_client) {
        const auto idle = x_.worker.conf.timeouts.tunnel_idle;
        frame_observer observer;
        char small[small_bytes];
        block_pool::block block;
        base::error_code end;
        for (;;) {
            const std::span<char> room = block ? block.bytes() : std::span<char>{small};
            auto [error, n] = co_await from.read_some(room, idle);
            if (error) {
                end = error;
                break;
            }
            std::string_view bytes{room.data(), n};
            note(bytes, from_client, observer);
            to.progress(idle);
            base::error_code write_error;
            if (!to.write_now(bytes))
                write_error = co_await to.write_all(bytes, idle);
            if (write_error) {
                end_both();
                co_return;
            }
            const bool large = n == room.size();
            if (large && !block)
                block = x_.worker.blocks.lend();
            if (!large && block)
                block.give_back();
        }
        if (end == end_of_stream())
            to.shutdown_send(); // half-closed: the other direction may have more to say
        else
            end_both();
    }

    void note(std::string_view bytes, bool from_client, frame_observer& observer) {
        cache::activity_delta delta;
        if (from_client) {
            x_.bytes_received += bytes.size();
            delta.bytes_in = bytes.size();
            if (observer.data_in(bytes))
                delta.last_seen_ms = now_ms();
        } else {
            x_.bytes_sent += bytes.size();
            delta.bytes_out = bytes.size();
            if (observer.data_in(bytes))
                delta.last_push_ms = now_ms();
        }
        report(delta);
    }

    void report(const cache::activity_delta& delta) const {
        x_.worker.table.add_activity(entry_.activity, delta);
    }
    [[nodiscard]] std::int64_t now_ms() const { return base::to_epoch_ms(x_.worker.time.wall()); }
    void end_both() noexcept {
        x_.client.cancel();
        up_.link.cancel();
        x_.client.shutdown_send();
        up_.link.shutdown_send();
    }

    exchange& x_;
    upstream_connection& up_;
    open_tunnel entry_;
    signal down_finished_;
    bool down_running_ = false;
};

/// What the client sent behind its handshake (it should wait for the 101, but may not) and the
/// target behind its 101.
task<bool> pass_early_bytes(exchange& x, upstream_connection& up) {
    const auto within = x.worker.conf.timeouts.send;
    const std::string_view from_target = up.input.view();
    base::error_code error = co_await x.client.write_all(x.out, from_target, {}, within);
    if (error)
        co_return false;
    up.input.consume(from_target.size());
    const std::string_view from_client = x.input.view().substr(x.head.head_bytes);
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
    const response_head& answer = up->answer;
    if (answer.status != 101) {
        [[maybe_unused]] const bool keep = co_await relay_answer(x, plan, *up);
        co_return relay_outcome::answered;
    }
    response_rewrite how;
    how.add_headers = &x.location().add_headers;
    x.out.clear();
    [[maybe_unused]] const body_to_client none =
        write_response_head(x.out, answer, x.head.method, how);
    up->input.consume(answer.head_bytes);
    x.status = 101;
    x.answered = true;
    const bool going = co_await pass_early_bytes(x, *up);
    if (!going)
        co_return relay_outcome::answered;
    up->input.release();
    two_way_tunnel through{x, *up};
    co_await through.run();
    co_return relay_outcome::answered;
}

} // namespace postern::edge
