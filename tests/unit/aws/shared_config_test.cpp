#include "sync/aws/shared_config.hpp"
#include "tests/unit/aws/fakes.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace postern::sync::aws {
namespace {

using testing::HasSubstr;

struct shared_config_test : testing::Test {
    shared_config read;
    std::string value(const char* of, const char* name) {
        const profile* const p = read.find(of);
        return p == nullptr ? "no profile" : setting(*p, name).value_or("nothing");
    }
};

TEST_F(shared_config_test, knows_the_two_kinds_of_sections) {
    ASSERT_TRUE(read.add(config_kind::config,
                         "[default]\na=1\n[profile dev]\na = 2\n[dev]\na=3\n[profiles]\na=4\n"
                         "[profile\tx ]\na=5\n[services s]\na=6\n[profile 'q r']\na=7\n",
                         "config"));
    EXPECT_EQ(value("default", "a"), "1");
    EXPECT_EQ(value("dev", "a"), "2");
    EXPECT_EQ(value("x", "a"), "5");
    EXPECT_EQ(value("q r", "a"), "7");
    EXPECT_EQ(value("s", "a"), "no profile");
    EXPECT_EQ(value("profiles", "a"), "no profile");
    ASSERT_TRUE(read.add(config_kind::credentials, "[dev]\na=8\n[profile z]\na=9", "credentials"));
    EXPECT_EQ(value("dev", "a"), "8"); // the credentials file goes first
    EXPECT_EQ(value("profile z", "a"), "9");
    EXPECT_EQ(value("z", "a"), "no profile");
}

TEST_F(shared_config_test, reads_values_as_they_are_written) {
    ASSERT_TRUE(
        read.add(config_kind::config,
                 "\r\n# c\n ; c\n[default] # c\nA_B = x y \r\nslash=a/b+c==\ncomment = v # c\n"
                 "hash = a#b;c\nempty =\nblock =\n  inner = 1\n\tinner = 2\nlast=1",
                 "config"));
    EXPECT_EQ(value("default", "a_b"), "x y");
    EXPECT_EQ(value("default", "slash"), "a/b+c==");
    EXPECT_EQ(value("default", "comment"), "v");
    EXPECT_EQ(value("default", "hash"), "a#b;c");
    EXPECT_EQ(value("default", "empty"), "nothing");
    EXPECT_EQ(value("default", "block"), "nothing");
    EXPECT_EQ(value("default", "inner"), "nothing");
    EXPECT_EQ(value("default", "last"), "1");
}

TEST_F(shared_config_test, names_the_line_and_not_what_stands_in_it) {
    for (const auto& [text, line] : std::map<std::string, int>{
             {"secret=1", 1}, {"[a]\n\nsecret", 3}, {"[a]\n= secret", 2}, {"# x\n[secret", 2}}) {
        const auto bad = shared_config{}.add(config_kind::config, text, "FILE");
        ASSERT_FALSE(bad) << text;
        EXPECT_THAT(bad.error().what, HasSubstr(fmt::format("FILE:{}: ", line)));
        EXPECT_EQ(bad.error().what.find("secret"), std::string::npos);
    }
}

TEST_F(shared_config_test, looks_where_the_environment_says) {
    const std::string home = testing::TempDir() + "home";
    std::filesystem::create_directories(home + "/.aws");
    std::ofstream{home + "/.aws/config"} << "[default]\nregion = of-home\n";
    std::ofstream{home + "/other"} << "[default]\nregion = of-other\n";
    const auto region = [](std::map<std::string, std::string> env) {
        const auto got = shared_config::load(fixed_environment(std::move(env)));
        if (!got)
            return std::string{name_of(error_in(got))};
        const profile* const p = got->find("default");
        return p == nullptr ? "nothing" : setting(*p, "region").value_or("none");
    };
    EXPECT_EQ(region({}), "nothing");
    EXPECT_EQ(region({{"HOME", home}}), "of-home");
    EXPECT_EQ(region({{"HOME", home}, {"AWS_CONFIG_FILE", "~/other"}}), "of-other");
    EXPECT_EQ(region({{"HOME", home}, {"AWS_CONFIG_FILE", home + "/none"}}), "nothing");
    // A HOME that is no folder is not ours to look at; a file that someone named has to be one.
    EXPECT_EQ(region({{"HOME", home + "/other"}}), "nothing");
    EXPECT_EQ(region({{"HOME", home}, {"AWS_CONFIG_FILE", home + "/other/x"}}), "misconfigured");
    EXPECT_EQ(region({{"AWS_CONFIG_FILE", home}}), "misconfigured");
}

} // namespace
} // namespace postern::sync::aws
