// Drives sync/aws from a process test: one JSON object a line in, one a line out. The first line
// says what the client is like, each one after it is a thing to do:
//   {"do": "call", "service": "dynamodb" | "streams", "operation": "Scan", "body": {...}}
//   {"do": "sign", "method", "host", "path", "query", "headers": [[name, value]...], "sha256",
//   "region", "service",
//    "key", "secret", "token", "time_s", "s3": bool}
//   {"do": "counters"}
#include "base/log.hpp"
#include "sync/aws/client.hpp"
#include "sync/aws/curl_transport.hpp"
#include "sync/aws/sigv4.hpp"

#include <iostream>
#include <mutex>
#include <random>
#include <string>
#include <unistd.h>

namespace {

using namespace postern;
using namespace postern::sync::aws;
using std::chrono::milliseconds;

milliseconds time_at(const json& from, const char* name, milliseconds otherwise) {
    return milliseconds{from.value(name, otherwise.count())};
}

client_options options_of(const json& said) {
    client_options o;
    o.region = said.value("region", "us-east-1");
    const std::string dynamodb = said.value("endpoint", "http://127.0.0.1:8000");
    o.endpoints[0] = endpoint::parse(dynamodb).value();
    o.endpoints[1] = endpoint::parse(said.value("streams_endpoint", dynamodb)).value();
    o.retry.attempts_max = said.value("attempts", o.retry.attempts_max);
    o.retry.transient_base = time_at(said, "transient_ms", o.retry.transient_base);
    o.retry.throttle_base = time_at(said, "throttle_ms", o.retry.throttle_base);
    o.retry.budget = said.value("budget", o.retry.budget);
    o.attempt_timeout = time_at(said, "attempt_timeout_ms", o.attempt_timeout);
    o.call_timeout = time_at(said, "call_timeout_ms", o.call_timeout);
    o.answer_bytes_max = said.value("answer_bytes_max", o.answer_bytes_max);
    o.accept_gzip = said.value("gzip", false);
    return o;
}

json error_json(const call_failure& e) {
    return {{"error", name_of(static_cast<aws_error>(e.code.value()))},
            {"what", e.what},
            {"name", e.name},
            {"details", e.details}};
}

json call(client& with, const json& order) {
    const auto of =
        order.value("service", "dynamodb") == "streams" ? service::streams : service::dynamodb;
    auto got = with.call(of, order.at("operation").get<std::string>(), order.at("body"));
    return got ? json{{"ok", std::move(*got)}} : error_json(got.error());
}

json sign_it(const json& order) {
    http_headers headers;
    for (const json& h : order.at("headers"))
        headers.push_back({h.at(0), h.at(1)});
    const auto text = [&](const char* name) { return string_at(order, name); };
    const std::string method = text("method"), host = text("host"), path = text("path"),
                      query = text("query"), sum = text("sha256"), region = text("region"),
                      name = text("service");
    const credentials by{text("key"), text("secret"), text("token"), {}, {}};
    json out = json::array();
    for (const http_header& h :
         sign({.method = method,
         .host = host,
         .path = path,
         .query = query,
         .headers = headers,
         .payload_sha256 = sum,
         .path_form = order.value("s3", false) ? sigv4_path::as_sent : sigv4_path::normalised},
              {region, name}, by,
              base::wall_time{std::chrono::seconds{order.at("time_s").get<std::int64_t>()}}))
        out.push_back({h.name, h.value});
    return {{"ok", out}};
}

json counters_of(const client& of) {
    const client_counters c = of.counters();
    return {{"ok",
             {{"calls", c.calls},
              {"failed_calls", c.failed_calls},
              {"attempts", c.attempts},
              {"throttled", c.throttled},
              {"retries", c.retries},
              {"budget_empty", c.budget_empty},
              {"clock_corrections", c.clock_corrections},
              {"credential_renewals", c.credential_renewals},
              {"bytes_sent", c.bytes_sent},
              {"bytes_received", c.bytes_received}}}};
}

} // namespace

int main() {
    std::string line;
    if (!std::getline(std::cin, line))
        return 2;
    const json said = json::parse(line);

    const base::system_clock real;
    base::log log{STDERR_FILENO, base::log_level::info, "aws_call", real};
    corrected_clock time{real};
    curl_transport http{{.ca_file = said.value("ca_file", "")}};
    fixed_credentials keys{{said.value("key", "local"), said.value("secret", "secret"),
                            said.value("token", ""), std::nullopt, "test"}};
    real_pause waiting;
    std::mt19937_64 dice{said.value("seed", 1U)};
    std::mutex dice_mutex;
    const auto random = [&] {
        const std::scoped_lock lock{dice_mutex};
        return std::uniform_real_distribution<double>{}(dice);
    };
    client calls{options_of(said), {http, keys, time, waiting, random, log}};

    while (std::getline(std::cin, line)) {
        const json order = json::parse(line);
        const std::string what = order.at("do");
        const json result = what == "call"   ? call(calls, order)
                            : what == "sign" ? sign_it(order)
                                             : counters_of(calls);
        std::cout << result.dump() << std::endl;
    }
}
