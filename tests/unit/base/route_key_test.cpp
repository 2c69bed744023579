// Two different sessions have two different route keys: by cases, and by random names over few
// letters.
#include "base/route_key.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace postern::base {
namespace {

using values = std::map<std::string_view, std::string>;
using kind = route_key_fault::kind;

struct made {
    made(const text_template& of, const values& named) {
        fault = make_route_key(
            of,
            [&](std::string_view name) -> std::optional<std::string_view> {
                const auto found = named.find(name);
                if (found == named.end())
                    return std::nullopt;
                return found->second;
            },
            key);
    }
    route_key_fault fault;
    std::string key;
};

text_template parsed(std::string_view text) {
    return text_template::parse(text).value();
}

TEST(route_key, a_value_ends_where_its_separator_begins) {
    const struct {
        std::string_view of;
        values named;
        std::string key; // empty: ambiguous
    } cases[] = {
        {"{a}-{b}", {{"a", "x"}, {"b", "y"}}, "x-y"},
        {"{a}-{b}", {{"a", "x"}, {"b", "y-z-"}}, "x-y-z-"},
        {"{a}-{b}", {{"a", "x-y"}, {"b", "z"}}, ""},
        {"{a}-{b}", {{"a", "-"}, {"b", "z"}}, ""},
        {"{a}--{b}", {{"a", "x-y"}, {"b", "z"}}, "x-y--z"},
        {"{a}--{b}", {{"a", "x-"}, {"b", "z"}}, ""},
        {"{a}--{b}", {{"a", "x--y"}, {"b", "z"}}, ""},
        {"{a}.-.{b}", {{"a", "x.-"}, {"b", "z"}}, ""},
        {"{a}.-.{b}", {{"a", "x."}, {"b", "z"}}, "x..-.z"},
        {"{a}ab{b}", {{"a", "a"}, {"b", "b"}}, "aabb"},
        {"{a}-{b}.{c}", {{"a", "x.y"}, {"b", "y-z"}, {"c", "-."}}, "x.y-y-z.-."},
        {"{a}-{b}.{c}", {{"a", "x"}, {"b", "y.z"}, {"c", "c"}}, ""},
        {"s-{a}-e", {{"a", "x-e-e"}}, "s-x-e-e-e"},
        {"{a}-{b}-", {{"a", "x"}, {"b", "y-"}}, "x-y--"},
    };
    for (const auto& c : cases) {
        const text_template of = parsed(c.of);
        const made one{of, c.named};
        EXPECT_EQ(one.fault.what, c.key.empty() ? kind::ambiguous : kind::none) << c.of;
        if (!c.key.empty()) {
            EXPECT_EQ(one.key, c.key);
        }
    }
}

TEST(route_key, is_never_empty_too_long_or_without_a_value) {
    const text_template of = parsed("{a}-{b}");
    EXPECT_EQ((made{of, {{"a", "x"}}}.fault.what), kind::missing);
    EXPECT_EQ((made{of, {{"a", "x"}}}.fault.name), "b");
    EXPECT_EQ((made{of, {{"a", ""}, {"b", "y"}}}.fault.what), kind::missing);
    EXPECT_EQ((made{of, {{"a", "x"}, {"b", std::string(253, 'y')}}}.fault.what), kind::none);
    EXPECT_EQ((made{of, {{"a", "x"}, {"b", std::string(254, 'y')}}}.fault.what), kind::size);
    const made far{of, {{"a", "x"}, {"b", std::string(10'000, 'y')}}};
    EXPECT_EQ(far.fault.what, kind::size);
    EXPECT_LE(far.key.capacity(), 255U) << "a connection keeps the room that its keys had";
    EXPECT_EQ((made{of, {{"a", std::string(10'000, 'y')}}}.fault.what), kind::missing);
    EXPECT_EQ((made{parsed(""), {}}.fault.what), kind::size);
}

TEST(route_key, a_template_whose_names_touch_is_refused) {
    EXPECT_TRUE(check_route_key(parsed("{a}-{b}")));
    EXPECT_TRUE(check_route_key(parsed("x{a}y")));
    const auto refused = check_route_key(parsed("x-{a}{b}-{c}"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().what, "nothing stands between {a} and {b}, so that two sessions "
                                    "could share one key; write x-{a}@{b}@{c}");
    EXPECT_EQ((made{parsed("{a}{b}"), {{"a", "x"}, {"b", "y"}}}.fault.what), kind::ambiguous);
}

TEST(route_key, says_which_value_and_what_would_be_right) {
    const text_template of = parsed("{clientId}-{threadId}");
    const values named{{"clientId", "a-b"}, {"threadId", "c"}};
    const made one{of, named};
    EXPECT_EQ(one.fault.name, "clientId");
    EXPECT_EQ(one.fault.separator, "-");
    EXPECT_EQ(text_of(one.fault, of),
              "clientId \"a-b\" does not go with route_key {clientId}-{threadId}: what follows "
              "clientId there is \"-\", and with it inside or at the end of clientId two sessions "
              "could share one key; take another clientId, or another route_key, such as "
              "{clientId}@{threadId}");
}

TEST(route_key, random_names_never_share_one) {
    std::mt19937_64 random{20'231};
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    const auto word = [&](std::size_t least, std::size_t most) {
        std::string text;
        for (std::size_t n = least + below(most - least + 1); n > 0; --n)
            text += "-.a"[below(3)];
        return text;
    };
    std::size_t keys = 0;
    std::size_t refused = 0;
    for (int round = 0; round < 400; ++round) {
        const std::string text = word(0, 1) + "{a}" + word(1, 3) + "{b}" +
                                 (below(2) == 0 ? word(1, 3) + "{c}" : "") + word(0, 2);
        const text_template of = parsed(text);
        ASSERT_TRUE(check_route_key(of));
        const bool has_c = of.names().size() == 3;
        std::map<std::string, values> owner;
        for (int i = 0; i < 300; ++i) {
            values named{{"a", word(1, 4)}, {"b", word(1, 4)}};
            if (has_c)
                named["c"] = word(1, 4);
            const made one{of, named};
            if (one.fault) {
                ++refused;
                continue;
            }
            ++keys;
            values back;
            ASSERT_TRUE(read_route_key(
                of, one.key,
                [&](std::string_view name, std::string_view v) { back.emplace(name, v); }))
                << text << " made " << one.key;
            ASSERT_EQ(back, named) << text << " made " << one.key;
            const auto [at, is_new] = owner.try_emplace(one.key, named);
            ASSERT_TRUE(is_new || at->second == named) << text << " makes " << one.key << " twice";
        }
    }
    EXPECT_GT(keys, 10'000U);
    EXPECT_GT(refused, 10'000U);
}

TEST(route_key, its_values_make_other_texts) {
    const auto made = [](const char* wanted, const char* of, const char* key) {
        return text_of_route_key(parsed(wanted), parsed(of), key).value_or("-");
    };
    EXPECT_EQ(made("{sessionId}", "{sessionId}", "s1"), "s1");
    EXPECT_EQ(made("{a}#{b}", "{b}/{a}", "x/y"), "y#x");
    EXPECT_EQ(made("id-{b}", "{a}-{b}", "x-y-z"), "id-y-z");
    EXPECT_EQ(made("{c}", "{a}-{b}", "x-y"), "-") << "a name that the key has not";
    EXPECT_EQ(made("{a}", "{a}-{b}", "xy"), "-") << "no key";
    EXPECT_EQ(made("{a}", "{a}-{b}", "-y"), "-");
    EXPECT_EQ(made("{a}", "{a}-{b}", "x-"), "-");
    EXPECT_EQ(made("{a}", "p/{a}", "q/x"), "-");
    EXPECT_EQ(made("{a}", "{a}.end", "x.end.end"), "x.end");
    EXPECT_EQ(made("{a}", "{a}.end", "x.ende"), "-");
    EXPECT_EQ(made("{a}", "{a}{b}", "xy"), "-") << "where the one ends, nobody knows";
}

} // namespace
} // namespace postern::base
