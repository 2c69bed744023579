#include "edge/request/reply.hpp"

#include "edge/http/http_date.hpp"
#include "edge/http/status_text.hpp"
#include "edge/http/text_writer.hpp"
#include "edge/request/rate_limits.hpp"
#include "edge/static/static_files.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace postern::edge {
namespace {

/// Whether the rest of the request can stay on this connection: its body is here already, or there
/// is none.
void settle_body(exchange& x) {
    if (x.body_taken || !x.head.has_body())
        return;
    const std::size_t buffered = x.input.view().size() - x.head.head_bytes;
    const bool here = x.head.content_length && *x.head.content_length <= buffered;
    if (here && !x.head.expect_continue) {
        x.bytes_received = *x.head.content_length;
        return;
    }
    x.close_after = x.may_send_on = true; // what follows would be read as a request
}

constexpr std::string_view no_referrer_line = "Referrer-Policy: no-referrer\r\n";

constexpr std::size_t head_bytes_expected = 512; // more only with many add_headers

void write_reply_head(const exchange& x, std::string& out, unsigned status, std::size_t body_bytes,
                      const reply_options& options) {
    text_writer w{out, head_bytes_expected};
    const auto line = [&w](std::string_view name, std::string_view value) {
        if (!value.empty())
            w.put(name).put(": ").put(value).put("\r\n");
    };
    w.put("HTTP/1.1 ").put_number(status).put(" ").put(status_text(status)).put("\r\n");
    line("Date", http_date_now(x.worker.time));
    line("Location", options.location);
    if (body_bytes > 0 || status != 204) {
        line("Content-Type", options.content_type);
        w.put("Content-Length: ").put_number(body_bytes).put("\r\n");
    }
    if (!options.cacheable)
        w.put("Cache-Control: no-store\r\n");
    if (options.retry_after_s > 0)
        w.put("Retry-After: ").put_number(options.retry_after_s).put("\r\n");
    line("X-Postern-Page", options.marker);
    line("Vary", options.vary);
    line("Set-Cookie", options.set_cookie);
    line("Allow", options.allow);
    w.put(lines_of_location(x));
    w.put("X-Content-Type-Options: nosniff\r\nConnection: ")
        .put(x.close_after ? "close" : "keep-alive")
        .put("\r\n\r\n");
    w.finish();
}

std::string_view cache_control_of(const location_settings& location,
                                  std::string_view path) noexcept {
    for (const cache_rule& rule : location.cache_rules) // longest path first
        if (path.starts_with(rule.path))
            return rule.value;
    return {};
}

std::string_view marker_of(page which) noexcept {
    switch (which) {
    case page::loading:
        return "loading";
    case page::resume:
        return "resume";
    case page::failed:
        return "failed";
    case page::reconnecting:
        return "reconnecting";
    case page::not_found:
        return "not-found";
    default:
        return "error";
    }
}

/// In one go, or in pieces where bytes have a rate.
task<base::error_code> send_file(exchange& x, const static_answer& answer) {
    constexpr std::uint64_t paced_bytes_max = 128UL * 1024;
    base::error_code error;
    for (std::uint64_t done = 0; !error && done < answer.length;) {
        const std::uint64_t left = answer.length - done;
        const std::uint64_t step = x.paced ? std::min(left, paced_bytes_max) : left;
        error = co_await x.client.send_file(answer.file.get(), answer.offset + done, step,
                                            x.worker.conf.timeouts.send);
        done += step;
        x.bytes_sent += step;
        if (x.paced && !error)
            co_await keep_pace(x);
    }
    co_return error;
}

} // namespace

std::string table_age_line(const exchange& x) {
    if (!x.where.location || x.location().handler != handler::session ||
        x.location().table_age_header.empty())
        return {};
    const std::int64_t synced_ms = x.worker.table.synced_at_ms();
    const std::int64_t age_ms = base::to_epoch_ms(x.worker.time.wall()) - synced_ms;
    return fmt::format("{}: {}\r\n", x.location().table_age_header,
                       synced_ms == 0 ? -1 : std::max<std::int64_t>(age_ms, 0) / 1000);
}

std::string lines_of_location(const exchange& x) {
    std::string lines;
    if (x.access.has_token) // the URL of this answer is a secret
        lines += no_referrer_line;
    if (x.where.location)
        for (const auto& [name, value] : x.location().add_headers)
            lines.append(name).append(": ").append(value).append("\r\n");
    return lines += table_age_line(x);
}

task<void> reply(exchange& x, unsigned status, std::string_view body, reply_options options) {
    settle_body(x);
    x.status = status;
    x.answered = true;
    std::string head;
    write_reply_head(x, head, status, body.size(), options);
    if (x.head.method == method::head)
        body = {};
    const auto error = co_await x.client.write_all(head, body, {}, x.worker.conf.timeouts.send);
    if (error)
        x.note_send_failure();
    x.bytes_sent += body.size();
}

