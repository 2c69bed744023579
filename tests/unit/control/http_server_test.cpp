// The HTTP server alone: what it does with those who show no token, and with what is no HTTP.
#include "control/http_server.hpp"
#include "http_client.hpp"

#include <gtest/gtest.h>

#include <poll.h>

namespace postern::control::test {
namespace {

using clock = std::chrono::steady_clock;

const std::string good = "Authorization: Bearer good\r\n";

/// "Bearer good" opens everything, /open needs nothing, /no is refused; answers with the body.
class http_server_test : public ::testing::Test {
  protected:
    http_server_test() {
        options_.token_within = 1s; // the library counts whole seconds
        options_.idle_within = 3s;
        options_.threads = 1;
        options_.body_bytes_max = 1000;
    }
    /// No deadline ends anything within a test.
    void serve_patiently() {
        options_.token_within = options_.idle_within = options_.body_within = 60s;
        serve();
    }
    void serve() {
        listener_ = listen_on(0);
        server_ =
            http_server::start(listener_.fd.get(), options_,
                               {[](const http_request& r) { return judged(r); },
                                [](const http_request& r) {
                                    return http_answer{200, "text/plain", "got " + r.body, {}};
                                }},
                               numbers_, quiet_log())
                .value();
    }
    static head_verdict judged(const http_request& r) {
        head_verdict v{r.authorization == "Bearer good", std::nullopt};
        EXPECT_EQ(r.body, "");
        if (!v.is_trusted && r.path != "/open")
            v.refusal = http_answer{401, "text/plain", "who?", {}};
        else if (r.is_body_too_large)
            v.refusal = http_answer{413, "text/plain", "too large", {}};
        else if (r.path == "/no")
            v.refusal = http_answer{404, "text/plain", "no", {}};
        return v;
    }
    reply raw(const std::string& bytes) { return send_raw(listener_.port, bytes); }
    base::unique_fd connect_and_send(const std::string& bytes = "") {
        base::unique_fd fd = connect_to(listener_.port);
        EXPECT_EQ(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(bytes.size()));
        return fd;
    }
    /// The first bytes of an answer; empty when the connection was closed instead.
    static std::string read_some(const base::unique_fd& fd) {
        char some[4096];
        const ssize_t n = receive(fd, some, sizeof some);
        return n > 0 ? std::string(some, static_cast<std::size_t>(n)) : "";
    }
    static bool is_open(const base::unique_fd& fd) {
        ::pollfd p{fd.get(), POLLIN, 0};
        return ::poll(&p, 1, 0) == 0;
    }

