// Any bytes as the conditional headers and ranges of a request for a file.
#include "base/check.hpp"
#include "edge/http/byte_ranges.hpp"
#include "edge/http/conditions.hpp"
#include "edge/http/http_date.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace edge = postern::edge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using edge::known;
    constexpr known ids[] = {known::if_match, known::if_none_match, known::if_modified_since,
                             known::if_unmodified_since, known::if_range};
    std::string_view left{reinterpret_cast<const char*>(data), size};
    edge::field_list fields;
    while (!left.empty() && fields.size() < 16) { // a line a field; its first byte says which
        const std::string_view line = left.substr(0, left.find('\n'));
        left.remove_prefix(std::min(line.size() + 1, left.size()));
        if (line.empty())
            continue;
        const std::string_view value = line.substr(1);
        fields.push_back({.id = ids[static_cast<unsigned char>(line[0]) % std::size(ids)],
                          .name = "x",
                          .value = value});

        for (const std::uint64_t file_bytes : {0ULL, 1ULL, 1000ULL, ~0ULL}) {
            const edge::byte_range range = edge::byte_range_of(value, file_bytes);
            if (range.kind != edge::range_kind::part)
                continue;
            POSTERN_CHECK(range.length > 0 && range.offset < file_bytes);
            POSTERN_CHECK(range.length <= file_bytes - range.offset);
        }
        if (const auto date = edge::parse_http_date(value))
            POSTERN_CHECK(edge::parse_http_date(edge::http_date(*date)) == date);
    }
    const edge::validators file{.etag = "\"2ebc98a1-a\"", .modified_s = 784'111'777};
    const auto outcome = edge::condition_of(fields, file);
    POSTERN_CHECK(!fields.empty() || outcome == edge::condition::send);
    [[maybe_unused]] const bool counts = edge::range_counts(fields, file);
    return 0;
}
