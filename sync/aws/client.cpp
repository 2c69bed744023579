#include "sync/aws/client.hpp"

#include "base/call_notes.hpp"
#include "sync/aws/sigv4.hpp"
#include "sync/aws/wire_body.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace postern::sync::aws {
namespace {

struct service_facts {
    std::string_view name;
    std::string_view target; // before the operation
};
constexpr std::array<service_facts, services> facts{{
    {"DynamoDB", "DynamoDB_20120810."},
    {"DynamoDB Streams", "DynamoDBStreams_20120810."},
}};
constexpr std::string_view signing_name = "dynamodb"; // of the streams, too
constexpr std::string_view content_type = "application/x-amz-json-1.0";
// How much longer than by our own reckoning a service may have us wait.
constexpr std::chrono::milliseconds longer_max{5'000};

std::size_t number_of(service s) {
    return static_cast<std::size_t>(s);
}

void count(std::atomic<std::uint64_t>& in, std::uint64_t by = 1) {
    in.fetch_add(by, std::memory_order_relaxed);
}

std::optional<std::chrono::milliseconds> wished_wait(const http_headers& headers) {
    const auto text = find_header(headers, "x-amz-retry-after");
    if (!text || text->empty() || text->size() > 6 ||
        text->find_first_not_of("0123456789") != std::string_view::npos)
        return std::nullopt;
    return std::chrono::milliseconds{std::stoll(std::string{*text})};
}

} // namespace

struct client::job {
    service of;
    std::string_view operation;
    std::string_view body;
    const reader& read;
    base::steady_time ends_at;
};

struct client::attempt {
    std::optional<service_error> error; // nothing: done
    std::string sentence{};             // of an error that is not the service's
    std::shared_ptr<const credentials> by{};
    std::string request_id{};
    std::optional<base::wall_time> their_time{};
    std::optional<std::chrono::milliseconds> wait{}; // as the service wishes
};

client::client(client_options options, client_parts parts)
    : options_{std::move(options)}, parts_{std::move(parts)},
      budgets_{{
          retry_budget{options_.retry.budget},
          retry_budget{options_.retry.budget},
      }} {}

reply<json> client::call(service of, std::string_view operation, const json& body,
                         const std::stop_token& stop, call_limits limits) {
    const std::optional<std::string> text = text_of(body);
    if (!text) {
        count(tallies_.calls);
        count(tallies_.failed_calls);
        return call_failure{
            {aws_error::validation, fmt::format("{} {}: a text of the request is not UTF-8",
                                                facts[number_of(of)].name, operation)}};
    }
    json result;
    const auto done = call_text(
        of, operation, *text,
        [&](std::string_view answer) {
            auto parsed = parse_json(answer);
            if (!parsed || !parsed->is_object())
                return false;
            result = std::move(*parsed);
            return true;
        },
        stop, limits);
    if (!done)
        return done.error();
    return result;
}

reply<void> client::call_text(service of, std::string_view operation, std::string_view body,
                              const reader& read, const std::stop_token& stop, call_limits limits) {
    count(tallies_.calls);
    const unsigned attempts_max = std::min(options_.retry.attempts_max, limits.attempts_max);
    const job r{of, operation, body, read, parts_.time.steady() + options_.call_timeout};
    retry_budget& budget = budgets_[number_of(of)];
    unsigned attempts = 0, retries = 0, helped = 0, refund = 1;
    for (;;) {
        attempt now = try_once(r, stop);
        ++attempts;
        if (!now.error) {
            budget.give_back(refund);
            return {};
        }
        if (can_help(now, helped, stop))
            continue;
        const retry_kind kind = now.error->retry;
        if (kind == retry_kind::never || retries + 1 >= attempts_max)
            return failure_of(r, now, attempts);
        auto wait = retry_delay(options_.retry, kind, retries, parts_.random());
        if (now.wait)
            wait = std::clamp(*now.wait, wait, wait + longer_max);
        if (parts_.time.steady() + wait >= r.ends_at)
            return failure_of(r, now, attempts);
        refund = retry_cost(options_.retry, kind);
        if (!budget.take(refund)) {
            count(tallies_.budget_empty);
            return failure_of(r, now, attempts);
        }
        if (!parts_.waiting.wait(wait, stop)) {
            now.error->code = aws_error::cancelled;
            return failure_of(r, now, attempts);
        }
        ++retries;
        count(tallies_.retries);
    }
}

client::attempt client::try_once(const job& r, const std::stop_token& stop) {
    const auto failed = [](const base::failure& why, retry_kind retry) {
        service_error error;
        error.code = static_cast<aws_error>(why.code.value());
        error.retry = retry;
        return attempt{std::move(error), why.what};
    };
    const auto keys = parts_.keys.get(stop);
    if (!keys)
        return failed(keys.error(), retry_kind::never);

    const endpoint& to = options_.endpoints[number_of(r.of)];
    http_request request;
    request.method = "POST";
    request.url = to.origin + "/";
    request.body = r.body;
    request.headers = {
        {"Content-Type", std::string{content_type}},
        {"X-Amz-Target", fmt::format("{}{}", facts[number_of(r.of)].target, r.operation)}};
    if (options_.accept_gzip)
        request.headers.push_back({"Accept-Encoding", "gzip"});
    const std::string sum = sha256_hex(r.body);
    for (http_header& h : sign({.method = request.method,
                          .host = to.host,
                          .path = "/",
                          .headers = request.headers,
                          .payload_sha256 = sum},
                               {options_.region, signing_name}, **keys, parts_.time.wall()))
        request.headers.push_back(std::move(h));
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(r.ends_at - parts_.time.steady());
    request.timeout = std::clamp(left, std::chrono::milliseconds{1}, options_.attempt_timeout);
    request.connect_timeout = options_.connect_timeout;
    request.answer_bytes_max = options_.answer_bytes_max;

    count(tallies_.attempts);
    count(tallies_.bytes_sent, r.body.size());
    auto answer = parts_.http.send(request, stop);
    if (!answer) {
        const auto code = answer.error().code;
        return failed(answer.error(), code == aws_error::down || code == aws_error::garbage
                                          ? retry_kind::transient
                                          : retry_kind::never);
    }
    count(tallies_.bytes_received, answer->body.size());
    attempt done = judge(r, *answer);
    done.by = *keys;
    if (done.error && done.error->code == aws_error::throttled)
        count(tallies_.throttled);
    return done;
}

client::attempt client::judge(const job& r, http_answer& answer) {
    attempt seen;
    seen.request_id = find_header(answer.headers, "x-amzn-requestid").value_or("");
    if (const auto date = find_header(answer.headers, "date"))
        seen.their_time = http_date_of(*date);
    seen.wait = wished_wait(answer.headers);

    auto body = take_body_of(answer, options_.answer_bytes_max);
    if (!body) {
        seen.error.emplace();
        seen.error->code = static_cast<aws_error>(body.error().code.value());
        seen.error->retry =
            seen.error->code == aws_error::garbage ? retry_kind::transient : retry_kind::never;
        seen.sentence = body.error().what;
    } else if (answer.status != 200) {
        seen.error = read_service_error(answer.status, answer.headers, *body);
        if (seen.error->name.empty())
            seen.sentence = fmt::format("status {} without the name of an error: \"{}\"",
                                        answer.status, seen.error->message);
    } else if (!r.read(*body)) {
        seen.error.emplace();
        seen.error->code = aws_error::garbage;
        seen.error->retry = retry_kind::transient;
        seen.sentence =
            fmt::format("the answer of {} bytes is not what it should be", body->size());
    }
    return seen;
}

/// Each remedy once a call. True: try again at once.
bool client::can_help(attempt& failed, unsigned& helped, const std::stop_token& stop) {
    service_error& error = *failed.error;
    const unsigned bit = 1U << static_cast<unsigned>(error.help);
    if (error.help == remedy::none || (helped & bit) != 0)
        return false;
    helped |= bit;
    if (error.help == remedy::renew_credentials) {
        if (!parts_.keys.renew(*failed.by, stop))
            return false;
        count(tallies_.credential_renewals);
        return true;
    }
    if (!failed.their_time || !parts_.time.correct(*failed.their_time))
        return false;
    count(tallies_.clock_corrections);
    parts_.log.warn(
        "aws: this host's clock differs from the service's by {} s; requests are signed "
        "by the service's",
        std::chrono::duration_cast<std::chrono::seconds>(parts_.time.offset()).count());
    return true;
}

call_failure client::failure_of(const job& r, attempt& last, unsigned attempts) {
    service_error& error = *last.error;
    count(error.code == aws_error::condition_failed ? tallies_.unmet_conditions
                                                    : tallies_.failed_calls);
    std::string said = error.name;
    if (!error.message.empty() && !said.empty())
        said += ": " + error.message;
    return call_failure{{error.code, fmt::format("{} {}: {}{}", facts[number_of(r.of)].name,
                                                 r.operation, said.empty() ? last.sentence : said,
                                                 base::notes_of(attempts, last.request_id))},
                        std::move(error.name),
                        std::move(error.details)};
}

client_counters client::counters() const noexcept {
    const auto value = [](const std::atomic<std::uint64_t>& of) {
        return of.load(std::memory_order_relaxed);
    };
    return {.calls = value(tallies_.calls),
            .failed_calls = value(tallies_.failed_calls),
            .unmet_conditions = value(tallies_.unmet_conditions),
            .attempts = value(tallies_.attempts),
            .throttled = value(tallies_.throttled),
            .retries = value(tallies_.retries),
            .budget_empty = value(tallies_.budget_empty),
            .clock_corrections = value(tallies_.clock_corrections),
            .credential_renewals = value(tallies_.credential_renewals),
            .bytes_sent = value(tallies_.bytes_sent),
            .bytes_received = value(tallies_.bytes_received)};
}

} // namespace postern::sync::aws
