// The whole path of a request, with a client that leaves at every point of it.
#include "edge/request/serve.hpp"
#include "tests/unit/net/failing_stream.hpp"
#include "tests/unit/net/socket_pair.hpp"
#include "tests/unit/request/small_worker.hpp"

#include <fstream>
#include <functional>

namespace postern::edge {
namespace {

using testing::failing_stream;
using testing::small_worker;
using testing::target;

bool is_whole_upload(const std::string& got) {
    const bool chunked = got.find("chunked") != std::string::npos;
    return got.find('.', got.find("\r\n\r\n")) != std::string::npos &&
           (!chunked || got.ends_with("0\r\n\r\n"));
}

/// Answers a request whose body ends in "." or that has none; a handshake gets a 101 and its
/// bytes back.
void converse(int connection) {
    std::string got;
    char bytes[4096];
    bool is_socket = false;
    for (ssize_t n; (n = ::recv(connection, bytes, sizeof bytes, 0)) > 0;) {
        got.append(bytes, static_cast<std::size_t>(n));
        const std::size_t head_end = got.find("\r\n\r\n");
        std::string answer;
        if (is_socket) {
            answer = std::exchange(got, {});
        } else if (head_end == std::string::npos) {
            continue;
        } else if (got.find("websocket") != std::string::npos) {
            is_socket = true;
            answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                     "Upgrade: websocket\r\n\r\n" +
                     got.substr(head_end + 4);
            got.clear();
        } else if (got.starts_with("GET /chunks ")) {
            answer = "HTTP/1.1 200 OK\r\nDate: now\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
            got.clear();
        } else if (got.starts_with("GET ") || is_whole_upload(got)) {
            answer = "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 300000\r\n\r\n" +
                     std::string(300'000, 'x');
            got.clear();
        }
        if (::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL) < 0)
            return;
    }
}

struct outcome {
    std::string got;
    bool failed = false;
};

/// One request from a client whose operations fail from `fail_at` on.
outcome run(event_loop& loop, services& worker, const std::string& head, const std::string& body,
            std::size_t piece, std::size_t fail_at) {
    failing_stream client{loop, body, piece, fail_at};
    input_buffer input;
    input.append(head);
    const connection_peer peer{*base::ip_address::parse("127.0.0.1"), "127.0.0.1"};
    exchange x{worker, client, input, peer, 0};
    EXPECT_EQ(read_request_head(input.view(), {}, x.head).state, read_state::done) << head;
    x.close_after = !x.head.keep_alive;
    spawn([](event_loop& own, exchange& served) -> task<void> {
        co_await serve(served);
        own.stop();
    }(loop, x));
    loop.run();
    return {client.got, client.has_failed()};
}

/// Without the lines that depend on the moment: an answer that overtakes its request's body ends
/// the connection.
std::string steady_part(std::string text) {
    for (const char* name : {"Date: ", "Connection: close"}) {
        const std::size_t at = text.find(name);
        if (at != std::string::npos)
            text.erase(at, text.find("\r\n", at) + 2 - at);
    }
    return text;
}

struct request_case {
    const char* name;
    std::string head, body;
    const char* in_answer;
};

class serve_test : public ::testing::Test {
  protected:
    event_loop loop;
    target dev_server{converse};
    small_worker worker{loop, dev_server.port};
    ~serve_test() override { worker.upstreams.clear(); }
};

const request_case requests[] = {
    {"proxied", "GET /session/one/x HTTP/1.1\r\nHost: h\r\n\r\n", "", "HTTP/1.1 200 OK\r\n"},
    {"chunked answer", "GET /session/one/chunks HTTP/1.1\r\nHost: h\r\n\r\n", "", "hello"},
    {"chunked answer to HTTP/1.0", "GET /session/one/chunks HTTP/1.0\r\nHost: h\r\n\r\n", "",
     "hello world"},
    {"upload", "POST /session/one/x HTTP/1.1\r\nHost: h\r\nContent-Length: 20004\r\n\r\n",
     std::string(20'000, 'a') + "end.", "200 OK"},
    {"chunked upload",
     "POST /session/one/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
     "8\r\naaaaaaaa\r\n4;x=y\r\nend.\r\n0\r\n\r\n", "200 OK"},
    {"upload after a word",
     "POST /session/one/x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: "
     "4\r\n\r\n",
     "end.", "100 Continue"},
    {"upload that breaks off",
     "POST /session/one/x HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n", "only",
     "400 Bad Request"},
    {"WebSocket",
     "GET /session/one/ HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
     "frames", "101 Switching"},
    {"unknown", "GET /session/two/ HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\n\r\n", "",
     "404 Not Found"},
    {"file", "GET /static/big.txt HTTP/1.1\r\nHost: h\r\n\r\n", "", "200 OK"},
};

TEST_F(serve_test, a_client_may_leave_at_any_point) {
    std::ofstream{worker.folder / "big.txt"} << std::string(200'000, 'f');
    for (const request_case& c : requests) {
        for (const std::size_t piece : {1'000'000U, 3'000U, 7U}) {
            if (piece == 7 && c.body.size() > 1000)
                continue; // thousands of operations, and each is a run
            SCOPED_TRACE(::testing::Message() << c.name << " in pieces of " << piece);
            const outcome good = run(loop, worker.lent, c.head, c.body, piece, ~std::size_t{0});
            ASSERT_NE(good.got.find(c.in_answer), std::string::npos) << good.got.substr(0, 300);
            for (std::size_t fail_at = 0;; ++fail_at) {
                ASSERT_LT(fail_at, 1000U) << "it does not end";
                const outcome bad = run(loop, worker.lent, c.head, c.body, piece, fail_at);
                if (!bad.failed)
                    break;
                EXPECT_TRUE(steady_part(good.got).starts_with(steady_part(bad.got)) ||
                            bad.got.starts_with("HTTP/1.1 400 "))
                    << "at operation " << fail_at << ": " << bad.got.substr(0, 300);
            }
        }
    }
}

TEST_F(serve_test, what_a_client_gets_does_not_hang_on_how_it_sends) {
    std::ofstream{worker.folder / "big.txt"} << std::string(200'000, 'f');
    for (const request_case& c : requests) {
        const outcome whole = run(loop, worker.lent, c.head, c.body, 1'000'000, ~std::size_t{0});
        for (const std::size_t piece : {1U, 2U, 5U, 16'000U}) {
            const outcome pieces = run(loop, worker.lent, c.head, c.body, piece, ~std::size_t{0});
            EXPECT_TRUE(steady_part(pieces.got) == steady_part(whole.got)) << c.name << piece;
        }
    }
}

} // namespace
} // namespace postern::edge