    http_server_options options_;
    metrics numbers_;
    listening_socket listener_;
    std::unique_ptr<http_server> server_;
};

TEST_F(http_server_test, answers_a_head_without_a_token_before_any_body) {
    serve_patiently();
    for (const char* promise :
         {"Content-Length: 500\r\n", "Content-Length: 99999999999\r\n",
          "Transfer-Encoding: chunked\r\n", "Expect: 100-continue\r\nContent-Length: 500\r\n"}) {
        const reply refused =
            raw(std::string{"POST /x HTTP/1.1\r\nHost: x\r\n"} + promise + "\r\n");
        EXPECT_EQ(refused.status, 401) << promise;
        EXPECT_EQ(refused.body, "who?") << promise;
        EXPECT_TRUE(refused.has_field("Connection: close")) << refused.head;
        const reply open = raw(std::string{"GET /open HTTP/1.1\r\nHost: x\r\n"} + promise + "\r\n");
        const bool is_too_large = std::string_view{promise}.find("999") != std::string_view::npos;
        EXPECT_EQ(open.status, is_too_large ? 413 : 200) << promise;
        EXPECT_TRUE(refused.was_closed && open.was_closed) << promise;
    }
    // One that sends its body all the same still hears why.
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(raw("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" +
                      std::string(200'000, 'x'))
                      .status,
                  401);
    EXPECT_TRUE(eventually([&] { return numbers_.connections == 0; }));
}

TEST_F(http_server_test, refuses_a_trusted_request_from_its_head_too) {
    serve_patiently();
    const reply no = raw("POST /no HTTP/1.1\r\nHost: x\r\n" + good + "Content-Length: 500\r\n\r\n");
    EXPECT_EQ(no.status, 404);
    EXPECT_TRUE(no.has_field("Connection: close"));
    EXPECT_TRUE(no.was_closed);
    // Without a body the connection can stay; and too large a body is read off, to keep it.
    const std::string ask = "GET /no HTTP/1.1\r\nHost: x\r\n" + good + "\r\n";
    const base::unique_fd fd = connect_and_send(ask);
    EXPECT_NE(read_some(fd).find("404"), std::string::npos);
    const std::string large =
        "POST /x HTTP/1.1\r\nHost: x\r\n" + good + "Content-Length: 1001\r\n\r\n";
    const std::string all = large + std::string(1001, 'x');
    ASSERT_EQ(::send(fd.get(), all.data(), all.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(all.size()));
    EXPECT_NE(read_some(fd).find("413"), std::string::npos);
    ASSERT_EQ(::send(fd.get(), ask.data(), ask.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(ask.size()));
    EXPECT_NE(read_some(fd).find("404"), std::string::npos);
}

TEST_F(http_server_test, only_a_good_token_buys_the_long_deadline) {
    options_.token_within = 2s; // a busy machine answers within it
    options_.idle_within = 8s;  // and does not take the one for the other
    serve();
    const auto began = clock::now();
    const std::string end = "\r\n";
    const base::unique_fd silent = connect_and_send();
    const base::unique_fd half_a_head = connect_and_send("GET /x HTTP/1.1\r\nHost");
    const base::unique_fd open = connect_and_send("GET /open HTTP/1.1\r\nHost: x\r\n\r\n");
    const base::unique_fd trusted =
        connect_and_send("GET /open HTTP/1.1\r\nHost: x\r\n" + good + end);
    EXPECT_NE(read_some(open).find("200"), std::string::npos);
    EXPECT_NE(read_some(trusted).find("200"), std::string::npos);
    EXPECT_EQ(read_some(silent), "");
    EXPECT_EQ(read_some(half_a_head), "");
    EXPECT_EQ(read_some(open), "");
    EXPECT_TRUE(is_open(trusted));
    EXPECT_EQ(read_some(trusted), "");
    EXPECT_GT(clock::now() - began, 7900ms);
    EXPECT_TRUE(eventually([&] { return numbers_.connections == 0; }));
    EXPECT_EQ(numbers_.connections_refused, 0U);
}

TEST_F(http_server_test, the_oldest_without_a_token_makes_room) {
    options_.connections_max = 20;
    options_.token_within = 60s;
    options_.idle_within = 60s;
    serve();
    EXPECT_EQ(numbers_.connections_max, 20U);
    const base::unique_fd trusted =
        connect_and_send("GET /open HTTP/1.1\r\nHost: x\r\n" + good + "\r\n");
    EXPECT_NE(read_some(trusted).find("200"), std::string::npos);
    std::vector<base::unique_fd> idle;
    for (int i = 0; i < 200; ++i)
        idle.push_back(connect_and_send(i % 2 ? "" : "GET /open HTTP/1.1\r\n"));
    EXPECT_EQ(raw("GET /open HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status, 200);
    EXPECT_TRUE(eventually([&] { return numbers_.connections <= 20; }));
    EXPECT_GE(numbers_.connections_refused, 180U);
    EXPECT_TRUE(is_open(trusted)) << "it was the first of all";
    EXPECT_FALSE(is_open(idle[0]));
    EXPECT_TRUE(is_open(idle[199]));
    idle.clear();
    EXPECT_TRUE(eventually([&] { return numbers_.connections == 1; }));
}

TEST_F(http_server_test, a_head_that_comes_byte_by_byte_is_not_waited_for) {
    serve();
    const base::unique_fd slow = connect_and_send("GET /op");
    const std::string rest = "en HTTP/1.1\r\nHost: x\r\nX: " + std::string(200, 'x');
    const auto began = clock::now();
    // Each byte is activity to the library; whoever else comes sees that its time is over.
    const bool was_closed = eventually([&] {
        const std::size_t at = static_cast<std::size_t>((clock::now() - began) / 50ms);
        ::send(slow.get(), &rest[std::min(at, rest.size() - 1)], 1, MSG_NOSIGNAL);
        raw("GET /open HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        return !is_open(slow);
    });
    EXPECT_TRUE(was_closed);
}

TEST_F(http_server_test, what_is_no_http_is_refused_and_closed) {
    serve_patiently();
    struct row {
        const char* what;
        std::string bytes;
        int status;
    };
    const std::string line = "GET /open HTTP/1.1\r\n";
    for (const row& r :
         {row{"negative length", line + "Host: x\r\nContent-Length: -1\r\n\r\n", 400},
          row{"length that is no number", line + "Host: x\r\nContent-Length: 7x\r\n\r\n", 400},
          row{"length beyond 64 bits",
              line + "Host: x\r\nContent-Length: 99999999999999999999999\r\n\r\n", 413},
          row{"a later version", "GET /open HTTP/3.7\r\nHost: x\r\n\r\n", 505},
          row{"large field", line + "Host: x\r\nX: " + std::string(64 * 1024, 'x') + "\r\n\r\n",
              431},
          row{"large path", "GET /" + std::string(64 * 1024, 'x') + " HTTP/1.1\r\n\r\n", 414}}) {
        const reply refused = raw(r.bytes);
        EXPECT_EQ(refused.status, r.status) << r.what;
        EXPECT_TRUE(refused.was_closed) << r.what;
    }
    EXPECT_EQ(raw("GET /open HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status, 200);
}

} // namespace
} // namespace postern::control::test
