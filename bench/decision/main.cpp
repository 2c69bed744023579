// What a decision costs: from a request's bytes to its target, step by step. README.md says how to
// read the figures.
#include "base/clock.hpp"
#include "cache/segment.hpp"
#include "cache/session_reader.hpp"
#include "cache/session_writer.hpp"
#include "edge/http/request_head.hpp"
#include "edge/http/response_head.hpp"
#include "edge/request/decide.hpp"
#include "edge/request/locate.hpp"
#include "edge/request/rewrite.hpp"
#include "edge/request/session_key.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <unistd.h>
#include <utility>
#include <vector>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace postern::edge {
namespace {

constexpr std::string_view host = "edit.acme.example.com";

/// The fields that Chromium sends for a module, without the request line.
constexpr std::string_view browser_fields =
    "Host: edit.acme.example.com\r\n"
    "Connection: keep-alive\r\n"
    "sec-ch-ua-platform: \"Linux\"\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36\r\n"
    "Accept: */*\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "Sec-Fetch-Mode: cors\r\n"
    "Sec-Fetch-Dest: script\r\n"
    "Referer: http://edit.acme.example.com/session/3f9c2d7e8a1b4c5d/\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-US,en;q=0.9\r\n\r\n";

[[noreturn]] void give_up(const std::string& why) {
    std::fprintf(stderr, "bench_decision: %s\n", why.c_str());
    std::exit(1);
}

template <class T>
T value_or_give_up(base::result<T> result) {
    if (!result)
        give_up(result.error().text());
    return std::move(*result);
}

capture_pattern pattern(std::vector<capture_pattern::piece> pieces) {
    capture_pattern made;
    for (const capture_pattern::piece& p : pieces)
        made.text += p.is_capture ? "{" + p.text + "}" : p.text;
    made.pieces = std::move(pieces);
    return made;
}

location_settings location(std::vector<capture_pattern::piece> path, enum handler handler) {
    location_settings made;
    made.path = pattern(std::move(path));
    made.handler = handler;
    made.route_key = *base::text_template::parse("{clientId}-{threadId}");
    made.header_capture = "threadId";
    return made;
}

/// The shape of the example conf: a shared host with sessions below a prefix, and a host for each.
settings example() {
    server_settings shared;
    shared.listens.push_back({.address = *base::ip_endpoint::parse("127.0.0.1:80")});
    shared.names.push_back(pattern({{"edit."}, {"clientId", true}, {".example.com"}}));
    shared.locations = {
        location({{"/session/"}, {"threadId", true}, {"/"}}, handler::session),
        location({{"/session/"}, {"threadId", true}, {"/api/"}}, handler::session),
        location({{"/api/sessions/"}}, handler::control),
        location({{"/hermes/"}}, handler::proxy),
        location({{"/"}}, handler::static_files),
    };
    shared.locations[0].sources.referer = true;
    server_settings own = shared;
    own.names = {pattern({{"threadId", true}, {".edit."}, {"clientId", true}, {".example.com"}})};
    own.locations = {location({{"/"}}, handler::session)};
    settings conf;
    conf.servers = {own, shared};
    conf.allow_targets = {*base::ip_network::parse("127.0.0.0/8"),
                          *base::ip_network::parse("10.0.0.0/8")};
    return conf;
}

std::string thread_of(std::uint64_t session) {
    std::uint64_t x = session * 0x9e3779b97f4a7c15U;
    x ^= x >> 29U;
    return fmt::format("{:016x}", x * 0xbf58476d1ce4e5b9U);
}

/// A table of sessions and the paths that lead to them, in random order.
class world {
  public:
    explicit world(std::uint64_t sessions) : conf_{example()}, index_{conf_} {
        file_ = (std::filesystem::temp_directory_path() /
                 fmt::format("bench_decision.{}.{}", ::getpid(), sessions))
                    .string();
        if (auto made = cache::prepare(file_, sessions); !made)
            give_up(made.error().text());
        auto writer = value_or_give_up(cache::session_writer::open(file_));
        cache::route route;
        route.state = cache::route_state::active;
        route.target = *base::ip_endpoint::parse("10.1.2.3:4321");
        for (std::uint64_t i = 0; i < sessions; ++i) {
            const std::string thread = thread_of(i);
            route.version = 1;
            route.set_text(thread, {});
            if (writer.put("acme-" + thread, route) != cache::put_result::inserted)
                give_up("the table refused a session");
            paths_.push_back("/session/" + thread + "/src/pages/index.astro");
        }
        std::shuffle(paths_.begin(), paths_.end(), std::mt19937_64{1});
        table_.emplace(value_or_give_up(cache::session_reader::open(file_, 0)));
        bytes_ = "GET " + paths_.front() + " HTTP/1.1\r\n" + std::string{browser_fields};
        if (read_request_head(bytes_, {}, head_).state != read_state::done)
            give_up("the head was refused");
    }
    world(const world&) = delete;
    world& operator=(const world&) = delete;
    ~world() { std::filesystem::remove(file_); }

