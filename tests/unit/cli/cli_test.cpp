// Commands as a whole, on a conf and a store of their own, without a running postern.
#include "base/file.hpp"
#include "cache/segment.hpp"
#include "cache/session_writer.hpp"
#include "edge/cli/cli.hpp"
#include "edge/cli/version.hpp"
#include "edge/settings/document.hpp"
#include "sync/store/sqlite/sqlite_store.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <sstream>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace postern::edge {
namespace {

struct outcome {
    int code;
    std::string out;
    std::string err;
};

class commands : public testing::Test {
  protected:
    commands() {
        std::string name = testing::TempDir() + "postern_cli_XXXXXX";
        folder_ = ::mkdtemp(name.data());
        std::filesystem::create_directory(folder_ + "/dist");
        write_conf("");
    }
    ~commands() override { std::filesystem::remove_all(folder_); }

    void write_conf(const std::string& more,
                    const std::string& connections = "worker_connections 100;") {
        const std::string text =
            connections + "pid p.pid; session_table t capacity=100; store sqlite s.db; route_key "
                          "{clientId}-{threadId}; control { token_file token; }"
                          "server { listen 127.0.0.1:8080; server_name edit.{clientId}.x;"
                          "location /session/{threadId}/ { session; dev_server vite; }"
                          "location /s/ { static dist; } location /p/ { proxy 127.0.0.1:3000; }"
                          "location /api/ { control; } location = /r { return 302 /s/; } }";
        ASSERT_TRUE(base::replace_file(conf(), text + more, 0600));
    }
    [[nodiscard]] std::string conf() const { return folder_ + "/p.conf"; }

    outcome run(std::vector<std::string> words) const {
        words.insert(words.begin(), {"-c", conf()});
        return plain(std::move(words));
    }
    static outcome plain(const std::vector<std::string>& words) {
        std::ostringstream out;
        std::ostringstream err;
        const int code = run_command_line(words, {out, err});
        return {code, out.str(), err.str()};
    }
    std::string folder_;
};

TEST_F(commands, test_of_a_conf) {
    outcome o = run({"-t"});
    EXPECT_EQ(o.code, 0);
    EXPECT_EQ(o.err, "postern: configuration file " + conf() + " test is successful\n");
    ASSERT_TRUE(base::replace_file(
        conf(), "pid off; session_table t; store sqlite s.db; control { token_file token; }",
        0600));
    o = run({"-t"});
    EXPECT_EQ(o.code, 0);
    EXPECT_TRUE(o.err.starts_with("postern: warning: " + conf() + " has no server block")) << o.err;
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < 2'000'000) { // a pair of them for each connection
        write_conf("worker_connections 1000000;", "");
        o = run({"-t"});
        EXPECT_EQ(o.code, 0);
        EXPECT_TRUE(o.err.starts_with("postern: warning: worker_connections 1000000 may need"))
            << o.err;
    }
    write_conf("workers 0;");
    o = run({"-t"});
    EXPECT_EQ(o.code, 78);
    EXPECT_EQ(o.err,
              "postern: " + conf() +
                  ":1: directive \"workers\": \"0\" is out of bounds; write 1 to 64, or auto\n");
    EXPECT_EQ(run({"sessions", "list"}).code, 78);
}

