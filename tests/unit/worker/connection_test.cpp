#include "edge/worker/connection.hpp"
#include "tests/unit/net/socket_pair.hpp"
#include "tests/unit/request/small_worker.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
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

TEST(connection, a_kept_alive_proxied_request_asks_nothing_of_the_heap) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "coroutine frames are not pooled under AddressSanitizer";
#endif
    const target dev_server{answer_all};
    socket_pair pair;
    small_worker worker{pair.loop, dev_server.port};
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
    pair.run(run_connection(worker.lent, std::move(pair.near),
                            *base::ip_address::parse("127.0.0.1"), 0));
    is_worker = false;
    EXPECT_EQ(allocations, 0) << "in 200 requests";
    worker.upstreams.clear(); // the target's thread ends with its connection
}

} // namespace
} // namespace postern::edge
