#include "sync/redis/protocol.hpp"
#include "sync/redis/redis_error.hpp"

#include <gtest/gtest.h>

#include <random>

namespace postern::sync::redis {
namespace {

constexpr reply_reader::limits roomy{1'000'000, 1'000};

/// The replies in `bytes`, which come in pieces of `piece`.
std::vector<reply> read(std::string_view bytes, std::size_t piece) {
    reply_reader reader{roomy};
    std::vector<reply> found;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
        EXPECT_TRUE(reader.feed(bytes.substr(0, piece)));
        for (;;) {
            auto next = reader.next();
            EXPECT_TRUE(next);
            if (!next || !*next)
                break;
            found.push_back(std::move(**next));
        }
    }
    return found;
}

base::error_code error_of(std::string_view bytes, reply_reader::limits bounds = roomy) {
    reply_reader reader{bounds};
    if (auto fed = reader.feed(bytes); !fed)
        return fed.error().code;
    const auto next = reader.next();
    return next ? base::error_code{} : next.error().code;
}

TEST(protocol, replies_of_every_kind_in_pieces_of_any_size) {
    for (std::size_t piece = 1; piece < 30; ++piece) {
        const auto found = read(std::string_view{"+OK\r\n-ERR no\r\n:-7\r\n$-1\r\n*-1\r\n$0\r\n\r\n"
                                                 "$5\r\na\r\nbc\r\n*3\r\n:1\r\n*2\r\n$1\r\nx\r\n$-1"
                                                 "\r\n*0\r\n"},
                                piece);
        ASSERT_EQ(found.size(), 8U) << piece;
        EXPECT_TRUE(found[0].is_text());
        EXPECT_EQ(found[0].text, "OK");
        EXPECT_EQ(found[1].what, reply::kind::error);
        EXPECT_EQ(found[1].text, "ERR no");
        EXPECT_EQ(found[2].number, -7);
        EXPECT_EQ(found[2].whole(), std::nullopt);
        EXPECT_TRUE(found[3].is_nil());
        EXPECT_TRUE(found[4].is_nil());
        EXPECT_EQ(found[5].text, "");
        EXPECT_TRUE(found[5].is_text());
        EXPECT_EQ(found[6].text, "a\r\nbc");
        EXPECT_EQ(found[7].at(0).whole(), 1);
        EXPECT_EQ(found[7].at(1).at(0).text, "x");
        EXPECT_TRUE(found[7].at(1).at(1).is_nil());
        EXPECT_TRUE(found[7].at(2).is_array());
        EXPECT_TRUE(found[7].at(9).at(9).is_nil());
    }
}

TEST(protocol, whole_numbers) {
    const auto whole = [](std::string text) {
        return reply{.what = reply::kind::text, .text = std::move(text)}.whole();
    };
    EXPECT_EQ(whole("0"), 0);
    EXPECT_EQ(whole("9223372036854775807"), 9223372036854775807);
    for (const char* none : {"", "-1", "1 ", " 1", "x", "9223372036854775808", "1e3", "0x1"})
        EXPECT_EQ(whole(none), std::nullopt) << none;
    EXPECT_EQ((reply{.what = reply::kind::error, .text = "7"}.whole()), std::nullopt);
}

TEST(protocol, what_is_beyond_the_limits_is_refused) {
    EXPECT_EQ(error_of("$2000000\r\n" + std::string(1'000'001, 'x')), redis_error::too_large);
    EXPECT_EQ(error_of("*1001\r\n"), redis_error::too_large);
    EXPECT_EQ(error_of("*2000000000\r\n"), redis_error::too_large);
    std::string nested = "*600\r\n*600\r\n";
    EXPECT_EQ(error_of(nested), redis_error::too_large);
    EXPECT_EQ(error_of("*999\r\n"), base::error_code{});
    // The limits are those of one reply.
    reply_reader reader{{20, 3}};
    for (int i = 0; i < 10; ++i) {
        ASSERT_TRUE(reader.feed("*2\r\n:1\r\n:2\r\n"));
        const auto next = reader.next();
        ASSERT_TRUE(next && *next);
    }
}

TEST(protocol, what_is_no_reply_is_refused) {
    for (const char* bytes : {"HTTP/1.1 400 Bad Request\r\n", "\r\n", "$x\r\n", "*x\r\n", ":x\r\n",
                              "$-2\r\n", "*-2\r\n", "*99999999999999999999\r\n",
                              "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"})
        EXPECT_EQ(error_of(bytes), redis_error::strange) << bytes;
}

TEST(protocol, bytes_without_sense_never_crash) {
    std::mt19937 dice{7};
    constexpr std::string_view alphabet = "*$:+-0123456789\r\n\r\n\r\nxyz";
    for (int round = 0; round < 20'000; ++round) {
        std::string bytes;
        for (std::uint32_t n = dice() % 60; n > 0; --n)
            bytes += alphabet[dice() % alphabet.size()];
        reply_reader reader{{64, 16}};
        if (!reader.feed(bytes))
            continue;
        for (int i = 0; i < 10; ++i)
            if (const auto next = reader.next(); !next || !*next)
                break;
    }
}

TEST(protocol, commands_hold_any_bytes) {
    const std::string zero{"a\0b", 3};
    const std::string_view words[] = {"SET", zero, {}, "x y\r\n"};
    EXPECT_EQ(command_of(words),
              "*4\r\n$3\r\nSET\r\n$3\r\n" + zero + "\r\n$0\r\n\r\n$5\r\nx y\r\n\r\n");
}

} // namespace
} // namespace postern::sync::redis
