#include "edge/tls/tls_stream.hpp"
#include "tests/unit/tls/tls_pair.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/x509.h>

#include <functional>

namespace postern::edge {
namespace {

using namespace std::chrono_literals;
using testing::socket_pair;
using testing::tls_client;
using testing::tls_server;

std::string random_bytes(std::size_t count) {
    std::string bytes(count, '\0');
    std::uint32_t state = 1;
    for (char& b : bytes) {
        state = state * 1664525 + 1013904223;
        b = static_cast<char>(state >> 24U);
    }
    return bytes;
}

using serving = std::function<task<void>(tls_stream&)>;

/// One connection: `client` on a thread of its own, and behind the handshake `serve`.
struct meeting {
    tls_server server;
    int version = TLS1_3_VERSION;
    handshake outcome = handshake::failed;
    std::string failure;

    void hold(const std::function<void(tls_client&)>& client, serving serve,
              std::chrono::milliseconds within = 30s) {
        socket_pair pair;
        std::jthread other{[&] {
            {
                tls_client asks{pair.far.get(), version};
                client(asks);
            }
            pair.far.reset();
        }};
        pair.run(serve_one(pair, serve, within));
    }
    /// The same with a client that does as it likes with the socket.
    void hold_raw(const std::function<void(int)>& client, serving serve,
                  std::chrono::milliseconds within = 30s) {
        socket_pair pair;
        std::jthread other{[&] { client(pair.far.get()); }};
        pair.run(serve_one(pair, serve, within));
    }

