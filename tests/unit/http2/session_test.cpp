// The session and its streams, in memory: frames in, frames out.
#include "edge/http2/session.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace postern::edge {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

enum frame_type : int { data, headers, priority, reset, settings, push, ping, goaway, window };
constexpr int end_stream = 1, end_headers = 4;

struct frame {
    int type = 0, flags = 0;
    std::uint32_t stream = 0;
    std::string payload;

    [[nodiscard]] std::uint32_t number() const { // of the payload's first four bytes
        std::uint32_t n = 0;
        for (const char c : payload.substr(0, 4))
            n = n << 8U | static_cast<unsigned char>(c);
        return n;
    }
};

std::string bytes_of(const frame& f) {
    std::string out;
    for (const int shift : {16, 8, 0})
        out += static_cast<char>(f.payload.size() >> shift);
    out += static_cast<char>(f.type);
    out += static_cast<char>(f.flags);
    for (const int shift : {24, 16, 8, 0})
        out += static_cast<char>(f.stream >> shift);
    return out + f.payload;
}

/// GET http://h/, or POST, without compression.
std::string head(bool post = false) {
    return (post ? "\x83"s : "\x82"s) + "\x86\x84" + "\x00\x0a:authority\x01h"s;
}

class session_test : public ::testing::Test, public http2_events {
  protected:
    session_test() {
        receive("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes_of({settings}));
        sent();
        receive(frame{settings, 1}); // ours are known now
    }
    ~session_test() override {
        for (const auto& s : streams)
            static_cast<void>(s->close());
        turn();
    }

    void receive(const std::string& bytes) { session.receive(bytes, now); }
    void receive(const frame& f) { receive(bytes_of(f)); }
    /// A request on this stream, and its object.
    http2_stream& request(std::uint32_t id, bool whole = true) {
        receive({headers, end_headers | (whole ? end_stream : 0), id, head(!whole)});
        EXPECT_FALSE(streams.empty());
        return *streams.back();
    }
    std::vector<frame> sent() {
        std::vector<char> room(200'000);
        std::string_view left{room.data(), session.fill(room, now)};
        std::vector<frame> out;
        while (left.size() >= 9) {
            const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(left[i]); };
            const std::size_t size = byte(0) << 16U | byte(1) << 8U | byte(2);
            frame f{byte(3), byte(4), byte(7) * 256U + byte(8), std::string{left.substr(9, size)}};
            left.remove_prefix(9 + size);
            out.push_back(std::move(f));
        }
        return out;
    }
    /// Those of one type.
    std::vector<frame> sent(int type) {
        std::vector<frame> all = sent();
        std::erase_if(all, [&](const frame& f) { return f.type != type; });
        return all;
    }
    void turn() {
        spawn(stop_later());
        loop.run();
    }
    task<void> stop_later() {
        waiter here;
        for (int i = 0; i < 2; ++i) {
            loop.resume_next_turn(here);
            [[maybe_unused]] const auto none = co_await here.wait();
        }
        loop.stop();
    }
    task<void> write(http2_stream& to, std::string bytes, base::error_code& how, bool& done) {
        how = co_await to.write_all(bytes, 1s);
        done = true;
    }

    http2_stream* requested(request_text&, request_text::verdict how, bool) override {
        last = how;
        if (streams.size() >= streams_max)
            return nullptr;
        return streams.emplace_back(std::make_unique<http2_stream>(loop)).get();
    }
    void closed(http2_stream&) override { ++closings; }
    void happened(what event) override { events.push_back(event); }
    void has_output() override {}

    http2_session::clock::time_point now{1h};
    event_loop loop;
    std::vector<std::unique_ptr<http2_stream>> streams;
    std::size_t streams_max = 1000;
    std::vector<what> events;
    request_text::verdict last = request_text::verdict::good;
    int closings = 0;
    http2_session session{{.streams_max = 100,
                           .resets_per_second = 2,
                           .control_frames_per_second = 10,
                           .head = {2000, 20}},
                          *this,
                          now};
};

const std::string answer = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n";

TEST_F(session_test, an_answer_without_a_body_is_one_frame) {
    http2_stream& s = request(1);
    sent();
    std::string_view head = answer;
    ASSERT_TRUE(s.write_now(head));
    s.finish(false);
    const auto frames = sent();
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].type, headers);
    EXPECT_EQ(frames[0].flags, end_headers | end_stream);
    EXPECT_EQ(closings, 1);
    EXPECT_TRUE(s.closed());
}

