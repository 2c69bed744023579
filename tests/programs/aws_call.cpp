// Drives sync/aws from a process test: one JSON object a line in, one a line out. The first line
// says what the client is like, each one after it is a thing to do:
//   {"do": "call", "service": "dynamodb" | "streams", "operation": "Scan", "body": {...}}
//   {"do": "sign", "method", "host", "path", "query", "headers": [[name, value]...], "sha256",
//   "region", "service",
//    "key", "secret", "token", "time_s", "s3": bool}
//   {"do": "counters" | "credentials" | "region"}
// With {"account": true, ...} region, endpoints and credentials are found as postern finds them;
// otherwise the first line has them. A call may have "threads": N, each making it once, and
// "stop_after_ms".
#include "base/log.hpp"
#include "sync/aws/account.hpp"
#include "sync/aws/client.hpp"
#include "sync/aws/curl_transport.hpp"
#include "sync/aws/sigv4.hpp"

#include <iostream>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

using namespace postern;
using namespace postern::sync::aws;
using std::chrono::milliseconds;

milliseconds time_at(const json& from, const char* name, milliseconds otherwise) {
    return milliseconds{from.value(name, otherwise.count())};
}

client_options options_of(const json& said) {
    client_options o;
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

/// A client of which the first line says everything.
struct told_client {
    told_client(const json& said, const base::clock& real, base::log& log)
        : time{real}, http{{.ca_file = said.value("ca_file", "")}},
          keys{{said.value("key", "local"), said.value("secret", "secret"), said.value("token", ""),
                std::nullopt, "test"}},
          dice{said.value("seed", 1U)} {
        client_options o = options_of(said);
        o.region = said.value("region", "us-east-1");
        const std::string dynamodb = said.value("endpoint", "http://127.0.0.1:8000");
        o.endpoints[0] = endpoint::parse(dynamodb).value();
        o.endpoints[1] = endpoint::parse(said.value("streams_endpoint", dynamodb)).value();
        const auto random = [this] {
            const std::scoped_lock lock{dice_mutex};
            return std::uniform_real_distribution<double>{}(dice);
        };
        calls = std::make_unique<client>(std::move(o),
                                         client_parts{http, keys, time, waiting, random, log});
    }
    corrected_clock time;
    curl_transport http;
    fixed_credentials keys;
    real_pause waiting;
    std::mutex dice_mutex;
    std::mt19937_64 dice;
    std::unique_ptr<client> calls;
};

json error_json(const base::failure& e) {
    return {{"error", name_of(static_cast<aws_error>(e.code.value()))},
            {"what", e.what},
            {"name", ""},
            {"details", nullptr}};
}
json error_json(const call_failure& e) {
    json all = error_json(static_cast<const base::failure&>(e));
    all["name"] = e.name;
    all["details"] = e.details;
    return all;
}

json call(client& with, const json& order) {
    const auto of =
        order.value("service", "dynamodb") == "streams" ? service::streams : service::dynamodb;
    const auto operation = order.at("operation").get<std::string>();
    std::stop_source stop;
    std::jthread stopper;
    if (order.contains("stop_after_ms"))
        stopper = std::jthread{[&] {
            std::this_thread::sleep_for(milliseconds{order.at("stop_after_ms").get<int>()});
            stop.request_stop();
        }};
    const auto once = [&] {
        auto got = with.call(of, operation, order.at("body"), stop.get_token());
        return got ? json{{"ok", std::move(*got)}} : error_json(got.error());
    };
    const std::size_t threads = order.value("threads", 1U);
    if (threads == 1)
        return once();
    std::vector<json> results(threads);
    {
        std::vector<std::jthread> running;
        for (json& result : results)
            running.emplace_back([&] { result = once(); });
    }
    return {{"ok", results}};
}

json credentials_of(credential_source& from) {
    const auto got = from.get({});
    if (!got)
        return error_json(got.error());
    const credentials& c = **got;
    return {{"ok",
             {{"key", c.access_key_id},
              {"secret", c.secret_access_key},
              {"token", c.session_token},
              {"source", c.source},
              {"expires_s",
               c.expires_at ? json(base::to_epoch_ms(*c.expires_at) / 1'000) : json(nullptr)}}}};
}

int refuse(const base::failure& why) {
    std::cout << error_json(why).dump() << std::endl;
    return 0;
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
    std::unique_ptr<told_client> told;
    std::unique_ptr<account> found;
    if (said.value("account", false)) {
        account_options o;
        o.region = said.value("region", "");
        o.profile = said.value("profile", "");
        o.endpoint = said.value("endpoint", "");
        o.streams_endpoint = said.value("streams_endpoint", "");
        o.ca_file = said.value("ca_file", "");
        o.client = options_of(said);
        auto opened = account::open(std::move(o), process_environment(), real, log);
        if (!opened)
            return refuse(opened.error());
        found = std::move(*opened);
    } else {
        told = std::make_unique<told_client>(said, real, log);
    }
    client& calls = found ? found->calls() : *told->calls;
    credential_source& keys = found ? found->keys() : told->keys;

    while (std::getline(std::cin, line)) {
        const json order = json::parse(line);
        const std::string what = order.at("do");
        const json result = what == "call"          ? call(calls, order)
                            : what == "sign"        ? sign_it(order)
                            : what == "credentials" ? credentials_of(keys)
                            : what == "region"      ? json{{"ok", calls.options().region}}
                                                    : counters_of(calls);
        std::cout << result.dump() << std::endl;
    }
}