    /// The next request; its fields are always the same. It has just been read, so its path is in
    /// the cache, as the fields are: those to come are brought there meanwhile.
    const request_head& next(std::uint64_t step) {
        at_ += step;
        if (at_ >= paths_.size())
            at_ = 0;
        head_.path = head_.target = paths_[at_];
        const std::string& soon = paths_[(at_ + 4) % paths_.size()];
        __builtin_prefetch(soon.data());
        __builtin_prefetch(soon.data() + soon.size());
        return head_;
    }
    [[nodiscard]] const settings& conf() const { return conf_; }
    [[nodiscard]] const location_index& index() const { return index_; }
    [[nodiscard]] const cache::session_reader& table() const { return *table_; }

  private:
    settings conf_;
    location_index index_;
    std::string file_;
    std::vector<std::string> paths_;
    std::optional<cache::session_reader> table_;
    std::string bytes_;
    request_head head_;
    std::size_t at_ = 0;
};

world& world_of(std::uint64_t sessions) {
    static std::map<std::uint64_t, std::unique_ptr<world>> kept;
    auto& made = kept[sessions];
    if (!made)
        made = std::make_unique<world>(sessions);
    return *made;
}

/// How far a request goes in one measurement.
enum class until { located, keyed, looked_up, decided };

/// What one worker keeps from request to request.
class decider {
  public:
    explicit decider(const world& in) : in_{in} {}

    /// Whether it came out as it must.
    bool decide_up_to(until last, const request_head& head) {
        in_.index().locate(0, head, where_);
        bool right = where_.location != nullptr;
        if (last >= until::keyed) {
            session_key_of(in_.index(), where_, head, key_);
            right = right && key_.outcome == key_outcome::found;
        }
        if (last >= until::looked_up)
            right = right && in_.table().look_up(key_.key, in_.table().hash_of(key_.key), route_);
        if (last >= until::decided) {
            const decision made = decide(kind_of(head), {.route = &route_}, *where_.location,
                                         in_.conf().allow_targets, now_);
            right = right && made.action == action::proxy;
        }
        return right;
    }

  private:
    const world& in_;
    const base::wall_time now_ = base::system_clock{}.wall();
    located where_;
    session_key key_;
    cache::route route_;
};

void decide_requests(benchmark::State& state, until last) {
    world& in = world_of(static_cast<std::uint64_t>(state.range(0)));
    decider by{in};
    std::uint64_t step = 1;
    for (auto _ : state) {
        // The next request is known only when this one is decided: they must not overlap.
        const bool right = by.decide_up_to(last, in.next(step));
        step = right ? 1 : 2;
        benchmark::DoNotOptimize(step);
        if (!right) {
            state.SkipWithError("a request was decided wrongly");
            break;
        }
    }
}

#if defined(__x86_64__)
/// Waits for all before it, so that what is timed lies between two of these.
std::uint64_t ticks() {
    _mm_lfence();
    const std::uint64_t now = __rdtsc();
    _mm_lfence();
    return now;
}

/// Each decision by itself: percentiles of their times, less what taking the time costs.
void time_each_decision(benchmark::State& state) {
    world& in = world_of(static_cast<std::uint64_t>(state.range(0)));
    decider by{in};
    std::vector<std::uint64_t> times, empty;
    times.reserve(state.max_iterations);
    empty.reserve(state.max_iterations);
    std::uint64_t step = 1;
    const auto began = std::chrono::steady_clock::now();
    const std::uint64_t first = ticks();
    for (auto _ : state) {
        const request_head& head = in.next(step);
        const std::uint64_t start = ticks();
        const bool right = by.decide_up_to(until::decided, head);
        step = right ? 1 : 2;
        benchmark::DoNotOptimize(step);
        times.push_back(ticks() - start);
        const std::uint64_t idle = ticks();
        empty.push_back(ticks() - idle);
    }
    const std::uint64_t last = ticks();
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - began;
    const double ns = took.count() / static_cast<double>(last - first);
    const auto percentile = [ns](std::vector<std::uint64_t>& of, double part) {
        const auto at =
            of.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(of.size() - 1));
        std::nth_element(of.begin(), at, of.end());
        return ns * static_cast<double>(*at);
    };
    const double overhead = percentile(empty, 0.5);
    for (const auto& [name, part] : {std::pair{"p50_ns", 0.5}, {"p90_ns", 0.9}, {"p99_ns", 0.99}})
        state.counters[name] = percentile(times, part) - overhead;
}