TEST_F(commands, test_of_what_a_start_needs) {
    // `conf` in a folder with what `prepare` made; "" for a test that is successful.
    const auto told = [&](const std::string& text, const std::function<void()>& prepare = {}) {
        std::filesystem::remove_all(folder_);
        std::filesystem::create_directory(folder_);
        if (prepare)
            prepare();
        EXPECT_TRUE(base::replace_file(conf(), text, 0600));
        const auto files = [&] {
            std::size_t n = 0;
            for ([[maybe_unused]] const auto& file : std::filesystem::directory_iterator{folder_})
                ++n;
            return n;
        };
        const std::size_t before = files();
        const outcome o = run({"-t"});
        EXPECT_EQ(files(), before) << "-t makes nothing";
        const bool failed = o.err.find("test failed\n") != std::string::npos;
        EXPECT_EQ(o.code, failed ? 1 : 0) << o.err;
        EXPECT_EQ(o.err.find("successful") == std::string::npos, failed) << o.err;
        return failed ? o.err.substr(0, o.err.find("postern: configuration file")) : "";
    };
    const std::string server =
        "worker_connections 100; server { listen 127.0.0.1:8080; location / { return 200; } }";
    const auto with = [&](const std::string& more, const std::string& paths) {
        return server + more + paths;
    };
    const std::string pid = "pid p.pid;", table = "session_table t;", store = "store sqlite s.db;",
                      token = "control { token_file token; }";
    EXPECT_EQ(told(with("", pid + table + store + token)), "");
    EXPECT_EQ(told(with("", pid + "session_table no/t;" + store + token)),
              "postern: session_table " + folder_ + "/no/t: its folder " + folder_ +
                  "/no cannot be used; make it (mkdir -p " + folder_ +
                  "/no), or name a path in an existing folder: No such file or directory\n");
    EXPECT_NE(told(with("", pid + table + "store sqlite no/s.db;" + token)), "");
    EXPECT_NE(told(with("", "pid no/p.pid;" + table + store + token)), "");
    EXPECT_NE(told(with("error_log no/e;", pid + table + store + token)), "");
    EXPECT_EQ(told(with("access_log no/a;", pid + table + store + token)),
              "postern: cannot open access_log " + folder_ + "/no/a: No such file or directory\n");
    EXPECT_NE(told(with("", pid + table + store + "control { token_file no/token; }")), "");
    EXPECT_NE(told(with("", pid + table + store + token),
                   [&] { std::filesystem::create_directory(folder_ + "/t"); }),
              "");
    EXPECT_NE(told(with("", pid + table + store + token),
                   [&] { std::filesystem::create_directory(folder_ + "/p.pid"); }),
              "");
    EXPECT_EQ(told(with("", pid + table + store + token),
                   [&] { std::filesystem::create_symlink("x", folder_ + "/p.pid"); }),
              "postern: cannot open pid file " + folder_ +
                  "/p.pid: Too many levels of symbolic links\n");
    const struct {
        std::string content;
        unsigned mode;
        bool good;
    } tokens[] = {{"0123456789abcdef\n", 0600, true},
                  {"", 0600, false},
                  {"short\n", 0600, false},
                  {"0123456789abcdef\nxyz\n", 0600, false},
                  {"0123456789abcdef\n", 0644, false}};
    for (const auto& t : tokens) {
        const std::string error = told(with("", pid + table + store + token), [&] {
            ASSERT_TRUE(base::replace_file(folder_ + "/token", t.content, t.mode));
        });
        EXPECT_EQ(error.empty(), t.good) << t.content;
        EXPECT_EQ(error.find("postern: token_file ") == 0, !t.good) << error;
    }
}

TEST_F(commands, test_warns_of_what_starts_and_cannot_work) {
    const auto warned = [&](const std::string& more) {
        write_conf(more);
        const outcome o = run({"-t"});
        EXPECT_EQ(o.code, 0) << o.err;
        const std::string end = "postern: configuration file " + conf() + " test is successful\n";
        EXPECT_TRUE(o.err.ends_with(end)) << o.err;
        return o.err.substr(0, o.err.size() - end.size());
    };
    const auto launcher = [](const std::string& text) {
        return "\nlifecycle { launcher process { " + text + " } }";
    };
    EXPECT_EQ(warned(launcher("command sh {port};")), "");
    EXPECT_EQ(warned(launcher("command /bin/sh {port};")), "");
    EXPECT_EQ(warned(launcher("command {threadId} {port};")), "");
    EXPECT_EQ(warned(launcher("command bin/{threadId} {port}; directory no/{threadId};")), "");
    const std::string place =
        "postern: warning: " + conf() + ":2: launcher: no session can start: ";
    EXPECT_EQ(warned(launcher("command no-such-program-here {port};")),
              place + "command no-such-program-here is in no folder of PATH\n");
    EXPECT_EQ(warned(launcher("command bin/start {port};")),
              place + "command " + folder_ + "/bin/start is no program that can be run\n");
    EXPECT_EQ(warned(launcher("command p.conf/x {port};")),
              place + "command " + folder_ + "/p.conf/x is no program that can be run\n");
    EXPECT_EQ(warned(launcher("command /bin {port};")),
              place + "command /bin is no program that can be run\n");
    EXPECT_EQ(warned(launcher("command sh {port}; directory no;")),
              place + "directory " + folder_ + "/no: No such file or directory\n");
    std::filesystem::remove(folder_ + "/dist");
    EXPECT_EQ(warned(""), "postern: warning: " + conf() + ":1: no file can be served from " +
                              folder_ + "/dist: No such file or directory\n");
    EXPECT_NE(warned("server { server_name x; location /a/ { static p.conf; } }")
                  .find("/p.conf: it is no folder\n"),
              std::string::npos);
}

