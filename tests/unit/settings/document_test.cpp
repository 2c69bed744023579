#include "base/file.hpp"
#include "edge/settings/directives.hpp"
#include "edge/settings/document.hpp"
#include "edge/settings/settings_loader.hpp"

#include <gtest/gtest.h>

namespace postern::edge {
namespace {

const std::string source_folder = POSTERN_SOURCE_FOLDER;

std::string file_text(const std::string& name) {
    auto text = base::read_file(source_folder + "/" + name, 1024 * 1024);
    return text ? *text : "cannot read " + name;
}

TEST(document, the_conf_in_the_tree_is_the_generated_one) {
    EXPECT_EQ(file_text("conf/postern.conf"), documented_conf())
        << "postern help --conf > conf/postern.conf";
}

TEST(document, the_conf_loads_and_means_the_defaults) {
    const auto documented = parse_settings(documented_conf(), "/etc/postern/postern.conf");
    ASSERT_TRUE(documented) << documented.error().text();
    EXPECT_EQ(documented->pid_file, "/run/postern.pid");
    EXPECT_EQ(documented->servers.size(), 1U);
    EXPECT_FALSE(documented->lifecycle.launcher);
}

TEST(document, the_conf_loads_with_its_examples) {
    const auto whole = parse_settings(documented_conf(true), "/etc/postern/postern.conf");
    ASSERT_TRUE(whole) << whole.error().text();
    ASSERT_TRUE(whole->lifecycle.launcher);
    EXPECT_EQ(whole->servers.at(0).locations.size(), 5U);
}

TEST(document, the_conf_loads_once_its_comments_are_taken_off_a_block) {
    std::string text = documented_conf();
    const std::size_t start = text.find("    # launcher process {");
    const std::size_t end = text.find("\n    # }", start);
    ASSERT_NE(start, std::string::npos);
    ASSERT_NE(end, std::string::npos);
    std::string block = text.substr(start, end + 7 - start);
    for (std::size_t at = 0; (at = block.find("\n    #", at)) != std::string::npos; ++at)
        block.erase(at + 5, block.compare(at + 6, 1, " ") == 0 ? 2 : 1);
    block.erase(4, 2);
    text.replace(start, end + 7 - start, block);
    const auto made = parse_settings(text, "/etc/postern/postern.conf");
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_TRUE(made->lifecycle.launcher);
}

TEST(document, each_directive_stands_in_all_of_them) {
    const std::string conf = documented_conf();
    const std::string list = directive_list();
    const std::string manual = manual_page("1.2.3");
    for (const directive& d : all_directives()) {
        const std::string name{d.name};
        EXPECT_TRUE(conf.find(" " + name) != std::string::npos ||
                    conf.find("\n" + name) != std::string::npos)
            << name;
        EXPECT_NE(list.find("\n  " + name + " "), std::string::npos) << name;
        EXPECT_NE(manual.find("\\fB" + name + "\\fR"), std::string::npos) << name;
        const std::string help = directive_help(name);
        EXPECT_NE(help.find(std::string{d.line}.substr(0, 20)), std::string::npos) << name;
    }
    EXPECT_EQ(directive_help("nothing"), "");
}

TEST(document, help_says_all) {
    EXPECT_EQ(directive_help("idle_timeout"), "idle_timeout\n\n"
                                              "  syntax   idle_timeout TIME | off;\n"
                                              "  default  idle_timeout 5m;\n"
                                              "  context  lifecycle\n\n"
                                              "  A session that nobody uses for this long is "
                                              "stopped. off or 0: never. At least three times the\n"
                                              "  store's flush.\n\n"
                                              "  For example:\n"
                                              "    idle_timeout 15m;\n");
    EXPECT_NE(directive_help("listen").find("context  control\n"), std::string::npos);
    EXPECT_NE(directive_help("listen").find("context  server; may be repeated\n"),
              std::string::npos);
}

TEST(document, examples_are_right_where_they_stand) {
    // Those that stand for themselves in the main part; the others are in the conf with examples.
    for (const directive& d : all_directives()) {
        if ((d.contexts & context::main) == 0 || d.name == "include" || d.name == "user" ||
            d.name == "page")
            continue;
        const auto made = parse_settings(std::string{d.example}, "/etc/postern/postern.conf");
        EXPECT_TRUE(made) << d.name << ": " << (made ? "" : made.error().text());
    }
}

} // namespace
} // namespace postern::edge