TEST_F(session_test, the_end_goes_with_the_last_data) {
    http2_stream& s = request(1);
    sent();
    for (std::string_view piece : {std::string_view{answer}.substr(0, 20),
                                   std::string_view{answer}.substr(20), std::string_view{"body"}})
        ASSERT_TRUE(s.write_now(piece));
    s.finish(false);
    const auto frames = sent();
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[1].type, data);
    EXPECT_EQ(frames[1].flags, end_stream);
    EXPECT_EQ(frames[1].payload, "body");
}

TEST_F(session_test, an_answer_that_is_not_whole_is_a_reset) {
    http2_stream& cut = request(1);
    std::string_view head = answer;
    ASSERT_TRUE(cut.write_now(head));
    cut.finish(true);
    http2_stream& none = request(3);
    none.finish(false);
    const auto resets = sent(reset);
    ASSERT_EQ(resets.size(), 2U);
    for (const frame& f : resets)
        EXPECT_EQ(f.number(), 2U) << "INTERNAL_ERROR";
    EXPECT_EQ(closings, 2);
}

TEST_F(session_test, an_answer_before_the_bodys_end_leaves_the_client_a_moment) {
    http2_stream& s = request(1, false);
    std::string_view head = answer;
    ASSERT_TRUE(s.write_now(head));
    s.finish(false);
    sent();
    receive({data, 0, 1, "still coming"});
    const auto ended = loop.timers().now();
    EXPECT_FALSE(s.look(ended + http2_stream::body_grace - 1ms, 1ms));
    EXPECT_TRUE(sent(reset).empty());
    EXPECT_EQ(closings, 0);
    EXPECT_FALSE(s.look(ended + http2_stream::body_grace, 1ms));
    const auto resets = sent(reset);
    ASSERT_EQ(resets.size(), 1U);
    EXPECT_EQ(resets[0].number(), 0U) << "NO_ERROR";
    EXPECT_EQ(closings, 1);
    receive({data, 0, 1, "still coming"});
    EXPECT_TRUE(sent(goaway).empty());
}

TEST_F(session_test, a_body_that_ends_behind_its_answer_needs_no_reset) {
    http2_stream& s = request(1, false);
    std::string_view head = answer;
    ASSERT_TRUE(s.write_now(head));
    s.finish(false);
    sent();
    receive({data, end_stream, 1, "all of it"});
    EXPECT_EQ(closings, 1);
    EXPECT_TRUE(sent(reset).empty());
}