TEST_F(commands, sessions_from_birth_to_death) {
    outcome o = run({"sessions", "set", "t1", "--target", "127.0.0.1:4321", "--client", "acme"});
    EXPECT_EQ(o.code, 0) << o.err;
    EXPECT_EQ(o.out, "t1: active, target 127.0.0.1:4321, route key acme-t1\n");
    EXPECT_EQ(o.err, "");
    EXPECT_EQ(run({"sessions", "set", "t2", "--client", "zoo"}).code, 0);
    o = run({"sessions", "list"});
    EXPECT_NE(o.out.find("t1       acme    -     t1      active        127.0.0.1:4321"),
              std::string::npos)
        << o.out;
    o = run({"sessions", "list", "--client", "zoo", "--json"});
    EXPECT_EQ(o.out.substr(0, 29), "[\n {\"sessionId\":\"t2\",\"clientI");
    EXPECT_EQ(o.out.find("acme"), std::string::npos);
    EXPECT_EQ(run({"sessions", "list", "--status", "failed", "--json"}).out, "[]\n");
    o = run({"sessions", "set", "t1", "--status", "inactive"});
    EXPECT_EQ(o.out, "t1: inactive, target -, route key acme-t1\n");
    o = run({"sessions", "show", "t1"});
    EXPECT_NE(o.out.find("status:        inactive\n"), std::string::npos) << o.out;
    EXPECT_NE(run({"sessions", "show", "t1", "--json"})
                  .out.find("\"status\":\"inactive\",\"target\":\"\""),
              std::string::npos);
    EXPECT_EQ(run({"sessions", "rm", "t1"}).out, "removed t1\n");
    o = run({"sessions", "rm", "t1"});
    EXPECT_EQ(o.code, 1);
    EXPECT_EQ(o.err, "postern: there is no session \"t1\"\n");
    EXPECT_EQ(run({"sessions", "show", "t1"}).code, 1);
}

TEST_F(commands, a_target_that_would_be_refused_is_warned_of) {
    const outcome o = run({"sessions", "set", "t1", "--target", "169.254.169.254:80"});
    EXPECT_EQ(o.code, 0);
    EXPECT_EQ(o.err, "postern: warning: 169.254.169.254:80 is outside of allow_targets; requests "
                     "for it are answered 502\n");
}

TEST_F(commands, many_sessions_are_listed_page_by_page) {
    const auto store = sync::open_sqlite_store({.path = folder_ + "/s.db"});
    ASSERT_TRUE(store);
    for (int i = 0; i < 501; ++i) {
        sync::session record;
        record.session_id = "s" + std::to_string(i);
        record.route_key = "k" + std::to_string(i);
        ASSERT_TRUE((*store)->insert(record));
    }
    const std::string out = run({"sessions", "list"}).out;
    EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 502);
}

TEST_F(commands, a_store_that_cannot_be_opened_is_told) {
    ASSERT_TRUE(base::replace_file(folder_ + "/s.db", std::string(5000, 'x'), 0600));
    const outcome o = run({"sessions", "list"});
    EXPECT_EQ(o.code, 1);
    EXPECT_EQ(o.err.find("postern: "), 0U);
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
}

TEST_F(commands, a_signal_without_a_postern) {
    const std::string none =
        "postern: no postern runs with " + conf() + " (pid " + folder_ + "/p.pid)\n";
    outcome o = run({"-s", "reload"});
    EXPECT_EQ(o.code, 1);
    EXPECT_EQ(o.err, none);
    // A file that nobody holds is a dead postern's, even when its number is another process's by
    // now.
    ASSERT_TRUE(base::replace_file(folder_ + "/p.pid", std::to_string(::getpid()) + "\n", 0600));
    EXPECT_EQ(run({"-s", "stop"}).err, none);
    ASSERT_TRUE(base::replace_file(conf(), "pid off;", 0600));
    o = run({"-s", "stop"});
    EXPECT_EQ(o.code, 1);
    EXPECT_EQ(o.err, "postern: " + conf() +
                         " has \"pid off\": there is no file that tells which process to signal\n");
}

