// Whatever an HTTP/2 client sends, in pieces, while requests are served beside each other: no
// crash, no request that HTTP/1.1 could not say, and an end to it.
#include "edge/http2/session.hpp"

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace postern::edge;
namespace base = postern::base;
using clock = http2_session::clock;

void must(bool holds) {
    if (!holds)
        std::abort();
}

/// Turns a loop a few times.
task<void> stop_later(event_loop& loop, waiter& turn, int turns) {
    for (int i = 0; i < turns; ++i) {
        loop.resume_next_turn(turn);
        [[maybe_unused]] const auto none = co_await turn.wait();
    }
    loop.stop();
}

struct served {
    explicit served(event_loop& loop) : client{loop} {}
    http2_stream client;
    bool running = false;
};

/// A router that answers each request in a way that its path's length chooses.
class router : http2_events {
  public:
    router()
        : session{{.streams_max = 8, .head = {.bytes_max = 4096, .fields_max = 20}}, *this, now} {}
    ~router() override {
        for (auto& s : streams)
            static_cast<void>(s->client.close());
        turn(4); // all that waits sees it
        for (const auto& s : streams)
            must(!s->running);
    }
    router(const router&) = delete;
    router& operator=(const router&) = delete;

    void receive(std::string_view bytes) {
        now += std::chrono::milliseconds{20};
        session.receive(bytes, now);
        for (served* s : std::exchange(arrived, {}))
            spawn(serve(*s, streams.size()));
        turn(1);
        std::vector<char> out(40'000);
        for (int i = 0; i < 4 && session.fill(out, now) > 0; ++i)
            turn(1);
    }
    [[nodiscard]] bool goes_on() const { return session.wants_input(); }

  private:
    void turn(int turns) {
        waiter here;
        spawn(stop_later(loop, here, turns));
        loop.run();
    }

    http2_stream* requested(request_text& head, request_text::verdict how, bool) override {
        if (how == request_text::verdict::good) {
            // One head, of HTTP/1.1's form, up to its end.
            const std::string text = std::string{head.text()} + "\r\n";
            must(text.size() <= 4096 + 256 && text.find("\r\n\r\n") == text.size() - 4);
            request_head read;
            const read_outcome outcome = read_request_head(text, {8192, 30}, read);
            must(outcome.state != read_state::more);
            must(outcome.state != read_state::done || read.head_bytes == text.size());
            must(!read.chunked);
        }
        if (streams.size() >= 64)
            return nullptr;
        streams.push_back(std::make_unique<served>(loop));
        arrived.push_back(streams.back().get());
        return &streams.back()->client;
    }
    void closed(http2_stream&) override {}
    void happened(what) override {}
    void has_output() override {}

    task<void> serve(served& s, std::size_t way) {
        using namespace std::chrono_literals;
        s.running = true;
        std::string body(way % 3 == 0 ? 200'000 : way % 3 == 1 ? 100 : 0, 'x');
        if (way % 5 == 4) { // reads first
            char bytes[1000];
            for (;;) {
                const read_result got = co_await s.client.read_some(bytes, 1s);
                if (got.error)
                    break;
            }
        }
        base::error_code error;
        if (way % 7 == 6)
            error = co_await s.client.write_all("HTTP/1.1 103 Early\r\nLink: x\r\n\r\n", 1s);
        if (!error)
            error =
                co_await s.client.write_all("HTTP/1.1 200 OK\r\nServer: x\r\n\r", "\n", body, 1s);
        s.client.finish(error || way % 11 == 10);
        s.running = false;
    }

    clock::time_point now{std::chrono::hours{1}};
    event_loop loop;
    std::vector<std::unique_ptr<served>> streams;
    std::vector<served*> arrived;

  public:
    http2_session session;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    if (size == 0)
        return 0;
    router r;
    std::string_view bytes{reinterpret_cast<const char*>(data), size};
    const std::size_t step = 1 + static_cast<unsigned char>(bytes.front()) * 7U;
    bytes.remove_prefix(1);
    r.receive(preface);
    while (!bytes.empty() && r.goes_on()) {
        r.receive(bytes.substr(0, step));
        bytes.remove_prefix(std::min(step, bytes.size()));
    }
    return 0;
}
