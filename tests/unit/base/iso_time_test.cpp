#include "base/iso_time.hpp"

#include <gtest/gtest.h>

namespace postern::base {
namespace {

constexpr std::int64_t at = 1755684000000; // 2025-08-20 10:00 UTC

TEST(iso_time, is_written_with_milliseconds) {
    EXPECT_EQ(iso_text(at + 123), "2025-08-20T10:00:00.123Z");
    EXPECT_EQ(iso_text(0), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(iso_text(-1), "1969-12-31T23:59:59.999Z");
}

TEST(iso_time, reads_what_it_writes) {
    for (const std::int64_t ms : {std::int64_t{0}, std::int64_t{1}, at + 999,
                                  std::int64_t{951'782'400'000}, // the 29th of February 2000
                                  std::int64_t{253'402'300'799'999}})
        EXPECT_EQ(iso_time_of(iso_text(ms), iso_form::complete), ms) << iso_text(ms);
}

TEST(iso_time, complete_texts) {
    const struct {
        const char* text;
        std::int64_t ms;
    } good[] = {
        {"2025-08-20T10:00:00Z", at},         {"2025-08-20 10:00:00z", at},
        {"2025-08-20T12:00:00+02:00", at},    {"2025-08-20T04:30:00-0530", at},
        {"2025-08-20T10:00:00.5Z", at + 500}, {"2025-08-20T10:00:00.123987654Z", at + 123},
        {"2025-08-20T09:59:60Z", at}, // a leap second is the next one
    };
    for (const auto& [said, ms] : good) {
        EXPECT_EQ(iso_time_of(said, iso_form::complete), ms) << said;
        EXPECT_EQ(iso_time_of(said, iso_form::loose), ms) << said;
    }
}

TEST(iso_time, loose_texts_may_lack_seconds_and_zone) {
    for (const char* said : {"2025-08-20T10:00Z", "2025-08-20T10:00:00", "2025-08-20t10:00:00Z",
                             "2025-08-20 10:00", "2025-08-20T12:00+02:00"}) {
        EXPECT_EQ(iso_time_of(said, iso_form::loose), at) << said;
        EXPECT_EQ(iso_time_of(said, iso_form::complete), std::nullopt) << said;
    }
}

TEST(iso_time, anything_else_is_none) {
    for (const char* said :
         {"", "x", "2025-08-20", "2025-08-20T", "2025-13-20T10:00:00Z", "2025-00-20T10:00:00Z",
          "2025-02-29T10:00:00Z", "2025-08-20T24:00:00Z", "2025-08-20T10:60:00Z",
          "2025-08-20T10:00:61Z", "2025-08-20T10:00:00.Z", "2025-08-20T10:00:00Q",
          "2025-08-20T10:00:00Zx", "2025-08-20T10:00:00+2", "2025-08-20T10:00:00+24:00",
          "2025-08-20T10:00:00+02:00x", "20250820T100000Z", "-025-08-20T10:00:00Z",
          "2025-08-20T+1:00:00Z"})
        for (const iso_form form : {iso_form::complete, iso_form::loose})
            EXPECT_EQ(iso_time_of(said, form), std::nullopt) << said;
}

} // namespace
} // namespace postern::base