TEST_F(commands, table) {
    outcome o = run({"table", "check"});
    EXPECT_EQ(o.code, 1);
    EXPECT_NE(o.err.find(folder_ + "/t"), std::string::npos) << o.err;
    ASSERT_TRUE(cache::prepare(folder_ + "/t", 100));
    o = run({"table", "check"});
    EXPECT_EQ(o.code, 0) << o.err;
    EXPECT_NE(o.out.find("0 of 100 sessions"), std::string::npos) << o.out;
    EXPECT_TRUE(o.out.ends_with("good\n"));
    EXPECT_EQ(run({"table", "dump"}).out.substr(0, 4), "KEY ");
    // Another file needs no conf.
    EXPECT_EQ(plain({"-c", "/nonexistent", "table", "check", folder_ + "/t"}).code, 0);
    for (const std::string& text : {std::string(100'000, 'x'), std::string{"x"}}) {
        ASSERT_TRUE(base::replace_file(folder_ + "/bad", text, 0600));
        o = run({"table", "check", folder_ + "/bad"});
        EXPECT_EQ(o.code, 1);
        EXPECT_EQ(o.out, "");
        EXPECT_EQ(o.err, "postern: " + folder_ +
                             "/bad is not a session table (it does not begin like one), nothing "
                             "was changed\n");
        EXPECT_EQ(*base::read_file(folder_ + "/bad", 200'000), text);
    }
    std::filesystem::resize_file(folder_ + "/t", 10'000);
    o = run({"table", "check"});
    EXPECT_EQ(o.code, 1);
    EXPECT_NE(o.out.find("problem: "), std::string::npos);
    EXPECT_NE(o.err.find("/t has 1 problem, nothing was changed;"), std::string::npos) << o.err;
    EXPECT_EQ(std::filesystem::file_size(folder_ + "/t"), 10'000U);
}

/// A process that has opened the table for writing under `name`; whether `run` has rung it.
bool is_rung(const std::string& table, const char* name, const std::function<void()>& run) {
    int said[2];
    EXPECT_EQ(::pipe(said), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        sigset_t either;
        ::sigemptyset(&either);
        ::sigaddset(&either, SIGUSR1);
        ::sigaddset(&either, SIGUSR2);
        ::sigprocmask(SIG_BLOCK, &either, nullptr);
        ::prctl(PR_SET_NAME, name);
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const auto writer = cache::session_writer::open(table);
        [[maybe_unused]] const auto ready = ::write(said[1], "x", 1);
        // However long it took: of two signals that wait, the one with the lower number is first.
        static_assert(SIGUSR1 < SIGUSR2);
        const timespec longest{.tv_sec = 60, .tv_nsec = 0};
        ::_exit(::sigtimedwait(&either, nullptr, &longest) == SIGUSR1 ? 1 : 0);
    }
    char ready = 0;
    EXPECT_EQ(::read(said[0], &ready, 1), 1);
    run();
    ::kill(child, SIGUSR2); // it has ended
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    for (const int fd : said)
        ::close(fd);
    return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

TEST_F(commands, a_running_sync_is_rung_after_a_change) {
    ASSERT_TRUE(cache::prepare(folder_ + "/t", 100));
    const auto ring = [&](const char* name, const std::vector<std::string>& words) {
        return is_rung(folder_ + "/t", name, [&] { EXPECT_EQ(run(words).code, 0); });
    };
    EXPECT_TRUE(ring("postern:sync", {"sessions", "set", "t1"}));
    EXPECT_TRUE(ring("postern:sync", {"sessions", "set", "t1", "--status", "failed"}));
    EXPECT_FALSE(ring("postern:sync", {"sessions", "show", "t1"}));
    EXPECT_FALSE(ring("bash", {"sessions", "set", "t1"})) << "it has the number of a dead sync";
    EXPECT_TRUE(ring("postern:sync", {"sessions", "rm", "t1"}));
}

TEST_F(commands, the_version_in_the_store_and_the_one_in_the_table_have_two_names) {
    ASSERT_TRUE(cache::prepare(folder_ + "/t", 100));
    ASSERT_EQ(run({"sessions", "set", "t1", "--client", "acme"}).code, 0);
    EXPECT_NE(run({"sessions", "show", "t1"}).out.find("\nstore version: "), std::string::npos);
    cache::route route;
    route.version = 77;
    cache::session_writer::open(folder_ + "/t")->put("acme-t1", route);
    EXPECT_NE(
        run({"explain", "http://edit.acme.x:8080/session/t1/a"}).out.find(", table version 77"),
        std::string::npos);
}

TEST_F(commands, explain) {
    ASSERT_TRUE(cache::prepare(folder_ + "/t", 100));
    const auto decision = [&](std::vector<std::string> words) {
        words.insert(words.begin(), "explain");
        const outcome o = run(words);
        const std::size_t at = o.out.find("decision   ");
        return at == std::string::npos ? o.err : o.out.substr(at + 11);
    };
    EXPECT_EQ(decision({"http://edit.acme.x:8080/session/t1/a"}),
              "show the not_found page with 404\n");
    EXPECT_EQ(decision({"http://edit.acme.x:8080/session/t1/a", "-H", "Accept: */*"}),
              "answer 404\n");
    EXPECT_EQ(decision({"http://edit.acme.x:8080/session/t1"}),
              "redirect with 307 to /session/t1/\n");
    EXPECT_EQ(decision({"http://edit.acme.x:8080/a.js", "-H",
                        "Referer: http://edit.acme.x:8080/session/t1/"}),
              "redirect with 307 to /session/t1/a.js, from the Referer\n");
    EXPECT_EQ(decision({"http://edit.acme.x:8080/s/a"}), "serve files of " + folder_ + "/dist\n");
    EXPECT_EQ(decision({"http://edit.acme.x:8080/p/a"}), "proxy to 127.0.0.1:3000\n");
    EXPECT_EQ(decision({"http://edit.acme.x:8080/api/a"}),
              "proxy to the session API at 127.0.0.1:9180\n");
    EXPECT_EQ(decision({"http://edit.acme.x:8080/r"}), "answer 302 /s/\n");
    EXPECT_EQ(decision({"http://edit.acme.x:8080/elsewhere"}),
              "answer 404: no location has this path\n");
    EXPECT_EQ(decision({"ftp://x/"}),
              "postern: \"ftp://x/\" is no URL; write http://HOST[:PORT]/PATH\n");
    EXPECT_NE(
        run({"explain", "http://edit.acme.x:8080/session/t1/a"})
            .out.find(
                "captures   clientId=acme threadId=t1\nroute key  acme-t1\nroute      none\n"),
        std::string::npos);
}

TEST_F(commands, help_and_version) {
    EXPECT_EQ(plain({"version"}).out, "postern " + std::string{version} + "\n");
    EXPECT_EQ(plain({"help", "listen"}).out, directive_help("listen"));
    EXPECT_EQ(plain({"help", "--conf"}).out, documented_conf());
    const outcome usage = plain({"help"});
    EXPECT_EQ(usage.out.find("usage: postern"), 0U);
    EXPECT_NE(usage.out.find("\n  idle_timeout "), std::string::npos);
    const outcome unknown = plain({"help", "lisen"});
    EXPECT_EQ(unknown.code, 64);
    EXPECT_EQ(unknown.err, "postern: there is no directive \"lisen\"; did you mean \"listen\"?\n");
    for (const char* const word : {"ssl", "http2", "proxy_protocol", "default_server"})
        EXPECT_EQ(plain({"help", word}).out, "\"" + std::string{word} +
                                                 "\" is a word of listen.\n\n" +
                                                 directive_help("listen"));
    EXPECT_EQ(plain({"help", "on"}).code, 64); // of many
    const outcome wrong = plain({"sesions"});
    EXPECT_EQ(wrong.code, 64);
    EXPECT_EQ(wrong.err,
              "postern: unknown command \"sesions\"; did you mean \"sessions\"? (postern help)\n");
}

TEST_F(commands, output_that_is_lost_is_a_failure) {
    std::ostringstream out;
    std::ostringstream err;
    out.setstate(std::ios::badbit);
    EXPECT_EQ(run_command_line({"version"}, {out, err}), 1);
    EXPECT_EQ(err.str(), "postern: cannot write to standard output\n");
}

TEST(manual, in_the_tree_is_the_generated_one) {
    const auto text =
        base::read_file(std::string{POSTERN_SOURCE_FOLDER} + "/packaging/postern.1", 1024 * 1024);
    ASSERT_TRUE(text);
    EXPECT_EQ(*text, manual_page(version)) << "postern help --man > packaging/postern.1";
}

} // namespace
} // namespace postern::edge
