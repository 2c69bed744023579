// Chunked bodies, in every cut, and those that are refused.
#include "edge/http/chunked.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace postern::edge {
namespace {

using namespace std::string_literals;
using decoder_state = chunk_decoder::state;

struct decoded {
    decoder_state state = decoder_state::more;
    std::string content;
    std::size_t consumed = 0;
};

/// Feeds `bytes` in pieces of `piece` bytes.
decoded decode(std::string_view bytes, std::size_t piece) {
    chunk_decoder decoder;
    decoded out;
    std::string_view left = bytes;
    while (!left.empty() && out.state == decoder_state::more) {
        std::string_view now = left.substr(0, piece);
        while (!now.empty() && out.state == decoder_state::more) {
            const auto step = decoder.next(now);
            EXPECT_LE(step.consumed, now.size());
            out.content += step.content;
            out.state = step.state;
            out.consumed += step.consumed;
            now.remove_prefix(step.consumed);
            left.remove_prefix(step.consumed);
            if (step.consumed == 0)
                break;
        }
    }
    EXPECT_EQ(decoder.done(), out.state == decoder_state::done);
    return out;
}

TEST(chunk_decoder, decodes_in_every_cut) {
    const std::string body = "5\r\nhello\r\n"
                             "00A;name=value;x=\"y\"\r\n0123456789\r\n"
                             "1;\r\n!\r\n"
                             "0;last\r\nTrailer: yes\r\nOther:\tno \r\n\r\n";
    for (std::size_t piece = 1; piece <= body.size() + 5; ++piece) {
        const decoded out = decode(body + "GET /", piece);
        EXPECT_EQ(out.state, decoder_state::done) << piece;
        EXPECT_EQ(out.content, "hello0123456789!") << piece;
        EXPECT_EQ(out.consumed, body.size()) << "it took bytes of the next message";
    }
}

TEST(chunk_decoder, content_may_look_like_framing) {
    EXPECT_EQ(decode("7\r\n0\r\n\r\n0\r\r\n0\r\n\r\n", 3).content, "0\r\n\r\n0\r"s);
}

TEST(chunk_decoder, every_prefix_wants_more) {
    const std::string body = "5;x\r\nhello\r\n0\r\nA: b\r\n\r\n";
    for (std::size_t n = 0; n < body.size(); ++n)
        EXPECT_EQ(decode(std::string_view{body}.substr(0, n), 7).state, decoder_state::more) << n;
}

TEST(chunk_decoder, stays_done_and_takes_nothing_more) {
    chunk_decoder decoder;
    EXPECT_EQ(decoder.next("0\r\n\r\n").state, decoder_state::done);
    const auto step = decoder.next("x");
    EXPECT_EQ(step.state, decoder_state::done);
    EXPECT_EQ(step.consumed, 0U);
}

TEST(chunk_decoder, large_sizes) {
    chunk_decoder decoder;
    const auto step = decoder.next("7fffffffffffffff\r\nabc");
    EXPECT_EQ(step.state, decoder_state::more);
    EXPECT_EQ(step.content, "abc");
    EXPECT_EQ(decode("0000000000000003\r\nabc\r\n0\r\n\r\n", 2).content, "abc");
}

TEST(chunk_decoder, malformed_bodies_are_refused) {
    const std::pair<const char*, std::string> cases[] = {
        {"no size", "\r\n"},
        {"no size but an extension", ";x\r\n"},
        {"a space for a size", " \r\n"},
        {"space before", " 5\r\nhello\r\n"},
        {"space after", "5 \r\nhello\r\n"},
        {"tab after", "5\t\r\nhello\r\n"},
        {"space before an extension", "5 ;x\r\nhello\r\n"},
        {"a sign", "+5\r\nhello\r\n"},
        {"a minus", "-5\r\nhello\r\n"},
        {"0x", "0x5\r\nhello\r\n"},
        {"letters after", "5g\r\nhello\r\n"},
        {"an underscore", "0_5\r\nhello\r\n"},
        {"a comma", "5,5\r\nhello\r\n"},
        {"bare LF after the size", "5\nhello\r\n"},
        {"CR without LF after the size", "5\rhello\r\n"},
        {"CR CR LF after the size", "5\r\r\nhello\r\n"},
        {"bare LF in an extension", "5;x\nhello\r\n"},
        {"bare CR in an extension", "5;x\ry\r\nhello\r\n"},
        {"NUL in an extension", "5;\0\r\nhello\r\n"s},
        {"NUL after the size", "5\0\r\nhello\r\n"s},
        {"data longer than its size", "4\r\nhello\r\n"},
        {"data shorter than its size", "6\r\nhello\r\n0\r\n\r\n"},
        {"LF after data", "5\r\nhello\n0\r\n\r\n"},
        {"nothing after data", "5\r\nhello0\r\n\r\n"},
        {"two CRs after data", "5\r\nhello\r\r\n"},
        {"2^63", "8000000000000000\r\n"},
        {"2^64 - 1", "ffffffffffffffff\r\n"},
        {"2^64 + 5", "10000000000000005\r\n"},
        {"17 digits", "00000000000000005\r\nhello\r\n"},
        {"endless zeros", std::string(100, '0')},
        {"a long extension", "5;" + std::string(257, 'x') + "\r\n"},
        {"a trailer without a colon", "0\r\nX\r\n\r\n"},
        {"a trailer without a name", "0\r\n: x\r\n\r\n"},
        {"a folded trailer", "0\r\nX: y\r\n z\r\n\r\n"},
        {"a space before the colon", "0\r\nX : y\r\n\r\n"},
        {"bare LF in the trailers", "0\r\nX: y\n\r\n"},
        {"bare LF at the end", "0\r\n\n"},
        {"bare LF after the last size", "0\n\r\n"},
        {"CR without LF at the end", "0\r\n\rX"},
        {"CR in a trailer", "0\r\nX: \rY\r\n\r\n"},
        {"NUL in a trailer", "0\r\nX: \0\r\n\r\n"s},
        {"the next request for trailers", "0\r\nGET / HTTP/1.1\r\n\r\n"},
        {"endless trailers", "0\r\nX: " + std::string(8192, 'x') + "\r\n\r\n"},
    };
    for (const auto& [why, bytes] : cases) {
        for (const std::size_t piece : {std::size_t{1}, bytes.size()}) {
            const decoded out = decode(bytes, piece);
            EXPECT_EQ(out.state, decoder_state::bad) << why << " in pieces of " << piece;
        }
    }
}

TEST(chunk_decoder, many_extensions_are_refused_in_all) {
    std::string body;
    for (int i = 0; i < 100; ++i)
        body += "1;" + std::string(250, 'x') + "\r\na\r\n";
    const decoded out = decode(body + "0\r\n\r\n", 1000);
    EXPECT_EQ(out.state, decoder_state::bad);
    EXPECT_LE(out.consumed, 17U * 1024);
}

TEST(chunk_decoder, a_bad_one_stays_bad) {
    chunk_decoder decoder;
    EXPECT_EQ(decoder.next("x").state, decoder_state::bad);
    const auto step = decoder.next("0\r\n\r\n");
    EXPECT_EQ(step.state, decoder_state::bad);
    EXPECT_STRNE(step.reason, "");
}

TEST(write_chunk_size, is_read_back) {
    for (const std::uint64_t size : {std::uint64_t{1}, std::uint64_t{10}, std::uint64_t{0xabcdef},
                                     (std::uint64_t{1} << 63U) - 1}) {
        char out[18];
        const std::size_t bytes = write_chunk_size(out, size);
        ASSERT_LE(bytes, sizeof out);
        std::string text{out, bytes};
        EXPECT_EQ(text.substr(text.size() - 2), "\r\n");
        EXPECT_EQ(std::stoull(text, nullptr, 16), size);
    }
    char out[18];
    EXPECT_EQ((std::string{out, write_chunk_size(out, 0x1a2b)}), "1a2b\r\n");
}

} // namespace
} // namespace postern::edge
