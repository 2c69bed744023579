#include "edge/http/conditions.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace postern::edge {
namespace {

constexpr validators file{.etag = "\"2ebcffe1-5\"", .modified_s = 784'111'777};
constexpr const char* same = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr const char* before = "Sun, 06 Nov 1994 08:49:36 GMT";
constexpr const char* after = "Sun, 06 Nov 1994 08:49:38 GMT";

using fields = std::vector<std::pair<known, const char*>>;

field_list list_of(const fields& given) {
    field_list list;
    for (const auto& [id, value] : given)
        list.push_back({.id = id, .name = "x", .value = value});
    return list;
}

TEST(conditions, table) {
    using enum condition;
    using enum known;
    const struct {
        fields given;
        condition expected;
    } rows[] = {
        {{}, send},
        {{{if_none_match, "\"2ebcffe1-5\""}}, not_modified},
        {{{if_none_match, "W/\"2ebcffe1-5\""}}, not_modified}, // weak comparison
        {{{if_none_match, "*"}}, not_modified},
        {{{if_none_match, "\"a\", \"2ebcffe1-5\""}}, not_modified},
        {{{if_none_match, "\"a\",W/\"b\",\"2ebcffe1-5\",\"c\""}}, not_modified},
        {{{if_none_match, "\"a\""}, {if_none_match, "\"2ebcffe1-5\""}}, not_modified},
        {{{if_none_match, ", ,\t\"2ebcffe1-5\""}}, not_modified},
        {{{if_none_match, "\"a,\"2ebcffe1-5\""}}, send}, // the tag is "a,", the rest is no list
        {{{if_none_match, "\"a\", \"b\""}}, send},
        {{{if_none_match, "2ebcffe1-5"}}, send},
        {{{if_none_match, "w/\"2ebcffe1-5\""}}, send}, // W/ has case
        {{{if_none_match, "\"2ebcffe1-5"}}, send},
        {{{if_none_match, ""}}, send},
        {{{if_none_match, "\"\""}}, send},
        {{{if_modified_since, same}}, not_modified},
        {{{if_modified_since, after}}, not_modified},
        {{{if_modified_since, before}}, send},
        {{{if_modified_since, "yesterday"}}, send},
        {{{if_none_match, "\"old\""}, {if_modified_since, after}}, send}, // the tag decides alone
        {{{if_none_match, ""}, {if_modified_since, after}}, send},
        {{{if_match, "\"2ebcffe1-5\""}}, send},
        {{{if_match, "*"}}, send},
        {{{if_match, "W/\"2ebcffe1-5\""}}, failed}, // strong comparison
        {{{if_match, "\"a\", \"b\""}}, failed},
        {{{if_match, ""}}, failed},
        {{{if_match, "\"a\", \"2ebcffe1-5\""}}, send},
        {{{if_unmodified_since, same}}, send},
        {{{if_unmodified_since, after}}, send},
        {{{if_unmodified_since, before}}, failed},
        {{{if_unmodified_since, "yesterday"}}, send},
        {{{if_match, "\"2ebcffe1-5\""}, {if_unmodified_since, before}}, send}, // the tag decides
        {{{if_match, "\"a\""}, {if_none_match, "*"}}, failed},                 // order of 13.2.2
        {{{if_match, "*"}, {if_none_match, "*"}}, not_modified},
        {{{if_unmodified_since, same}, {if_modified_since, same}}, not_modified},
    };
    for (const auto& row : rows)
        EXPECT_EQ(condition_of(list_of(row.given), file), row.expected)
            << "row " << &row - rows << ": " << (row.given.empty() ? "" : row.given[0].second);
}

TEST(conditions, if_range) {
    const struct {
        const char* value;
        bool expected;
    } rows[] = {
        {"\"2ebcffe1-5\"", true}, {"W/\"2ebcffe1-5\"", false},
        {"\"other\"", false},     {same, true},
        {before, false},          {after, false},
        {"rubbish", false},       {"", false},
    };
    EXPECT_TRUE(range_counts({}, file));
    for (const auto& row : rows)
        EXPECT_EQ(range_counts(list_of({{known::if_range, row.value}}), file), row.expected)
            << row.value;
}

} // namespace
} // namespace postern::edge