#endif

void read_requests(benchmark::State& state) {
    const std::string bytes =
        "GET /session/3f9c2d7e8a1b4c5d/src/app.js?t=1 HTTP/1.1\r\n" + std::string{browser_fields};
    request_head head;
    for (auto _ : state) {
        if (read_request_head(bytes, {}, head).state != read_state::done)
            state.SkipWithError("the head was refused");
        benchmark::DoNotOptimize(head);
    }
    state.counters["bytes"] = static_cast<double>(bytes.size());
}

void write_requests(benchmark::State& state) {
    const std::string bytes =
        "GET /session/3f9c2d7e8a1b4c5d/src/app.js?t=1 HTTP/1.1\r\n" + std::string{browser_fields};
    request_head head;
    if (read_request_head(bytes, {}, head).state != read_state::done)
        give_up("the head was refused");
    const request_rewrite how{.path = "/src/app.js",
                              .host = "localhost:4321",
                              .client_address = "192.0.2.7",
                              .prefix = "/session/3f9c2d7e8a1b4c5d",
                              .session_id = "acme-3f9c2d7e8a1b4c5d",
                              .rewrite_origin = true};
    std::string out;
    for (auto _ : state) {
        out.clear();
        write_request_head(out, head, how);
        benchmark::DoNotOptimize(out.data());
    }
}

void read_and_write_responses(benchmark::State& state) {
    const std::string bytes =
        "HTTP/1.1 200 OK\r\nVary: Origin\r\nContent-Type: text/javascript\r\n"
        "Cache-Control: no-cache\r\nEtag: W/\"3f1-abcdefghijklmnopqrstuvw\"\r\n"
        "Date: Sat, 21 Nov 2026 05:00:00 GMT\r\nConnection: keep-alive\r\n"
        "Keep-Alive: timeout=5\r\nContent-Length: 1024\r\n\r\n";
    response_head head;
    std::string out;
    for (auto _ : state) {
        if (read_response_head(bytes, {}, method::get, head).state != read_state::done)
            state.SkipWithError("the head was refused");
        out.clear();
        benchmark::DoNotOptimize(write_response_head(
            out, head, method::get,
            {.prefix = "/session/x", .upstream_origin = "http://localhost:4321"}));
    }
}

void register_all() {
    const std::pair<const char*, until> steps[] = {
        {"decision/locate", until::located},
        {"decision/locate+key", until::keyed},
        {"decision/locate+key+look_up", until::looked_up},
        {"decision/whole", until::decided}};
    for (const auto& [name, last] : steps)
        benchmark::RegisterBenchmark(name, decide_requests, last)
            ->Arg(100)
            ->Arg(10'000)
            ->Arg(1'000'000);
#if defined(__x86_64__)
    benchmark::RegisterBenchmark("decision/each", time_each_decision)
        ->Arg(100)
        ->Arg(10'000)
        ->Arg(1'000'000)
        ->Iterations(2'000'000);
#endif
    benchmark::RegisterBenchmark("head/read_request", read_requests);
    benchmark::RegisterBenchmark("head/write_request", write_requests);
    benchmark::RegisterBenchmark("head/read+write_response", read_and_write_responses);
}

} // namespace
} // namespace postern::edge

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 1;
    postern::edge::register_all();
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
