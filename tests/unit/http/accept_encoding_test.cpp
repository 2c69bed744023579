#include "edge/http/accept_encoding.hpp"

#include <gtest/gtest.h>

#include <initializer_list>

namespace postern::edge {

void PrintTo(const coding_weights& w, std::ostream* out) {
    *out << "br " << w.brotli << " gzip " << w.gzip << " identity " << w.identity;
}

namespace {

TEST(accept_encoding, weights) {
    const struct {
        std::initializer_list<const char*> said;
        coding_weights expected;
    } rows[] = {
        {{}, {0, 0, 1}},
        {{""}, {0, 0, 1}},
        {{"gzip, deflate, br, zstd"}, {1000, 1000, 1}},
        {{"gzip", "br"}, {1000, 1000, 1}},
        {{"GZIP;Q=0.5 , Br ; q=0.25"}, {250, 500, 1}},
        {{"x-gzip"}, {0, 1000, 1}},
        {{"*"}, {1000, 1000, 1}},
        {{"*;q=0"}, {0, 0, 0}},
        {{"*;q=0.3, br;q=0"}, {0, 300, 1}},
        {{"gzip, *;q=0"}, {0, 1000, 0}},
        {{"gzip;q=0"}, {0, 0, 1}},
        {{"gzip;q=0.5, identity"}, {0, 500, 1000}},
        {{"identity;q=0, gzip"}, {0, 1000, 0}},
        {{"gzip;q=1.000, br;q=0.001"}, {1, 1000, 1}},
        {{"gzip;q=1."}, {0, 1000, 1}},
        // No weights: the member does not count.
        {{"gzip;q=1.001"}, {0, 0, 1}},
        {{"gzip;q=2"}, {0, 0, 1}},
        {{"gzip;q=-1"}, {0, 0, 1}},
        {{"gzip;q="}, {0, 0, 1}},
        {{"gzip;q"}, {0, 0, 1}},
        {{"gzip;"}, {0, 0, 1}},
        {{"gzip;q=0.1234"}, {0, 0, 1}},
        {{"gzip;q=0x1"}, {0, 0, 1}},
        {{"gzip;level=9"}, {0, 0, 1}},
        {{"gzipped, brotli, notbr"}, {0, 0, 1}},
    };
    for (const auto& row : rows) {
        field_list fields;
        fields.push_back({.id = known::other, .value = "br"});
        for (const char* value : row.said)
            fields.push_back({.id = known::accept_encoding, .value = value});
        EXPECT_EQ(coding_weights_of(fields), row.expected)
            << (row.said.size() ? *row.said.begin() : "nothing");
    }
}

} // namespace
} // namespace postern::edge
