#include "edge/http/http_date.hpp"

#include <gtest/gtest.h>

namespace postern::edge {
namespace {

TEST(http_date, writes_imf_fixdate) {
    EXPECT_EQ(http_date(784'111'777), "Sun, 06 Nov 1994 08:49:37 GMT"); // RFC 9110's example
    EXPECT_EQ(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
    EXPECT_EQ(http_date(-1), "Wed, 31 Dec 1969 23:59:59 GMT");
    EXPECT_EQ(http_date(951'782'400), "Tue, 29 Feb 2000 00:00:00 GMT");
    EXPECT_EQ(http_date(INT64_MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
    EXPECT_EQ(http_date(INT64_MIN).substr(0, 16), "Sat, 01 Jan 0000");
}

TEST(http_date, reads_the_three_forms) {
    const struct {
        const char* text;
        std::int64_t epoch_s;
    } rows[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784'111'777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784'111'777},
        {"Sun Nov  6 08:49:37 1994", 784'111'777},
        {"Wed Nov 16 08:49:37 1994", 784'975'777},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Tuesday, 19-Jan-38 03:14:08 GMT", 2'147'483'648},
        {"Thursday, 01-Jan-70 00:00:00 GMT", 0},
        {"Tue, 29 Feb 2000 00:00:00 GMT", 951'782'400},
        {"Sat, 31 Dec 2016 23:59:60 GMT", 1'483'228'799}, // a leap second
    };
    for (const auto& row : rows)
        EXPECT_EQ(parse_http_date(row.text), row.epoch_s) << row.text;
}

TEST(http_date, refuses_everything_else) {
    for (const char* text :
         {"", "0", "now", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
          "Sun, 6 Nov 1994 08:49:37 GMT", "sun, 06 nov 1994 08:49:37 gmt",
          "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 06 Nov 1994 24:00:00 GMT",
          "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
          "Sun, 31 Nov 1994 08:49:37 GMT", "Sun, 29 Feb 1900 08:49:37 GMT",
          "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Nov -994 08:49:37 GMT",
          "Sun, 06 Nov 1994 08:49:3", "Sunday, 06-Nov-1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994",
          "Sun, 06 Foo 1994 08:49:37 GMT"})
        EXPECT_EQ(parse_http_date(text), std::nullopt) << text;
}

TEST(http_date, what_is_written_is_read) {
    for (std::int64_t at = 0; at < 4'000'000'000; at += 86'399 * 97)
        EXPECT_EQ(parse_http_date(http_date(at)), at);
}

TEST(http_date, now_follows_the_clock) {
    base::manual_clock time{base::wall_time{std::chrono::milliseconds{784'111'777'999}}};
    EXPECT_EQ(http_date_now(time), "Sun, 06 Nov 1994 08:49:37 GMT");
    time.advance(std::chrono::milliseconds{1});
    EXPECT_EQ(http_date_now(time), "Sun, 06 Nov 1994 08:49:38 GMT");
    time.advance(std::chrono::hours{-2}); // a clock that was set back
    EXPECT_EQ(http_date_now(time), "Sun, 06 Nov 1994 06:49:38 GMT");
}

} // namespace
} // namespace postern::edge
