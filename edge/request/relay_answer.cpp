// The way back: an upstream's answer to the client.
#include "edge/http/http_date.hpp"
#include "edge/request/body_reader.hpp"
#include "edge/request/rate_limits.hpp"
#include "edge/request/relay.hpp"
#include "edge/request/reply.hpp"

namespace postern::edge {
namespace {

constexpr std::size_t module_bytes_max = 1024 * 1024; // Vite's client is about 60 KB
constexpr std::size_t joined_bytes_max =
    16 * 1024; // a small body is copied behind its head: one send

response_rewrite rewrite_of(const exchange& x, const upstream_plan& plan,
                            const response_head& answer, std::string_view own_lines) {
    response_rewrite how;
    if (value_of(answer.fields, known::date).empty()) // RFC 9110 6.6.1
        how.date = http_date_now(x.worker.time);
    how.close = x.close_after;
    how.client_minor_version = x.http2 ? 0 : x.head.minor_version; // no chunks for 0 either
    how.prefix = plan.location_prefix;
    how.upstream_origin = plan.upstream_origin;
    how.set_cookie = plan.set_cookie;
    how.add_headers = &x.location().add_headers;
    how.own_lines = own_lines;
    return how;
}

/// The body of the answer whose head stands at the start of `up.input`; the head's bytes are gone
/// with it.
body_reader body_of(const exchange& x, upstream_connection& up) {
    const response_head& answer = x.worker.answer;
    up.input.consume(answer.head_bytes);
    return {up.link,
            up.input,
            x.worker.blocks,
            answer.framing,
            answer.content_length,
            x.worker.conf.timeouts.upstream_read};
}

/// Whether the connection can be kept once the answer has been read to its end.
bool may_keep(const response_head& answer) {
    return answer.keep_alive && answer.framing != body_framing::until_close;
}

/// To the client, all of it. False: the client is gone or too slow.
task<bool> send(exchange& x, std::string_view first, std::string_view second = {},
                std::string_view third = {}) {
    base::error_code error;
    const bool one = second.empty() && third.empty();
    if (!one || !x.client.write_now(first))
        error = co_await x.client.write_all(first, second, third, x.worker.conf.timeouts.send);
    if (error)
        x.note_send_failure();
    co_return !error;
}

/// Chunked for the client, or as it is.
task<bool> send_piece(exchange& x, std::string_view content, body_to_client way) {
    x.bytes_sent += content.size();
    if (way != body_to_client::chunked)
        co_return co_await send(x, content);
    char size[18];
    const std::size_t n = write_chunk_size(size, content.size());
    co_return co_await send(x, {size, n}, content, "\r\n");
}

/// The rest of the body. False: one of the two sides failed.
task<bool> send_rest(exchange& x, body_reader& body, body_to_client way) {
    if (way == body_to_client::length && body.is_worth_splicing(x.client) && !x.paced)
        if (lent_pipe pipe = x.worker.pipes.lend()) {
            const auto within = x.worker.conf.timeouts.send;
            const std::uint64_t before = body.content_bytes();
            const auto error = co_await body.splice_rest(x.client, pipe, within, within);
            x.bytes_sent += body.content_bytes() - before;
            if (error) {
                x.note_send_failure();
                co_return false;
            }
        }
    for (;;) {
        const std::string_view content = co_await body.next();
        if (content.empty())
            break;
        const bool sent = co_await send_piece(x, content, way);
        if (!sent)
            co_return false;
        if (x.paced)
            co_await keep_pace(x);
    }
    if (body.error() != body_error::none) {
        // The head has gone out: the client can only learn it from a connection that ends without
        // the body's end.
        x.count(cache::counter::upstream_errors);
        x.worker.log.info("upstream {}: the answer's body broke off", x.upstream_text());
        x.close_after = x.cut_short = true;
        co_return false;
    }
    if (way != body_to_client::chunked)
        co_return true;
    co_return co_await send(x, "0\r\n\r\n");
}

bool is_patchable(const upstream_plan& plan, const response_head& answer) {
    return !plan.hmr_base.empty() && answer.status == 200 &&
           value_of(answer.fields, known::content_type).find("javascript") !=
               std::string_view::npos &&
           value_of(answer.fields, known::content_encoding).empty();
}

/// Vite's client module is read whole, its HMR base is put right, and it goes on with its new
/// length.
task<bool> relay_patched(exchange& x, const upstream_plan& plan, upstream_connection& up) {
    // The head's views point into up.input, which the body reader moves: the head is kept aside and
    // read again.
    const std::string head_bytes{up.input.view().substr(0, x.worker.answer.head_bytes)};
    const bool keep_alive = may_keep(x.worker.answer);
    body_reader body = body_of(x, up);
    std::string module;
    while (module.size() <= module_bytes_max) {
        const std::string_view content = co_await body.next();
        if (content.empty())
            break;
        module += content;
    }
    if (!body.done()) {
        x.count(cache::counter::upstream_errors);
        co_await reply_error(x, 502, "The upstream's client module is not whole.");
        co_return false;
    }
    if (!patch_hmr_base(module, plan.hmr_base))
        x.count(cache::counter::hmr_base_missing);
    response_head again;
    const limits_settings& limits = x.worker.conf.limits;
    [[maybe_unused]] const read_outcome read = read_response_head(
        head_bytes, {limits.response_head_bytes_max, limits.head_fields_max}, x.head.method, again);
    const std::string age = table_age_line(x);
    response_rewrite how = rewrite_of(x, plan, again, age);
    how.drop_length = true;
    how.new_length = module.size();
    x.out.clear();
    const body_to_client way = write_response_head(x.out, again, x.head.method, how);
    x.answered = true;
    x.status = again.status;
    if (way == body_to_client::until_close)
        x.close_after = true;
    const std::string_view content = way == body_to_client::none ? std::string_view{} : module;
    x.bytes_sent += content.size();
    const bool sent = co_await send(x, x.out, content);
    const bool kept = sent && keep_alive && up.input.empty();
    co_return kept;
}

/// A form gets a page: the one it came from where all went well. The upstream's own words are for
/// programs; they are left unread with its connection.
task<bool> answer_form(exchange& x, const upstream_plan& plan, unsigned status) {
    if (status < 300)
        co_await reply_redirect(x, plan.see_other, false, 303);
    else
        co_await reply_error(x, status, "That was not possible. Trying again later may help.");
    co_return false;
}

} // namespace

task<bool> relay_answer(exchange& x, const upstream_plan& plan, upstream_connection& up) {
    const response_head& answer = x.worker.answer;
    if (!plan.see_other.empty())
        co_return co_await answer_form(x, plan, answer.status);
    const bool is_patched = is_patchable(plan, answer);
    if (is_patched && x.head.method != method::head)
        co_return co_await relay_patched(x, plan, up);

    x.out.clear();
    const std::string age = table_age_line(x);
    response_rewrite how = rewrite_of(x, plan, answer, age);
    how.drop_length = is_patched; // which a HEAD cannot know
    const body_to_client way = write_response_head(x.out, answer, x.head.method, how);
    if (way == body_to_client::until_close)
        x.close_after = true;
    x.status = answer.status;
    x.answered = true;
    const bool keep_alive = may_keep(answer);
    body_reader body = body_of(x, up);

    std::string_view first = body.next_buffered();
    if (way == body_to_client::length && first.size() <= joined_bytes_max) {
        x.out += first;
        x.bytes_sent += first.size();
        first = {};
    }
    bool sent = co_await send(x, x.out);
    if (sent && !first.empty())
        sent = co_await send_piece(x, first, way);
    if (sent && way != body_to_client::none && (!body.done() || way == body_to_client::chunked))
        sent = co_await send_rest(x, body, way);
    body.settle();
    const bool kept = sent && keep_alive && body.done() && up.input.empty();
    co_return kept;
}

} // namespace postern::edge
