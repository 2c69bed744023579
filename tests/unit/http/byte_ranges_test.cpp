#include "edge/http/byte_ranges.hpp"

#include <gtest/gtest.h>

namespace postern::edge {
namespace {

constexpr byte_range whole{};
constexpr byte_range unsatisfiable{.kind = range_kind::unsatisfiable};
constexpr byte_range part(std::uint64_t offset, std::uint64_t length) {
    return {.kind = range_kind::part, .offset = offset, .length = length};
}

TEST(byte_ranges, table) {
    const struct {
        const char* range;
        std::uint64_t file_bytes;
        byte_range expected;
    } rows[] = {
        {"bytes=0-99", 1000, part(0, 100)},
        {"bytes=0-0", 1000, part(0, 1)},
        {"bytes=999-999", 1000, part(999, 1)},
        {"bytes=500-", 1000, part(500, 500)},
        {"bytes=0-", 1000, part(0, 1000)},
        {"bytes=-1", 1000, part(999, 1)},
        {"bytes=-500", 1000, part(500, 500)},
        {"bytes=-1000", 1000, part(0, 1000)},
        {"bytes=-5000", 1000, part(0, 1000)},
        {"bytes=990-2000", 1000, part(990, 10)},
        {"BYTES=0-1", 1000, part(0, 2)},
        {"bytes= 0-1 ", 1000, part(0, 2)},
        {"bytes=,0-1,", 1000, part(0, 2)},
        {"bytes=00000000000000000000000000-1", 1000, part(0, 2)},
        {"bytes=0-18446744073709551615", 1000, part(0, 1000)},
        {"bytes=0-99999999999999999999999999", 1000, part(0, 1000)},
        {"bytes=-99999999999999999999999999", 1000, part(0, 1000)},
        {"bytes=1000-", 1000, unsatisfiable},
        {"bytes=1000-1001", 1000, unsatisfiable},
        {"bytes=99999999999999999999999999-", 1000, unsatisfiable},
        {"bytes=-0", 1000, unsatisfiable},
        {"bytes=0-", 0, unsatisfiable},
        {"bytes=0-0", 0, unsatisfiable},
        {"bytes=-5", 0, whole},
        {"bytes=0-1,5-6", 1000, whole},
        {"bytes=0-1, 5-6", 1000, whole},
        {"bytes=5-2", 1000, whole},
        {"bytes=", 1000, whole},
        {"bytes=-", 1000, whole},
        {"bytes=,", 1000, whole},
        {"bytes=a-b", 1000, whole},
        {"bytes=1-b", 1000, whole},
        {"bytes=a-1", 1000, whole},
        {"bytes=--1", 1000, whole},
        {"bytes=1--1", 1000, whole},
        {"bytes=+1-2", 1000, whole},
        {"bytes=0x1-2", 1000, whole},
        {"bytes=1 -2", 1000, whole},
        {"bytes=1", 1000, whole},
        {"bytes =0-1", 1000, whole},
        {"bytes0-1", 1000, whole},
        {"items=0-1", 1000, whole},
        {"", 1000, whole},
    };
    for (const auto& row : rows) {
        const byte_range got = byte_range_of(row.range, row.file_bytes);
        EXPECT_EQ(got, row.expected)
            << row.range << " of " << row.file_bytes << ": " << got.offset << "+" << got.length;
    }
}

TEST(byte_ranges, a_part_is_never_empty_nor_outside) {
    for (std::uint64_t size = 0; size < 6; ++size)
        for (int first = -1; first < 7; ++first)
            for (int last = -1; last < 7; ++last) {
                const std::string text = "bytes=" + (first < 0 ? "" : std::to_string(first)) + "-" +
                                         (last < 0 ? "" : std::to_string(last));
                const byte_range got = byte_range_of(text, size);
                if (got.kind != range_kind::part)
                    continue;
                EXPECT_GT(got.length, 0U) << text;
                EXPECT_LE(got.offset + got.length, size) << text;
            }
}

} // namespace
} // namespace postern::edge