TEST_F(session_test, a_writer_waits_until_the_client_takes_it) {
    http2_stream& s = request(1);
    base::error_code how;
    bool done = false;
    spawn(write(s, answer + std::string(100'000, 'x'), how, done));
    std::size_t got = 0;
    for (const frame& f : sent(data))
        got += f.payload.size();
    EXPECT_EQ(got, 65535U) << "the client's window";
    turn();
    EXPECT_FALSE(done);
    for (const std::uint32_t id : {0U, 1U})
        receive({window, 0, id, "\0\0\x10\0"s});
    for (const frame& f : sent(data))
        got += f.payload.size();
    EXPECT_EQ(got, 65535U + 4096U);
    turn();
    EXPECT_TRUE(done) << "the rest is little: copied";
    EXPECT_FALSE(how);
    EXPECT_EQ(s.unsent(), 100'000U - got);
}

TEST_F(session_test, a_writer_that_is_cancelled_leaves_nothing_behind) {
    http2_stream& s = request(1);
    base::error_code how;
    bool done = false;
    spawn(write(s, answer + std::string(100'000, 'x'), how, done));
    s.cancel();
    turn();
    EXPECT_TRUE(done);
    EXPECT_TRUE(how);
    s.finish(true);
    EXPECT_EQ(sent(reset).size(), 1U);
}

TEST_F(session_test, a_reset_ends_who_waits) {
    http2_stream& s = request(1);
    base::error_code how;
    bool done = false;
    spawn(write(s, answer + std::string(100'000, 'x'), how, done));
    receive({reset, 0, 1, "\0\0\0\x08"s});
    EXPECT_TRUE(s.seen_closed());
    turn();
    EXPECT_TRUE(done);
    EXPECT_TRUE(how);
    EXPECT_EQ(closings, 1);
    EXPECT_EQ(events, std::vector{what::reset});
    EXPECT_TRUE(sent(data).empty());
}

TEST_F(session_test, windows_open_as_the_body_is_read) {
    http2_stream& s = request(1, false);
    sent();
    for (int i = 0; i < 6; ++i)
        receive({data, 0, 1, std::string(16'000, 'x')});
    EXPECT_TRUE(sent(window).empty());
    std::vector<char> into(50'000);
    EXPECT_EQ(s.read_now(into).bytes, 50'000U);
    EXPECT_EQ(s.read_now(into).bytes, 46'000U);
    EXPECT_EQ(s.read_now(into).bytes, 0U);
    const auto opened = sent(window);
    ASSERT_FALSE(opened.empty());
    EXPECT_EQ(opened[0].stream, 1U);
    receive({data, end_stream, 1, "z"});
    EXPECT_EQ(s.read_now(into).bytes, 1U);
    EXPECT_EQ(s.read_now(into).error, end_of_stream());
}

TEST_F(session_test, a_body_that_nobody_reads_blocks_no_other) {
    for (std::uint32_t id = 1; id < 41; id += 2) { // more than the connection's window in all
        request(id, false);
        for (int i = 0; i < 8; ++i)
            receive({data, 0, id, std::string(16'000, 'x')});
        receive({reset, 0, id, "\0\0\0\x08"s});
        EXPECT_TRUE(sent(goaway).empty());
        now += 1s;
    }
    EXPECT_TRUE(session.wants_input());
}

TEST_F(session_test, what_is_refused) {
    streams_max = 0;
    receive({headers, end_headers | end_stream, 1, head()});
    receive({headers, end_headers | end_stream, 3,
             head() + "\x00\x0a"
                      "connection\x01x"s});
    receive({headers, end_headers | end_stream, 5, head() + "\x00\x01X\x01x"s});
    EXPECT_EQ(events, (std::vector{what::refused, what::malformed, what::malformed}));
    const auto resets = sent(reset);
    ASSERT_EQ(resets.size(), 3U);
    EXPECT_EQ(resets[0].number(), 7U) << "REFUSED_STREAM";
    EXPECT_EQ(resets[1].number(), 1U) << "PROTOCOL_ERROR";
    EXPECT_EQ(resets[2].number(), 1U);
    EXPECT_EQ(last, request_text::verdict::good);
    receive({headers, end_headers | end_stream, 7,
             head() + "\x00\x01x\x7f\xa1\x1e"s + std::string(4000, 'y')});
    EXPECT_EQ(last, request_text::verdict::too_large);
}

TEST_F(session_test, floods_end_it) {
    for (int i = 0; i < 90; ++i)
        receive({ping, 0, 0, "12345678"});
    EXPECT_TRUE(events.empty());
    for (int i = 0; i < 20; ++i)
        receive({ping, 0, 0, "12345678"});
    EXPECT_EQ(events, std::vector{what::flood}) << "told once";
    const auto goodbye = sent(goaway);
    ASSERT_EQ(goodbye.size(), 1U);
    EXPECT_EQ(goodbye[0].payload.substr(4, 4), "\0\0\0\x0b"s) << "ENHANCE_YOUR_CALM";
    EXPECT_FALSE(session.wants_input());
}

TEST_F(session_test, resets_that_the_client_provokes_count) {
    std::uint32_t id = 1;
    for (; id < 100 && session.wants_input(); id += 2) {
        request(id);
        receive({window, 0, id, "\x7f\xff\xff\xff"s});
        sent();
    }
    EXPECT_EQ(events, std::vector{what::flood});
    EXPECT_LT(id, 45U);
}

TEST_F(session_test, answers_earn_window_updates) {
    http2_stream& s = request(1);
    std::string_view head = answer;
    ASSERT_TRUE(s.write_now(head));
    for (int i = 0; i < 500; ++i) {
        std::string_view piece = "x";
        ASSERT_TRUE(s.write_now(piece));
        sent();
        for (const std::uint32_t to : {0U, 1U})
            receive({window, 0, to, "\0\0\0\x01"s});
    }
    EXPECT_TRUE(events.empty());
}

TEST_F(session_test, goodbye_lets_finish) {
    http2_stream& s = request(1);
    sent();
    session.say_goodbye(true);
    EXPECT_EQ(sent(goaway).size(), 1U);
    EXPECT_FALSE(request(3).closed()) << "one that was on its way";
    session.say_goodbye(false);
    const auto last_word = sent(goaway);
    ASSERT_EQ(last_word.size(), 1U);
    EXPECT_EQ(last_word[0].number(), 3U);
    EXPECT_TRUE(session.wants_input());
    for (http2_stream* one : {&s, streams.back().get()}) {
        std::string_view head = answer;
        ASSERT_TRUE(one->write_now(head));
        one->finish(false);
    }
    EXPECT_EQ(sent(headers).size(), 2U);
    EXPECT_FALSE(session.wants_input());
}

} // namespace
} // namespace postern::edge
