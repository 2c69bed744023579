#include "base/text_template.hpp"

#include <gtest/gtest.h>

#include <map>

namespace postern::base {
namespace {

std::optional<std::string> filled(std::string_view text,
                                  std::map<std::string_view, std::string_view> values) {
    const auto parsed = text_template::parse(text);
    if (!parsed)
        return "error: " + parsed.error().what;
    return parsed->fill([&](std::string_view name) -> std::optional<std::string_view> {
        const auto found = values.find(name);
        if (found == values.end())
            return std::nullopt;
        return found->second;
    });
}

TEST(text_template, replaces_names) {
    EXPECT_EQ(filled("{clientId}-{threadId}", {{"clientId", "acme"}, {"threadId", "t1"}}),
              "acme-t1");
    EXPECT_EQ(filled("--port {port}", {{"port", "4321"}}), "--port 4321");
    EXPECT_EQ(filled("plain", {}), "plain");
    EXPECT_EQ(filled("", {}), "");
}

TEST(text_template, doubled_braces_are_braces) {
    EXPECT_EQ(filled("{{\"a\":{x}}}", {{"x", "1"}}), "{\"a\":1}");
}

TEST(text_template, a_name_without_value_gives_nothing) {
    EXPECT_EQ(filled("{a}{b}", {{"a", "1"}}), std::nullopt);
}

TEST(text_template, says_what_is_wrong) {
    EXPECT_EQ(filled("x{a", {}), "error: \"x{a\": '{' without its '}'");
    EXPECT_EQ(filled("a}", {}), "error: \"a}\": '}' without its '{'; write '}}' for a brace");
    EXPECT_EQ(filled("{1a}", {}), "error: \"{1a}\": \"1a\" is no name; letters, digits and _");
}

} // namespace
} // namespace postern::base
