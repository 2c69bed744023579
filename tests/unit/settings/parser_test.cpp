#include "base/file.hpp"
#include "edge/settings/parser.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <sys/stat.h>

namespace postern::edge {
namespace {

std::string text_of(const std::vector<directive_node>& nodes) {
    std::string out;
    for (const directive_node& node : nodes) {
        out += std::to_string(node.line) + ":" + node.name;
        for (const auto& word : node.words)
            out += " " + word.text;
        out += node.has_block ? "{" + text_of(node.children) + "}" : ";";
    }
    return out;
}

/// A folder of its own, gone at the end.
class conf_folder : public testing::Test {
  protected:
    conf_folder() {
        std::string name = testing::TempDir() + "postern_conf_XXXXXX";
        folder_ = ::mkdtemp(name.data());
    }
    ~conf_folder() override { std::filesystem::remove_all(folder_); }
    void write(const std::string& name, const std::string& text) {
        std::filesystem::create_directories(
            std::filesystem::path{folder_ + "/" + name}.parent_path());
        ASSERT_TRUE(base::replace_file(folder_ + "/" + name, text, 0600));
    }
    [[nodiscard]] conf_tree parsed(const std::string& text, const conf_limits& limits = {}) const {
        return parse_conf(text, folder_ + "/main.conf", limits);
    }
    /// Tree and error, with the folder's name left out.
    [[nodiscard]] std::string outcome(const std::string& text,
                                      const conf_limits& limits = {}) const {
        const conf_tree tree = parsed(text, limits);
        std::string out = text_of(tree.top);
        if (tree.error)
            out += " !" + tree.error->text();
        for (std::size_t at; (at = out.find(folder_ + "/")) != std::string::npos;)
            out.erase(at, folder_.size() + 1);
        return out;
    }
    std::string folder_;
};

TEST_F(conf_folder, a_tree_keeps_order_lines_and_nesting) {
    EXPECT_EQ(outcome("a;\nb c d;\ne f {\n g; h { } }\n"), "1:a;2:b c d;3:e f{4:g;4:h{}}");
}

TEST_F(conf_folder, what_came_before_an_error_is_kept) {
    EXPECT_EQ(outcome("a;\nb {\n c;\n d"),
              "1:a;2:b{3:c;} !main.conf:4: directive \"d\": the file ends before its \";\"");
}

TEST_F(conf_folder, errors_of_form) {
    EXPECT_EQ(
        outcome("a {\nb;\n"),
        "1:a{2:b;} !main.conf:3: the file ends, but the block of \"a\" in line 1 has no \"}\"");
    EXPECT_EQ(outcome("a;}"),
              "1:a; !main.conf:1: \"}\" closes no block; is a \"{\" missing above?");
    EXPECT_EQ(outcome("a;;"), "1:a; !main.conf:1: \";\" ends no directive; one too many?");
    EXPECT_EQ(outcome("{ }"), " !main.conf:1: \"{\" opens a block of no directive");
    EXPECT_EQ(outcome("a { b\nc\n}"),
              "1:a{} !main.conf:2: directive \"b\": a \";\" is missing before the \"}\"");
    EXPECT_EQ(outcome("a { b 'c"), "1:a{} !main.conf:1: the ' that opens here is never closed");
}

TEST_F(conf_folder, include_reads_in_place_and_in_order) {
    write("sites/b.conf", "two;");
    write("sites/a.conf", "one;\none;");
    write("sites/c.txt", "three;");
    EXPECT_EQ(outcome("x { include sites/*.conf; } y;"), "1:x{1:one;2:one;1:two;}1:y;");
    EXPECT_EQ(outcome("include sites/nothing*; y;"), "1:y;");
    EXPECT_EQ(outcome("include " + folder_ + "/sites/c.txt;"), "1:three;");
}

TEST_F(conf_folder, an_included_directive_knows_its_file) {
    write("in.conf", "\nz;");
    const conf_tree tree = parsed("include in.conf;");
    ASSERT_EQ(tree.top.size(), 1U);
    EXPECT_EQ(*tree.top[0].file, folder_ + "/in.conf");
    EXPECT_EQ(tree.top[0].line, 2U);
}

TEST_F(conf_folder, paths_in_an_included_file_start_at_the_main_conf) {
    write("a/one.conf", "include b/two.conf;");
    write("b/two.conf", "two;");
    EXPECT_EQ(outcome("include a/one.conf;"), "1:two;");
}

TEST_F(conf_folder, a_block_begins_and_ends_in_one_file) {
    write("open.conf", "x {");
    EXPECT_EQ(outcome("include open.conf; }"),
              "1:x{} !open.conf:1: the file ends, but the block of \"x\" in line 1 has no \"}\"");
}

TEST_F(conf_folder, include_says_what_is_wrong) {
    write("loop.conf", "include loop.conf;");
    ASSERT_EQ(::mkfifo((folder_ + "/fifo").c_str(), 0600), 0);
    const auto refused = [&](const std::string& text) { return outcome(text); };
    EXPECT_EQ(refused("include gone.conf;"),
              " !main.conf:1: directive \"include\": gone.conf: No such file or directory");
    EXPECT_EQ(refused("include fifo;"),
              " !main.conf:1: directive \"include\": fifo: is no regular file");
    EXPECT_EQ(refused("include /dev/zero;"),
              " !main.conf:1: directive \"include\": /dev/zero: is no regular file");
    EXPECT_EQ(refused("include a b;"),
              " !main.conf:1: directive \"include\": takes 1 argument (FILE), not 2");
    EXPECT_EQ(refused("include '';"), " !main.conf:1: directive \"include\": \"\" is no file");
    EXPECT_EQ(refused("include a { }"),
              " !main.conf:1: directive \"include\": takes no block; end it with \";\"");
    EXPECT_EQ(refused("include loop.conf;"),
              " !loop.conf:1: directive \"include\": files include each other more than 10 deep");
    EXPECT_EQ(refused("include */*/*/x;"),
              " !main.conf:1: directive \"include\": \"*/*/*/x\" has too many wildcards; 8 in 2 "
              "parts of the path at most");
}

TEST_F(conf_folder, everything_has_a_bound) {
    write("twice.conf", "include twice2.conf; include twice2.conf;");
    write("twice2.conf", "x;");
    EXPECT_EQ(outcome("include twice.conf;", {.files = 3}),
              "1:x; !twice.conf:1: directive \"include\": more than 3 files");
    EXPECT_EQ(outcome("a;b;c;", {.directives = 2}),
              "1:a;1:b; !main.conf:1: more than 2 directives");
    EXPECT_EQ(outcome("a b c d;", {.words = 2}),
              " !main.conf:1: directive \"a\": more than 2 arguments; is a \";\" missing?");
    EXPECT_EQ(outcome("a{b{c{d;}}}", {.block_depth = 2}),
              "1:a{1:b{1:c{}}} !main.conf:1: directive \"c\": blocks lie more than 2 deep here");
    EXPECT_EQ(outcome("abcdef;", {.file_bytes = 6}), " !main.conf: is larger than 6 bytes");
    write("large.conf", std::string(30, '#'));
    EXPECT_EQ(outcome("include large.conf;", {.file_bytes = 20}),
              " !main.conf:1: directive \"include\": large.conf: is larger than 20 bytes");
    EXPECT_EQ(outcome("include large.conf;", {.file_bytes = 30, .all_bytes = 40}),
              " !main.conf:1: directive \"include\": more than 0 MiB of conf files");
}

TEST(paths, start_at_the_confs_folder) {
    EXPECT_EQ(path_from("/etc/postern", "a/b"), "/etc/postern/a/b");
    EXPECT_EQ(path_from("/etc/postern", "/a"), "/a");
    EXPECT_EQ(path_from("/", "a"), "/a");
    EXPECT_EQ(folder_of("/etc/postern/postern.conf"), "/etc/postern");
    EXPECT_EQ(folder_of("/postern.conf"), "/");
}

} // namespace
} // namespace postern::edge
