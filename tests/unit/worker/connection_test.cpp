#include "cache/segment.hpp"
#include "cache/session_writer.hpp"
#include "edge/settings/settings_loader.hpp"
#include "edge/worker/connection.hpp"
#include "tests/unit/net/socket_pair.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <string>
#include <thread>

namespace {

// What this thread asks of the heap while it counts.
std::atomic<bool> counting{false};
thread_local bool is_worker = false;
std::atomic<int> allocations{0};

void note() {
    if (is_worker && counting.load(std::memory_order_relaxed))
        allocations.fetch_add(1, std::memory_order_relaxed);
}

} // namespace

// Not inlined: GCC would see malloc where it expects new.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
    note();
    if (void* const memory = std::malloc(bytes))
        return memory;
    throw std::bad_alloc{};
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace postern::edge {
namespace {

using testing::socket_pair;

/// Listens on a free port of the loopback; answers each request on its first connection with the
/// same bytes.
class upstream {
  public:
    upstream() : listening_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        sockaddr_in where{};
        where.sin_family = AF_INET;
        where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof where;
        auto* const address = reinterpret_cast<sockaddr*>(&where);
        EXPECT_EQ(::bind(listening_.get(), address, size), 0);
        EXPECT_EQ(::listen(listening_.get(), 1), 0);
        EXPECT_EQ(::getsockname(listening_.get(), address, &size), 0);
        port = ntohs(where.sin_port);
        thread_ = std::jthread{[this] { serve(); }};
    }
    upstream(const upstream&) = delete;
    upstream& operator=(const upstream&) = delete;
    ~upstream() = default;

    std::uint16_t port = 0;

  private:
    void serve() const {
        const base::unique_fd peer{::accept(listening_.get(), nullptr, nullptr)};
        const std::string answer =
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n" +
            std::string(1024, 'x');
        char request[8192];
        while (::recv(peer.get(), request, sizeof request, 0) > 0)
            if (::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL) < 0)
                break;
    }
    base::unique_fd listening_;
    std::jthread thread_;
};

/// One round on a kept-alive connection; the answer's size is known from the upstream.
void ask(int connection) {
    constexpr std::string_view request =
        "GET /session/one/src/page.js?t=1 HTTP/1.1\r\nHost: edit.example.com\r\n"
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\nAccept-Encoding: gzip, "
        "br\r\n"
        "Referer: http://edit.example.com/session/one/\r\nCookie: a=b\r\n\r\n";
    ASSERT_EQ(::send(connection, request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    std::string got;
    char bytes[8192];
    while (!got.ends_with(std::string(1024, 'x'))) {
        const ssize_t n = ::recv(connection, bytes, sizeof bytes, 0);
        ASSERT_GT(n, 0);
        got.append(bytes, static_cast<std::size_t>(n));
    }
    ASSERT_TRUE(got.starts_with("HTTP/1.1 200 OK\r\n")) << got;
}

/// A worker's services over a table with one active session.
struct small_worker {
    explicit small_worker(std::uint16_t port) : conf{load()} {
        const std::string path = folder.string() + "/t";
        EXPECT_TRUE(cache::prepare(path, 100));
        auto writer = cache::session_writer::open(path);
        cache::route active;
        active.state = cache::route_state::active;
        active.version = 1;
        active.target = base::ip_endpoint::parse("127.0.0.1:" + std::to_string(port)).value();
        active.set_text("one", "");
        EXPECT_EQ(writer->put("one", active), cache::put_result::inserted);
    }
    ~small_worker() { std::filesystem::remove_all(folder); }
    small_worker(const small_worker&) = delete;
    small_worker& operator=(const small_worker&) = delete;

    settings load() {
        folder = std::filesystem::temp_directory_path() /
                 ("postern_connection_" + std::to_string(::getpid()));
        std::filesystem::create_directory(folder);
        return parse_settings(
                   "session_table t capacity=100; store sqlite s.db; route_key {threadId};"
                   "control { token_file token; }"
                   "server { listen 127.0.0.1:8080;"
                   "location /session/{threadId}/ { session; dev_server vite; } }",
                   folder.string() + "/p.conf")
            .value();
    }

    std::filesystem::path folder;
    settings conf;
};

TEST(connection, a_kept_alive_proxied_request_asks_nothing_of_the_heap) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "coroutine frames are not pooled under AddressSanitizer";
#endif
    const upstream target;
    const small_worker small{target.port};
    socket_pair pair;
    const base::system_clock time;
    base::log log{STDERR_FILENO, base::log_level::warn, "test", time};
    auto table = cache::session_reader::open(small.folder.string() + "/t", 0);
    ASSERT_TRUE(table);
    block_pool blocks;
    std::vector<char> scratch(block_pool::block_bytes);
    response_head answer;
    pipe_pool pipes;
    upstream_pool upstreams{pair.loop, small.conf.timeouts, small.conf.limits, *table};
    waiting_room waiting{pair.loop, *table};
    location_index index{small.conf};
    const base::unique_fd nowhere{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
    access_log access{nowhere.get(), access_log_format::combined};
    services lent{.loop = pair.loop,
                  .conf = small.conf,
                  .time = time,
                  .log = log,
                  .table = *table,
                  .blocks = blocks,
                  .scratch = scratch,
                  .answer = answer,
                  .pipes = pipes,
                  .upstreams = upstreams,
                  .waiting = waiting,
                  .index = index,
                  .access = &access,
                  .control_token = {},
                  .pages = {},
                  .built_in_pages = {},
                  .tunnels = {},
                  .in_flight = {},
                  .idle = {}};

    const std::jthread client{[&] {
        for (int i = 0; i < 300; ++i) {
            if (i == 100)
                counting = true;
            ask(pair.far.get());
        }
        counting = false;
        ::shutdown(pair.far.get(), SHUT_RDWR);
    }};
    is_worker = true;
    pair.run(run_connection(lent, std::move(pair.near), *base::ip_address::parse("127.0.0.1"), 0));
    is_worker = false;
    EXPECT_EQ(allocations, 0) << "in 200 requests";
    upstreams.clear(); // the target's thread ends with its connection
}

} // namespace
} // namespace postern::edge
