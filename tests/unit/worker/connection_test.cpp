#include "edge/worker/connection.hpp"
#include "tests/unit/net/socket_pair.hpp"
#include "tests/unit/request/small_worker.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <list>
#include <malloc.h>
#include <new>
#include <string>
#include <thread>

namespace {

// What this thread asks of the heap while it counts.
std::atomic<bool> counting{false};
thread_local bool is_worker = false;
std::atomic<int> allocations{0};
std::size_t bytes_held = 0; // by the worker's thread, with what malloc adds to a block

void note(void* memory) {
    if (!is_worker)
        return;
    bytes_held += malloc_usable_size(memory) + sizeof(std::size_t);
    if (counting.load(std::memory_order_relaxed))
        allocations.fetch_add(1, std::memory_order_relaxed);
}

void note_end(void* memory) {
    if (is_worker && memory != nullptr)
        bytes_held -= malloc_usable_size(memory) + sizeof(std::size_t);
}

} // namespace

// Not inlined: GCC would see malloc where it expects new.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
    if (void* const memory = std::malloc(bytes)) {
        note(memory);
        return memory;
    }
    throw std::bad_alloc{};
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    note_end(memory);
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
    note_end(memory);
    std::free(memory);
}

namespace postern::edge {
namespace {

using testing::small_worker;
using testing::socket_pair;
using testing::target;

/// The same answer to each request.
void answer_all(int connection) {
    const std::string answer =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n" +
        std::string(1024, 'x');
    char request[8192];
    while (::recv(connection, request, sizeof request, 0) > 0)
        if (::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL) < 0)
            break;
}

/// One round on a kept-alive connection; the answer's size is known from the upstream.
void ask(int connection, const std::string& more_fields) {
    const std::string request =
        "GET /session/one/src/page.js?t=1 HTTP/1.1\r\nHost: edit.example.com\r\n"
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\nAccept-Encoding: gzip, "
        "br\r\n"
        "Referer: http://edit.example.com/session/one/\r\nCookie: a=b\r\n" +
        more_fields + "\r\n";
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

/// How often the worker asks the heap in 200 requests on a connection that has served 100.
int allocations_of_requests(const std::string& more_fields) {
    allocations = 0;
    const target dev_server{answer_all};
    socket_pair pair;
    small_worker worker{pair.loop, dev_server.port};
    worker.hurry(); // what is worked out once a second is worked out here
    const std::jthread client{[&] {
        for (int i = 0; i < 300; ++i) {
            if (i == 100)
                counting = true;
            ask(pair.far.get(), more_fields);
        }
        counting = false;
        ::shutdown(pair.far.get(), SHUT_RDWR);
    }};
    is_worker = true;
    pair.run(run_connection(worker.lent, std::move(pair.near),
                            *base::ip_address::parse("127.0.0.1"), 0));
    is_worker = false;
    worker.upstreams.clear(); // the target's thread ends with its connection
    return allocations;
}

TEST(connection, a_kept_alive_proxied_request_asks_nothing_of_the_heap) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "coroutine frames are not pooled under AddressSanitizer";
#endif
    EXPECT_EQ(allocations_of_requests({}), 0);
    std::string many; // more fields than a head has room for in itself
    for (int i = 0; i < 24; ++i)
        many += "X-Field-" + std::to_string(i) + ": some value\r\n";
    EXPECT_EQ(allocations_of_requests(many), 0);
}

/// A WebSocket's 101, and then an echo of all bytes.
void echo(int connection) {
    constexpr std::string_view answer =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    char bytes[8192];
    ssize_t n = ::recv(connection, bytes, sizeof bytes, 0);
    n = ::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
    while (n > 0 && (n = ::recv(connection, bytes, sizeof bytes, 0)) > 0)
        n = ::send(connection, bytes, static_cast<std::size_t>(n), MSG_NOSIGNAL);
}

/// As Chromium opens one.
constexpr std::string_view handshake =
    "GET /session/one/?token=xFgjVTNlWwhA HTTP/1.1\r\nHost: edit.example.com\r\n"
    "Connection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36\r\nUpgrade: websocket\r\nOrigin: "
    "http://edit.example.com\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, "
    "br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\nCookie: postern_session=/session/one\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: "
    "permessage-deflate; client_max_window_bits\r\nSec-WebSocket-Protocol: vite-hmr\r\n\r\n";

/// Sends `bytes` and reads until the answer ends with `end`.
task<void> talk(tcp_stream& to, std::string_view bytes, std::string_view end) {
    constexpr std::chrono::seconds at_most{30};
    const auto error = co_await to.write_all(bytes, at_most);
    EXPECT_FALSE(error);
    char read[1024];
    std::string got;
    while (!got.ends_with(end)) {
        const read_result some = co_await to.read_some(read, at_most);
        if (some.error) {
            ADD_FAILURE() << some.error.message() << " behind: " << got;
            break;
        }
        got.append(read, some.bytes);
    }
}

struct socket_client {
    socket_client(event_loop& loop, socket_pair& pair)
        : near{std::move(pair.near)}, far{loop, pair.far_for_stream()} {}
    base::unique_fd near;
    tcp_stream far;
};

/// Opens them one after the other; `bytes_before`: held when the first few were open, and so what
/// all share was there.
task<void> open_sockets(services& worker, std::list<socket_client>& clients, std::size_t few,
                        std::size_t& bytes_before) {
    for (socket_client& c : clients) {
        if (few-- == 0)
            bytes_before = bytes_held;
        spawn(run_connection(worker, std::move(c.near), *base::ip_address::parse("127.0.0.1"), 0));
        co_await talk(c.far, handshake, "\r\n\r\n");
        co_await talk(c.far, "\x81\x85zzzzhello", "hello");
    }
}

task<void> close_sockets(std::list<socket_client>& clients) {
    for (socket_client& c : clients) {
        c.far.shutdown_send();
        char none[1];
        const read_result end = co_await c.far.read_some(none, std::chrono::seconds{30});
        EXPECT_EQ(end.error, end_of_stream());
    }
}

TEST(connection, an_idle_socket_keeps_little_memory) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "coroutine frames are not pooled under AddressSanitizer";
#endif
    constexpr std::size_t few = 8, all = 72;
    const target dev_server{echo};
    socket_pair pair;
    small_worker worker{pair.loop, dev_server.port};
    std::list<socket_client> clients;
    for (std::size_t i = 0; i < all; ++i) {
        socket_pair connected;
        clients.emplace_back(pair.loop, connected);
    }
    std::size_t bytes_before = 0;
    is_worker = true;
    pair.run(open_sockets(worker.lent, clients, few, bytes_before));
    const std::size_t each = (bytes_held - bytes_before) / (all - few);
    RecordProperty("bytes", static_cast<int>(each));
    EXPECT_LE(each, 8000U);
    pair.run(close_sockets(clients));
    is_worker = false;
}

} // namespace
} // namespace postern::edge
