#include "edge/http/frame_observer.hpp"

#include <gtest/gtest.h>

#include <string>

namespace postern::edge {
namespace {

constexpr int text = 0x1, binary = 0x2, close = 0x8, ping = 0x9, pong = 0xA, continuation = 0x0;

std::string frame(int opcode, std::string_view payload, bool masked, bool final = true) {
    std::string out;
    out += static_cast<char>((final ? 0x80 : 0) | opcode);
    const char mask_bit = masked ? '\x80' : '\0';
    if (payload.size() < 126) {
        out += static_cast<char>(payload.size() | static_cast<unsigned char>(mask_bit));
    } else if (payload.size() < 65536) {
        out += static_cast<char>(126 | static_cast<unsigned char>(mask_bit));
        out += static_cast<char>(payload.size() >> 8);
        out += static_cast<char>(payload.size());
    } else {
        out += static_cast<char>(127 | static_cast<unsigned char>(mask_bit));
        for (int shift = 56; shift >= 0; shift -= 8)
            out += static_cast<char>(static_cast<std::uint64_t>(payload.size()) >> shift);
    }
    const std::string mask = "\x11\x22\x33\x44";
    if (masked)
        out += mask;
    for (std::size_t i = 0; i < payload.size(); ++i)
        out += masked ? static_cast<char>(payload[i] ^ mask[i % 4]) : payload[i];
    return out;
}

struct sample {
    const char* name;
    std::string bytes;
    bool data;
};

std::vector<sample> samples() {
    return {
        {"text", frame(text, "hello", true), true},
        {"text from the server", frame(text, "hello", false), true},
        {"binary", frame(binary, "\x01\x02", true), true},
        {"empty text", frame(text, "", true), true},
        {"long text", frame(text, std::string(300, 'x'), true), true},
        {"very long text", frame(text, std::string(70'000, 'x'), true), true},
        {"ping", frame(ping, "are you there", true), false},
        {"pong", frame(pong, "", true), false},
        {"close", frame(close, "\x03\xe8", true), false},
        {"Vite's ping", frame(text, R"({"type":"ping"})", true), false},
        {"Vite's ping, unmasked", frame(text, R"({"type":"ping"})", false), false},
        {"as long as Vite's ping", frame(text, R"({"type":"pinG"})", true), true},
        {"starts like Vite's ping", frame(text, R"({"type":"ping"} )", true), true},
        {"as long, ends otherwise", frame(text, R"({"type":"ping"!)", true), true},
        {"a ping's text in a ping's frame and one more byte of it",
         frame(ping, R"({"type":"ping"})", true) + frame(binary, "x", false), true},
        {"ping, then text", frame(ping, "", true) + frame(text, "x", true), true},
        {"two keep-alives", frame(text, R"({"type":"ping"})", true) + frame(pong, "", true), false},
        {"a message in two frames",
         frame(text, "he", true, false) + frame(continuation, "llo", true), true},
    };
}

TEST(frame_observer, tells_people_from_machines) {
    for (const sample& s : samples()) {
        frame_observer observer;
        EXPECT_EQ(observer.data_in(s.bytes), s.data) << s.name;
    }
}

TEST(frame_observer, the_same_however_the_bytes_are_cut) {
    for (const sample& s : samples()) {
        for (const std::size_t step : {1U, 2U, 3U, 7U, 1000U}) {
            frame_observer observer;
            bool data = false;
            for (std::size_t at = 0; at < s.bytes.size(); at += step)
                data = observer.data_in(std::string_view{s.bytes}.substr(at, step)) || data;
            EXPECT_EQ(data, s.data) << s.name << " in steps of " << step;
        }
    }
}

TEST(frame_observer, each_frame_counts_anew) {
    frame_observer observer;
    EXPECT_TRUE(observer.data_in(frame(text, "a", true)));
    EXPECT_FALSE(observer.data_in(frame(ping, "", true)));
    EXPECT_TRUE(observer.data_in(frame(text, "b", true)));
}

TEST(frame_observer, knows_where_another_frame_may_follow) {
    const std::string one = frame(text, "hello", true), bytes = one + frame(ping, "", false);
    frame_observer observer;
    EXPECT_TRUE(observer.is_between_frames());
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        [[maybe_unused]] const bool any = observer.data_in({&bytes[at], 1});
        EXPECT_EQ(observer.is_between_frames(), at + 1 == one.size() || at + 1 == bytes.size())
            << at;
    }
}

TEST(frame_observer, takes_any_bytes) {
    std::uint64_t state = 1;
    for (int round = 0; round < 2000; ++round) {
        std::string bytes;
        for (int i = 0; i < 64; ++i) {
            state = state * 6364136223846793005U + 1442695040888963407U;
            bytes += static_cast<char>(state >> 56);
        }
        frame_observer observer;
        [[maybe_unused]] const bool any = observer.data_in(bytes);
    }
}

} // namespace
} // namespace postern::edge
