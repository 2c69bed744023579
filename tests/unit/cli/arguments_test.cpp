#include "edge/cli/arguments.hpp"
#include "edge/cli/version.hpp"

#include <gtest/gtest.h>

namespace postern::edge {
namespace {

std::string wrong_with(const std::vector<std::string>& words) {
    const auto line = parse_arguments(words);
    return line ? "accepted" : line.error().sentence;
}

command_line parsed(const std::vector<std::string>& words) {
    const auto line = parse_arguments(words);
    EXPECT_TRUE(line) << (line ? "" : line.error().sentence);
    return line ? *line : command_line{};
}

TEST(arguments, without_any_postern_runs) {
    EXPECT_EQ(parsed({}).verb, verb::run);
    EXPECT_EQ(parsed({}).conf_file, "/etc/postern/postern.conf");
    EXPECT_EQ(parsed({"-c", "x"}).conf_file, "x");
    EXPECT_EQ(parsed({"--conf=x"}).conf_file, "x");
}

TEST(arguments, verbs) {
    const std::pair<std::vector<std::string>, verb> samples[] = {
        {{"-t"}, verb::test_conf},
        {{"-c", "x", "-t"}, verb::test_conf},
        {{"-t", "-c", "x"}, verb::test_conf},
        {{"-v"}, verb::version},
        {{"--version"}, verb::version},
        {{"version"}, verb::version},
        {{"-h"}, verb::help},
        {{"--help"}, verb::help},
        {{"help"}, verb::help},
        {{"help", "listen"}, verb::help},
        {{"help", "--conf"}, verb::help_conf},
        {{"help", "--man"}, verb::help_man},
        {{"sessions", "list"}, verb::sessions_list},
        {{"sessions", "show", "a"}, verb::sessions_show},
        {{"sessions", "set", "a"}, verb::sessions_set},
        {{"sessions", "rm", "a"}, verb::sessions_rm},
        {{"sessions", "link", "a"}, verb::sessions_link},
        {{"sessions", "link", "--for", "5m", "a"}, verb::sessions_link},
        {{"sessions", "unlink", "a"}, verb::sessions_unlink},
        {{"table", "dump"}, verb::table_dump},
        {{"table", "check", "f"}, verb::table_check},
        {{"store", "init"}, verb::store_init},
        {{"store", "init", "--dry-run"}, verb::store_init},
        {{"store", "check"}, verb::store_check},
        {{"explain", "http://a/"}, verb::explain},
        {{"-s", "quit"}, verb::signal},
    };
    for (const auto& [words, expected] : samples)
        EXPECT_EQ(parsed(words).verb, expected) << words.front();
}

TEST(arguments, a_signal) {
    EXPECT_EQ(parsed({"-s", "reload", "-c", "x"}).signal, master_signal::reload);
    EXPECT_EQ(parsed({"-s", "reopen"}).signal, master_signal::reopen);
    EXPECT_EQ(wrong_with({"-s"}), "-s is followed by stop, quit, reload or reopen");
    EXPECT_EQ(wrong_with({"-s", "relod"}), "unknown signal \"relod\"; did you mean \"reload\"?");
    EXPECT_EQ(wrong_with({"-s", "kill"}),
              "unknown signal \"kill\"; there are stop, quit, reload, reopen");
}

TEST(arguments, a_session_to_set) {
    const command_line line = parsed({"-c",
                                      "f",
                                      "sessions",
                                      "set",
                                      "--status",
                                      "active",
                                      "ID",
                                      "--target=127.0.0.1:4321",
                                      "--client",
                                      "C",
                                      "--user",
                                      "U",
                                      "--thread",
                                      "T",
                                      "--branch",
                                      "B",
                                      "--instruction",
                                      "do this",
                                      "--reason",
                                      "--why"});
    EXPECT_EQ(line.subject, "ID");
    EXPECT_EQ(line.conf_file, "f");
    EXPECT_EQ(line.changes.status, "active");
    EXPECT_EQ(line.changes.target, "127.0.0.1:4321");
    EXPECT_EQ(line.changes.client, "C");
    EXPECT_EQ(line.changes.user, "U");
    EXPECT_EQ(line.changes.thread, "T");
    EXPECT_EQ(line.changes.branch, "B");
    EXPECT_EQ(line.changes.instruction, "do this");
    EXPECT_EQ(line.changes.reason, "--why");
    EXPECT_EQ(parsed({"sessions", "set", "a", "--branch="}).changes.branch, "");
    EXPECT_EQ(parsed({"sessions", "set", "a"}).changes.branch, std::nullopt);
    EXPECT_EQ(parsed({"sessions", "rm", "--", "-c"}).subject, "-c");
    EXPECT_EQ(parsed({"sessions", "rm", "a", "-c", "f"}).conf_file, "f");
}

TEST(arguments, a_list_and_an_explanation) {
    const command_line list =
        parsed({"sessions", "list", "--client", "c", "--status", "active", "--json"});
    EXPECT_TRUE(list.json);
    EXPECT_EQ(list.changes.client, "c");
    const command_line explain = parsed({"explain", "http://a/", "-H", "Cookie: a=b", "-H", "X:y"});
    ASSERT_EQ(explain.headers.size(), 2U);
    EXPECT_EQ(explain.headers[0], (std::pair<std::string, std::string>{"Cookie", "a=b"}));
    EXPECT_EQ(explain.headers[1], (std::pair<std::string, std::string>{"X", "y"}));
}

TEST(arguments, what_is_wrong_is_said_in_one_sentence) {
    const std::pair<std::vector<std::string>, const char*> samples[] = {
        {{"sesions"}, "unknown command \"sesions\"; did you mean \"sessions\"?"},
        {{"xyz"},
         "unknown command \"xyz\"; there are sessions, store, table, help, version, explain"},
        {{""}, "unknown command \"\"; there are sessions, store, table, help, version, explain"},
        {{"sessions"}, "sessions is followed by list, show, set, rm, link or unlink"},
        {{"table"}, "table is followed by dump or check"},
        {{"sessions", "ls"},
         "unknown command \"sessions ls\"; there are list, show, set, rm, link, unlink"},
        {{"sessions", "shw", "a"}, "unknown command \"sessions shw\"; did you mean \"show\"?"},
        {{"sessions", "show"}, "sessions show is followed by a session's ID"},
        {{"sessions", "show", ""}, "sessions show is followed by a session's ID"},
        {{"sessions", "show", "a", "b"}, "\"b\" is one argument too many after sessions show"},
        {{"sessions", "list", "a"}, "\"a\" is one argument too many after sessions list"},
        {{"sessions", "set", "a", "--target"}, "--target is followed by a value"},
        {{"sessions", "set", "a", "--user", "x", "--user", "y"}, "--user is there twice"},
        {{"sessions", "list", "--target", "x"}, "unknown option \"--target\" after sessions list"},
        {{"sessions", "rm", "a", "--json"}, "unknown option \"--json\" after sessions rm"},
        {{"sessions", "list", "--json=yes"}, "--json takes no value"},
        {{"--status", "active"}, "unknown option \"--status\""},
        {{"-x"}, "unknown option \"-x\""},
        {{"-c"}, "-c is followed by a conf file"},
        {{"-c", ""}, "-c \"\" is no file"},
        {{"-t", "sessions", "list"}, "-t stands for itself, not with \"sessions\""},
        {{"sessions", "-t"}, "-t stands for itself, not with sessions"},
        {{"-t", "-s", "stop"}, "-s stands for itself, not with -t"},
        {{"help", "a", "b"}, "\"b\" is one argument too many after help"},
        {{"version", "a"}, "\"a\" is one argument too many after version"},
        {{"store"}, "store is followed by init or check"},
        {{"store", "chek"}, "unknown command \"store chek\"; did you mean \"check\"?"},
        {{"store", "check", "x"}, "\"x\" is one argument too many after store check"},
        {{"store", "check", "--dry-run"}, "unknown option \"--dry-run\" after store check"},
        {{"explain"}, "explain is followed by a URL"},
        {{"explain", "u", "-H", "nothing"}, "\"nothing\" is no header; write -H 'Name: value'"},
        {{"a\nb"},
         "unknown command \"a\\x0ab\"; there are sessions, store, table, help, version, explain"},
    };
    for (const auto& [words, sentence] : samples)
        EXPECT_EQ(wrong_with(words), sentence);
}

TEST(version, is_the_builds) {
    EXPECT_EQ(version, POSTERN_PROJECT_VERSION);
}

} // namespace
} // namespace postern::edge