namespace {

/// As reply_page, with `options` beyond what a page needs.
task<void> send_page(exchange& x, page which, unsigned status, std::string_view reason,
                     reply_options options) {
    page_values values;
    values.status = status;
    values.reason = reason;
    values.prefix = x.where.prefix;
    if (x.where.location)
        values.wake = x.location().wake;
    if (x.has_route) {
        values.session_id = x.route.session_id();
        if (reason.empty())
            values.reason = x.route.reason();
        const std::int64_t now_ms = base::to_epoch_ms(x.worker.time.wall());
        if (x.route.started_at_ms > 0 && x.route.started_at_ms <= now_ms)
            values.waited_ms = now_ms - x.route.started_at_ms;
    }
    x.out.clear();
    x.worker.pages_of(x.where.location).render(which, values, x.out);
    options.content_type = "text/html; charset=utf-8";
    options.marker = marker_of(which);
    co_await reply(x, status, x.out, options);
}

/// As reply_error, with `options` beyond what it needs.
task<void> send_error(exchange& x, unsigned status, std::string_view reason,
                      reply_options options) {
    if (wants_page(x.head)) {
        co_await send_page(x, status == 404 ? page::not_found : page::error, status, reason,
                           options);
        co_return;
    }
    const std::string_view accepts = value_of(x.head.fields, known::accept);
    const bool json = accepts.find("json") != std::string_view::npos;
    if (json)
        options.content_type = "application/json";
    // The sentences are postern's own: nothing of a peer's is in them, nothing needs escaping.
    const std::string body =
        json ? fmt::format("{{\"error\":{{\"status\":{},\"message\":\"{}\"}}}}\n", status, reason)
             : fmt::format("{}\n", reason);
    co_await reply(x, status, body, options);
}

} // namespace

task<void> reply_page(exchange& x, page which, unsigned status, std::string_view reason,
                      unsigned retry_after_s) {
    co_await send_page(x, which, status, reason, {.retry_after_s = retry_after_s});
}

task<void> reply_error(exchange& x, unsigned status, std::string_view reason,
                       unsigned retry_after_s) {
    co_await send_error(x, status, reason, {.retry_after_s = retry_after_s});
}

task<void> reply_not_allowed(exchange& x, std::string_view allow, std::string_view reason) {
    co_await send_error(x, 405, reason, {.allow = allow});
}

task<void> reply_redirect(exchange& x, std::string_view to, bool varies_by_referer,
                          unsigned status) {
    x.decision_name = "redirect";
    x.count(cache::counter::decisions_fixed);
    reply_options options;
    options.location = to;
    if (varies_by_referer)
        options.vary = "Referer";
    co_await reply(x, status, {}, options);
}

task<void> reply_bad_request(exchange& x, unsigned status, std::string_view reason) {
    x.close_after = true;
    x.decision_name = "bad";
    co_await reply(x, status, fmt::format("{} {}: {}\n", status, status_text(status), reason));
}

task<void> reply_static(exchange& x) {
    const base::text_template& root_of = x.location().static_root;
    std::string root;
    const auto capture = [&](std::string_view name) { return x.where.value_of(name); };
    if (root_of.empty() || !root_of.fill_into(root, capture)) {
        co_await reply_error(x, 404, "There is no such page here.");
        co_return;
    }
    x.decision_name = "static";
    x.count(cache::counter::decisions_static);
    settle_body(x);
    const location_settings& location = x.location();
    // A redirect to another spelling keeps a session's link, which is a secret.
    std::string ignored;
    const bool has_link =
        !x.head.query.empty() && base::take_access_token(x.head.query, ignored).has_value();
    std::string own_lines = table_age_line(x);
    if (has_link)
        own_lines += no_referrer_line;
    const static_site site{.index = location.index,
                           .precompressed = location.precompressed,
                           .cache_control = cache_control_of(location, x.where.rest),
                           .stands_in = location.handler == handler::session || has_link,
                           .add_headers = &location.add_headers,
                           .own_lines = own_lines};
    static_answer answer = answer_static(x.worker.static_roots, root, site, x.where.prefix,
                                         x.where.rest, x.head, x.close_after);
    if (answer.not_found) {
        co_await reply_error(x, 404, "There is no such page here.");
        co_return;
    }
    x.status = answer.status;
    x.answered = true;
    const auto within = x.worker.conf.timeouts.send;
    auto error = co_await x.client.write_all(answer.head, answer.body, {}, within);
    x.bytes_sent += answer.body.size();
    if (!error && answer.file)
        error = co_await send_file(x, answer);
    if (error)
        x.note_send_failure();
}

task<void> reply_fixed(exchange& x) {
    x.decision_name = "fixed";
    x.count(cache::counter::decisions_fixed);
    const location_settings& location = x.location();
    reply_options options;
    options.cacheable = true;
    if (location.status >= 300 && location.status < 400) {
        options.location = location.body;
        co_await reply(x, location.status, {}, options);
    } else if (location.body.empty() && location.status >= 400) {
        const std::string_view text = status_text(location.status);
        co_await reply_error(x, location.status, text.empty() ? "There is no more to it." : text);
    } else {
        co_await reply(x, location.status, location.body, options);
    }
}

} // namespace postern::edge