  private:
    task<void> serve_one(socket_pair& pair, const serving& serve,
                         std::chrono::milliseconds within) {
        tls_stream stream{pair.loop, std::move(pair.near), server.listener()};
        outcome = co_await stream.shake_hands(within);
        failure = stream.failure();
        if (outcome == handshake::done || outcome == handshake::resumed)
            co_await serve(stream);
    }
};

task<void> do_nothing(tls_stream&) {
    co_return;
}

task<void> echo(tls_stream& stream) {
    std::string bytes(40'000, '\0');
    for (;;) {
        const auto [error, n] = co_await stream.read_some(bytes, 30s);
        if (error)
            break;
        const auto sent = co_await stream.write_all({bytes.data(), n}, 30s);
        if (sent)
            break;
    }
}

TEST(tls_stream, echoes_in_both_versions) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        meeting m;
        m.version = version;
        m.hold(
            [](tls_client& c) {
                ASSERT_TRUE(c.connect("a.test"));
                EXPECT_EQ(c.shown(), "a");
                ASSERT_TRUE(c.write("hello"));
                EXPECT_EQ(c.read(5), "hello");
                SSL_shutdown(c.get());
            },
            echo);
        EXPECT_EQ(m.outcome, handshake::done);
    }
}

TEST(tls_stream, the_name_chooses_the_certificate) {
    const struct {
        const char *name, *shown;
        bool a, b; // which of the servers may be asked
    } cases[] = {
        {"a.test", "a", true, false},   {"b.test", "b", false, true},
        {"x.a.test", "a", true, false}, {"unknown.test", "a", true, false},
        {"", "a", true, true},          {"not/a/name", "a", true, false},
    };
    for (const auto& c : cases) {
        meeting m;
        m.hold(
            [&](tls_client& client) {
                ASSERT_TRUE(client.connect(c.name));
                EXPECT_EQ(client.shown(), c.shown) << c.name;
            },
            [&](tls_stream& stream) -> task<void> {
                EXPECT_EQ(stream.may_ask(m.server.conf.servers[0]), c.a) << c.name;
                EXPECT_EQ(stream.may_ask(m.server.conf.servers[1]), c.b) << c.name;
                EXPECT_EQ(stream.may_ask(m.server.conf.servers[2]), c.a) << c.name;
                co_return;
            });
    }
}

TEST(tls_stream, single_bytes_both_ways) {
    meeting m;
    const std::string sent = random_bytes(300);
    m.hold(
        [&](tls_client& c) {
            ASSERT_TRUE(c.connect());
            for (const char b : sent)
                ASSERT_TRUE(c.write({&b, 1}));
            EXPECT_EQ(c.read(sent.size()), sent);
        },
        [&](tls_stream& stream) -> task<void> {
            std::string got;
            while (got.size() < sent.size()) {
                char byte = 0;
                const auto [error, n] = co_await stream.read_some({&byte, 1}, 30s);
                if (error)
                    break;
                got.push_back(byte);
            }
            EXPECT_EQ(got, sent);
            for (const char b : got) {
                const auto error = co_await stream.write_all({&b, 1}, 30s);
                EXPECT_FALSE(error);
            }
        });
}

// What OpenSSL has already taken off the socket is no event any more: it must be read without one.
TEST(tls_stream, bytes_behind_a_small_read_need_no_further_event) {
    meeting m;
    const std::string sent = random_bytes(60'000);
    m.hold(
        [&](tls_client& c) {
            ASSERT_TRUE(c.connect());
            ASSERT_TRUE(c.write(sent));
            EXPECT_EQ(c.read(2), "ok");
        },
        [&](tls_stream& stream) -> task<void> {
            std::string got;
            char bytes[7];
            while (got.size() < sent.size()) {
                const auto [error, n] = co_await stream.read_some(bytes, 30s);
                EXPECT_FALSE(error) << got.size();
                if (error)
                    break;
                got.append(bytes, n);
            }
            EXPECT_TRUE(got == sent);
            const auto error = co_await stream.write_all("ok", 30s);
            EXPECT_FALSE(error);
        });
}

TEST(tls_stream, a_client_that_does_not_read_holds_the_writer_up) {
    meeting m;
    const std::string body = random_bytes(20'000'000);
    const std::string head(300, 'h'), tail(70'000, 't');
    std::atomic<bool> all_taken{false};
    m.hold(
        [&](tls_client& c) {
            ASSERT_TRUE(c.connect());
            std::this_thread::sleep_for(200ms); // for the socket to fill up
            EXPECT_FALSE(all_taken);
            const std::string got = c.read(head.size() + body.size() + tail.size());
            EXPECT_TRUE(got == head + body + tail);
        },
        [&](tls_stream& stream) -> task<void> {
            const auto error = co_await stream.write_all(head, body, tail, 30s);
            EXPECT_FALSE(error);
            all_taken = true;
        });
}

TEST(tls_stream, a_write_to_a_client_that_never_reads_ends_in_time) {
    meeting m;
    const std::string body(20'000'000, 'x');
    std::atomic<bool> over{false};
    m.hold(
        [&](tls_client& c) {
            ASSERT_TRUE(c.connect());
            while (!over)
                std::this_thread::sleep_for(10ms);
        },
        [&](tls_stream& stream) -> task<void> {
            const auto error = co_await stream.write_all(body, 300ms);
            EXPECT_TRUE(error);
            EXPECT_TRUE(stream.timed_out());
            over = true;
        });
}

TEST(tls_stream, pieces_share_a_record) {
    // A head and a short body make one record, one send(2).
    meeting m;
    m.hold(
        [&](tls_client& c) {
            ASSERT_TRUE(c.connect());
            char bytes[100];
            std::size_t n = 0;
            ASSERT_EQ(SSL_read_ex(c.get(), bytes, sizeof bytes, &n), 1);
            EXPECT_EQ(std::string_view(bytes, n), "one two three");
        },
        [&](tls_stream& stream) -> task<void> {
            const auto error = co_await stream.write_all("one ", "two ", "three", 30s);
            EXPECT_FALSE(error);
        });
}

TEST(tls_stream, pieces_of_all_sizes_arrive_in_order) {
    for (const std::size_t first : {0, 1, 16383, 16384, 16385, 70'000})
        for (const std::size_t second : {0, 1, 16384, 40'000, 65'536}) {
            meeting m;
            const std::string a = random_bytes(first), b = random_bytes(second), c = "end";
            m.hold(
                [&](tls_client& client) {
                    ASSERT_TRUE(client.connect());
                    EXPECT_TRUE(client.read() == a + b + c) << first << " " << second;
                    EXPECT_TRUE(client.was_told_the_end());
                },
                [&](tls_stream& stream) -> task<void> {
                    const auto error = co_await stream.write_all(a, b, c, 30s);
                    EXPECT_FALSE(error);
                });
        }
}

TEST(tls_stream, the_end_is_told_unless_it_is_none) {
    for (const bool whole : {true, false}) {
        meeting m;
        m.hold(
            [&](tls_client& c) {
                ASSERT_TRUE(c.connect());
                c.read();
                EXPECT_EQ(c.was_told_the_end(), whole);
            },
            [&](tls_stream& stream) -> task<void> {
                const auto error = co_await stream.write_all("x", 30s);
                EXPECT_FALSE(error);
                if (!whole)
                    stream.abort();
            });
    }
}

// Tickets wait for the first answer; where there is none, they go out with the end.
TEST(tls_stream, tickets_arrive_without_an_answer) {
    meeting m;
    m.hold(
        [&](tls_client& c) {
            ASSERT_TRUE(c.connect("a.test"));
            EXPECT_EQ(c.read(), "");
            EXPECT_TRUE(c.was_told_the_end());
            EXPECT_EQ(SSL_SESSION_has_ticket(SSL_get0_session(c.get())), 1);
        },
        do_nothing);
}

TEST(tls_stream, two_connections_do_not_mix_what_waits) {
    tls_server server;
    socket_pair one;
    socket_pair other;
    std::jthread first{[&] {
        tls_client c{one.far.get()};
        ASSERT_TRUE(c.connect());
        EXPECT_EQ(c.read(3), "one");
    }};
    std::jthread second{[&] {
        tls_client c{other.far.get()};
        ASSERT_TRUE(c.connect());
        EXPECT_EQ(c.read(5), "other");
    }};
    const auto both = [&]() -> task<void> {
        tls_stream a{one.loop, std::move(one.near), server.listener()};
        tls_stream b{one.loop, std::move(other.near), server.listener()};
        EXPECT_EQ(co_await a.shake_hands(30s), handshake::done);
        EXPECT_EQ(co_await b.shake_hands(30s), handshake::done);
        const auto empty = co_await a.write_all("", 30s);
        EXPECT_FALSE(empty);
        const auto to_b = co_await b.write_all("other", 30s);
        const auto to_a = co_await a.write_all("one", 30s);
        EXPECT_FALSE(to_a || to_b);
    };
    one.run(both());
}

// All in one recv(2): no event will tell of the end that stood behind the question.
TEST(tls_stream, an_end_that_came_with_the_last_bytes_is_read) {
    meeting m;
    std::atomic<bool> sent{false};
    m.hold(
        [&](tls_client& c) {
            ASSERT_TRUE(c.connect());
            ASSERT_TRUE(c.write("question"));
            SSL_shutdown(c.get());
            sent = true;
            EXPECT_EQ(c.read(6), "answer");
        },
        [&](tls_stream& stream) -> task<void> {
            while (!sent)
                std::this_thread::sleep_for(1ms);
            char bytes[100];
            const auto [error, n] = co_await stream.read_some(bytes, 30s);
            EXPECT_EQ(std::string_view(bytes, n), "question");
            const auto [end, none] = co_await stream.read_some(bytes, 30s);
            EXPECT_EQ(end, end_of_stream());
            const auto answered = co_await stream.write_all("answer", 30s);
            EXPECT_FALSE(answered);
        });
}

TEST(tls_stream, a_half_closed_client_still_gets_its_answer) {
    for (const bool told : {true, false}) {
        meeting m;
        m.hold(
            [&](tls_client& c) {
                ASSERT_TRUE(c.connect());
                ASSERT_TRUE(c.write("question"));
                if (told)
                    SSL_shutdown(c.get()); // close_notify
                else
                    ::shutdown(SSL_get_fd(c.get()), SHUT_WR);
                EXPECT_EQ(c.read(6), "answer");
            },
            [&](tls_stream& stream) -> task<void> {
                char bytes[100];
                const auto [error, n] = co_await stream.read_some(bytes, 30s);
                EXPECT_EQ(std::string_view(bytes, n), "question");
                const auto [end, none] = co_await stream.read_some(bytes, 30s);
                EXPECT_EQ(end, end_of_stream());
                const auto sent = co_await stream.write_all("answer", 30s);
                EXPECT_FALSE(sent);
            });
    }
}

TEST(tls_stream, a_client_that_left_is_seen) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION})
        for (const bool told : {true, false}) {
            meeting m;
            m.version = version;
            std::atomic<int> step{0};
            m.hold(
                [&](tls_client& c) {
                    ASSERT_TRUE(c.connect());
                    ASSERT_TRUE(c.write("x"));
                    while (step != 1)
                        std::this_thread::sleep_for(1ms);
                    if (told)
                        SSL_shutdown(c.get());
                    ::shutdown(SSL_get_fd(c.get()), SHUT_WR);
                    step = 2;
                },
                [&](tls_stream& stream) -> task<void> {
                    char byte = 0;
                    EXPECT_FALSE(stream.peer_closed());
                    const auto [error, n] = co_await stream.read_some({&byte, 1}, 30s);
                    EXPECT_FALSE(error);
                    EXPECT_FALSE(stream.peer_closed());
                    step = 1;
                    while (step != 2)
                        std::this_thread::sleep_for(1ms);
                    // What is sent on the loopback comes soon, not at once.
                    for (int i = 0; i < 10'000 && !stream.peer_closed(); ++i)
                        std::this_thread::sleep_for(1ms);
                    EXPECT_TRUE(stream.peer_closed()) << version << told;
                });
        }
}

TEST(tls_stream, another_request_on_its_way_is_no_leaving) {
    meeting m;
    std::atomic<bool> sent{false};
    m.hold(
        [&](tls_client& c) {
            ASSERT_TRUE(c.connect());
            ASSERT_TRUE(c.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"));
            SSL_shutdown(c.get());
            ::shutdown(SSL_get_fd(c.get()), SHUT_WR);
            sent = true;
        },
        [&](tls_stream& stream) -> task<void> {
            while (!sent)
                std::this_thread::sleep_for(1ms);
            EXPECT_FALSE(stream.peer_closed());
            co_return;
        });
}

TEST(tls_stream, plain_http_is_told_from_garbage) {
    const struct {
        std::string sent;
        handshake outcome;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", handshake::plain_http},
        {"OPTIONS * HTTP/1.1\r\n\r\n", handshake::plain_http},
        {"\r\nGET / HTTP/1.1\r\n\r\n", handshake::plain_http},
        {std::string(100, '\0'), handshake::failed},
        {std::string(100, '\xff'), handshake::failed},
        {"\x16", handshake::failed}, // and no more
        {std::string("\x16\x03\x01\xff\xff", 5) + std::string(1000, 'x'), handshake::failed},
        {std::string("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10), handshake::failed},
        {std::string("\x80\x2e\x01\x00\x02", 5) + std::string(60, 'x'), handshake::failed}, // SSLv2
        {"", handshake::nothing},
    };
    for (const auto& c : cases) {
        meeting m;
        m.hold_raw(
            [&](int socket) {
                ASSERT_EQ(::send(socket, c.sent.data(), c.sent.size(), MSG_NOSIGNAL),
                          static_cast<ssize_t>(c.sent.size()));
                ::shutdown(socket, SHUT_WR);
            },
            do_nothing);
        EXPECT_EQ(m.outcome, c.outcome) << c.sent;
        EXPECT_TRUE(c.outcome != handshake::failed || !m.failure.empty());
    }
}

TEST(tls_stream, a_slow_handshake_ends_in_time) {
    meeting m;
    m.hold_raw(
        [](int socket) {
            // A byte now and then: progress is no excuse.
            const std::string hello = std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 9);
            for (std::size_t i = 0;; i = (i + 1) % hello.size()) {
                if (::send(socket, &hello[i], 1, MSG_NOSIGNAL) != 1)
                    break;
                std::this_thread::sleep_for(50ms);
                char byte;
                if (::recv(socket, &byte, 1, MSG_DONTWAIT) == 0)
                    break;
            }
        },
        do_nothing, 400ms);
    EXPECT_EQ(m.outcome, handshake::late);
}

// A record that does not open: the connection ends, nothing of it is read.
TEST(tls_stream, a_forged_record_is_an_error) {
    meeting m;
    m.hold(
        [](tls_client& c) {
            ASSERT_TRUE(c.connect());
            const std::string forged =
                std::string("\x17\x03\x03\x00\x40", 5) + std::string(64, 'z');
            ::send(SSL_get_fd(c.get()), forged.data(), forged.size(), MSG_NOSIGNAL);
            EXPECT_EQ(c.read(), "");
        },
        [](tls_stream& stream) -> task<void> {
            char bytes[100];
            const auto [error, n] = co_await stream.read_some(bytes, 30s);
            EXPECT_TRUE(error);
            EXPECT_NE(error, end_of_stream());
            const auto sent = co_await stream.write_all("x", 30s);
            EXPECT_TRUE(sent);
        });
}

struct resumption : ::testing::Test {
    meeting m;
    SSL_SESSION* kept = nullptr;
    ~resumption() override { SSL_SESSION_free(kept); }
    resumption() = default;
    resumption(const resumption&) = delete;
    resumption& operator=(const resumption&) = delete;

    /// Whether the session of the call before was taken up.
    bool visit(const std::string& name) {
        bool resumed = false;
        m.hold(
            [&](tls_client& c) {
                if (kept != nullptr)
                    c.resume(kept);
                ASSERT_TRUE(c.connect(name));
                EXPECT_EQ(c.read(1), "x"); // the ticket comes before it
                resumed = c.resumed();
                SSL_SESSION_free(kept);
                kept = SSL_get1_session(c.get());
                SSL_shutdown(c.get());
            },
            [](tls_stream& stream) -> task<void> {
                const auto error = co_await stream.write_all("x", 30s);
                EXPECT_FALSE(error);
                char byte = 0;
                const auto end = co_await stream.read_some({&byte, 1}, 30s);
                EXPECT_EQ(end.error, end_of_stream());
            });
        EXPECT_EQ(m.outcome, resumed ? handshake::resumed : handshake::done);
        return resumed;
    }
};

TEST_F(resumption, outlives_a_reload_and_one_rotation) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        m.version = version;
        SSL_SESSION_free(std::exchange(kept, nullptr));
        EXPECT_FALSE(visit("a.test"));
        EXPECT_TRUE(visit("a.test"));
        m.server.load();
        EXPECT_TRUE(visit("a.test"));
        ASSERT_TRUE(m.server.keys.rotate());
        EXPECT_TRUE(visit("a.test")); // and is given a ticket of the new key
        ASSERT_TRUE(m.server.keys.rotate());
        EXPECT_TRUE(visit("a.test"));
        ASSERT_TRUE(m.server.keys.rotate());
        ASSERT_TRUE(m.server.keys.rotate());
        EXPECT_FALSE(visit("a.test"));
    }
}

TEST_F(resumption, stays_with_its_certificate) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        m.version = version;
        SSL_SESSION_free(std::exchange(kept, nullptr));
        EXPECT_FALSE(visit("a.test"));
        EXPECT_FALSE(visit("b.test"));
        EXPECT_FALSE(visit("a.test"));
        EXPECT_TRUE(visit("a.test"));
    }
}

TEST_F(resumption, ends_with_another_certificate) {
    EXPECT_FALSE(visit("a.test"));
    m.server.files.make("a", "DNS:a.test");
    m.server.load();
    EXPECT_FALSE(visit("a.test"));
}

} // namespace
} // namespace postern::edge
