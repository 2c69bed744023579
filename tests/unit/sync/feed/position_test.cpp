#include "sync/feed/position.hpp"

#include <gtest/gtest.h>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;

stream_position some_position() {
    return {"arn:aws:dynamodb:r:1:table/t/stream/2026-01-01T00:00:00.000",
            1'700'000'000'000,
            {{"shardId-1", "", iterator_at::after_sequence, "000000000000000000017"},
             {"H:18%x", "shardId-0", iterator_at::trim_horizon, ""},
             {"shardId-3", "shardId-2", iterator_at::latest, ""}},
            {1, 0xfedc'ba98'7654'3210}};
}

TEST(position, is_read_back_as_it_was_written) {
    const auto all = some_position();
    EXPECT_EQ(
        text_of(all),
        "streams1 arn:aws:dynamodb:r:1:table/t/stream/2026-01-01T00:00:00.000 1700000000000 3 "
        "shardId-1 - 000000000000000000017 H:18%x shardId-0 T shardId-3 shardId-2 L "
        "0000000000000001fedcba9876543210");
    EXPECT_EQ(stream_position_of(text_of(all)), all);
    const stream_position bare{"arn", 5, {}, {}};
    EXPECT_EQ(text_of(bare), "streams1 arn 5 0 -");
    EXPECT_EQ(stream_position_of(text_of(bare)), bare);
}

TEST(position, nothing_else_is_one) {
    for (const char* text : {"",
                             "streams1",
                             "streams2 arn 5 0 -",
                             "streams1 arn 5 0",
                             "streams1 arn 5 0 - ",
                             "streams1 arn 5 0 - x",
                             " streams1 arn 5 0 -",
                             "streams1  5 0 -",
                             "streams1 arn x 0 -",
                             "streams1 arn -5 0 -",
                             "streams1 arn 5 1 -",
                             "streams1 arn 5 -1 -",
                             "streams1 arn 5 99999999999999999999 -",
                             "streams1 arn 5 1000000000 -",
                             "streams1 arn 5 1 s - X -",
                             "streams1 arn 5 1 s - 12a -",
                             "streams1 arn 5 1 s - T",
                             "streams1 arn 5 1 s  T -",
                             "streams1 arn 5 0 00",
                             "streams1 arn 5 0 000000000000000g",
                             "streams1 arn 5 0 00000000000000010",
                             "streams1 a\trn 5 0 -",
                             "streams1 a\xffn 5 0 -",
                             "streams1-loading",
                             "streams1 arn 5 1 s - "
                             "11111111111111111111111111111111111111111111111111111111111111111 -"})
        EXPECT_FALSE(stream_position_of(text)) << text;
}

TEST(position, a_damaged_one_is_refused_or_read_but_never_more) {
    const std::string good = text_of(some_position());
    for (std::size_t at = 0; at < good.size(); ++at)
        for (const char c : {' ', '0', 'L', '\0', '\xff'}) {
            std::string bad = good;
            bad[at] = c;
            if (const auto read = stream_position_of(bad)) {
                EXPECT_EQ(text_of(*read), bad);
            }
        }
    for (std::size_t size = 0; size < good.size(); ++size)
        if (const auto read = stream_position_of(good.substr(0, size))) {
            EXPECT_EQ(read->open, some_position().open);
        }
}

TEST(position, why_it_cannot_be_gone_on_from) {
    stream_position one = some_position();
    const std::string arn = one.arn;
    const std::int64_t now = one.at_ms;
    EXPECT_NE(resume_obstacle(text_of(one), arn, now, 20h), "") << "a shard at its end";
    one.open.pop_back();
    const std::string good = text_of(one);
    EXPECT_EQ(resume_obstacle(good, arn, now, 20h), "");
    EXPECT_EQ(resume_obstacle(good, arn, now + 20 * 3'600'000 - 1, 20h), "");
    EXPECT_NE(resume_obstacle(good, arn, now + 20 * 3'600'000, 20h), "");
    EXPECT_EQ(resume_obstacle(good, arn, now - 60'000, 20h), "") << "clocks differ a little";
    EXPECT_NE(resume_obstacle(good, arn, now - 3'600'000, 20h), "");
    EXPECT_NE(resume_obstacle(good, arn + "2", now, 20h), "");
    EXPECT_NE(resume_obstacle("", arn, now, 20h), "");
    EXPECT_NE(resume_obstacle(loading_position, arn, now, 20h), "");
    EXPECT_NE(resume_obstacle("poll1 1700000000000", arn, now, 20h), "");
}

TEST(position, sequence_numbers_are_numbers) {
    EXPECT_TRUE(is_after("10", "9"));
    EXPECT_FALSE(is_after("9", "10"));
    EXPECT_FALSE(is_after("7", "7"));
    EXPECT_FALSE(is_after("0007", "7"));
    EXPECT_TRUE(is_after("000000000000000000100", "99"));
    EXPECT_TRUE(is_after("1234567890123456789012345678901234567891",
                         "1234567890123456789012345678901234567890"));
}

TEST(position, a_shards_hash_is_the_same_in_every_build) {
    EXPECT_EQ(shard_hash("shardId-00000001573209866532-9c4ff2b1"), 862'700'924'043'959'681U);
    EXPECT_NE(shard_hash("shardId-1"), shard_hash("shardId-2"));
}

} // namespace
} // namespace postern::sync
