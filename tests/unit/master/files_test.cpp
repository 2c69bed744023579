// The master's files: pid file, token, logs, and the folders they lie in.
#include "edge/master/access_key_file.hpp"
#include "edge/master/control_token.hpp"
#include "edge/master/generation.hpp"
#include "edge/master/log_files.hpp"
#include "edge/master/master.hpp"
#include "edge/master/pid_file.hpp"
#include "tests/unit/master/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <fstream>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace postern::edge {
namespace {

using testing::HasSubstr;
namespace errc = boost::system::errc;

void write(const std::string& path, const std::string& content, mode_t mode = 0600) {
    std::ofstream{path} << content;
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
}

std::string content_of(const std::string& path) {
    std::ifstream in{path};
    return {std::istreambuf_iterator<char>{in}, {}};
}

TEST(pid_file, holds_this_process_and_goes_with_it) {
    const temporary_folder folder;
    const std::string path = folder / "pid";
    {
        const auto held = pid_file::take(path);
        ASSERT_TRUE(held);
        EXPECT_EQ(content_of(path), std::to_string(::getpid()) + "\n");
        EXPECT_EQ(*holder_of(path), ::getpid());
    }
    EXPECT_NE(::access(path.c_str(), F_OK), 0);
    EXPECT_EQ(holder_of(path).error().code, errc::no_such_process);
}

TEST(pid_file, a_second_master_is_refused_and_told_who_is_there) {
    const temporary_folder folder;
    const std::string path = folder / "pid";
    const auto held = pid_file::take(path);
    const auto second = pid_file::take(path);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, errc::device_or_resource_busy);
    EXPECT_THAT(second.error().what, HasSubstr("process " + std::to_string(::getpid())));
    EXPECT_EQ(*holder_of(path), ::getpid()); // still the first one's
}

TEST(pid_file, a_stale_one_is_taken_over_and_no_target_for_signals) {
    const temporary_folder folder;
    const std::string path = folder / "pid";
    write(path, "1234567890123\n"); // longer than what will be in it
    EXPECT_EQ(signal_master(path, master_signal::stop).error().code, errc::no_such_process);
    const auto held = pid_file::take(path);
    ASSERT_TRUE(held);
    EXPECT_EQ(content_of(path), std::to_string(::getpid()) + "\n");
}

TEST(pid_file, moves_and_replaces) {
    const temporary_folder folder;
    auto first = pid_file::take(folder / "first");
    pid_file kept = std::move(*first);
    EXPECT_EQ(::access((folder / "first").c_str(), F_OK), 0);
    kept = std::move(*pid_file::take(folder / "second"));
    EXPECT_NE(::access((folder / "first").c_str(), F_OK), 0);
    EXPECT_EQ(*holder_of(folder / "second"), ::getpid());
}

TEST(pid_file, bad_places_are_named) {
    const temporary_folder folder;
    EXPECT_TRUE(pid_file::take(""));
    EXPECT_THAT(pid_file::take(folder / "no/pid").error().what, HasSubstr("no/pid"));
    EXPECT_FALSE(pid_file::take(folder.path()));
    ASSERT_EQ(::symlink((folder / "elsewhere").c_str(), (folder / "link").c_str()), 0);
    EXPECT_FALSE(pid_file::take(folder / "link")); // root shall not be led to overwrite things
}

TEST(signal_master, content_that_is_no_process_id_is_never_signalled) {
    const temporary_folder folder;
    for (const char* content : {"", "no number", "0", "1", "-5", "12x", "99999999999999999999"}) {
        const std::string path = folder / "pid";
        write(path, content);
        const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        ASSERT_EQ(::flock(fd, LOCK_EX), 0);
        EXPECT_EQ(signal_master(path, master_signal::stop).error().code, errc::invalid_argument)
            << content;
        ::close(fd);
    }
    EXPECT_EQ(signal_master("", master_signal::stop).error().code, errc::invalid_argument);
}

TEST(signal_master, sends_what_was_asked_to_the_holder) {
    const std::pair<const char*, int> names[] = {
        {"stop", SIGTERM}, {"quit", SIGQUIT}, {"reload", SIGHUP}, {"reopen", SIGUSR1}};
    const temporary_folder folder;
    for (const auto& [name, number] : names) {
        int ready[2];
        ASSERT_EQ(::pipe(ready), 0);
        const pid_t pid = ::fork();
        if (pid == 0) {
            const auto held = pid_file::take(folder / "pid");
            ::signal(number, SIG_DFL);
            [[maybe_unused]] const auto n = ::write(ready[1], "x", 1);
            for (;;)
                ::pause();
        }
        char c = 0;
        ASSERT_EQ(::read(ready[0], &c, 1), 1);
        EXPECT_TRUE(signal_master(folder / "pid", *master_signal_named(name))) << name;
        int status = 0;
        ASSERT_EQ(::waitpid(pid, &status, 0), pid);
        EXPECT_EQ(WTERMSIG(status), number) << name;
        ::close(ready[0]);
        ::close(ready[1]);
    }
    EXPECT_FALSE(master_signal_named("restart"));
}

TEST(control_token, is_made_once_for_its_owner_only) {
    const temporary_folder folder;
    const auto made = control_token(folder / "token");
    ASSERT_TRUE(made);
    EXPECT_THAT(*made, testing::MatchesRegex("[0-9a-f]{64}"));
    struct stat about {};
    ASSERT_EQ(::stat((folder / "token").c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 07777, 0600U);
    EXPECT_EQ(*control_token(folder / "token"), *made);
    EXPECT_NE(*control_token(folder / "other"), *made);
}

TEST(access_key_file, holds_one_key_or_two) {
    const temporary_folder folder;
    const std::string path = folder / "key";
    const auto made = read_access_keys(path);
    ASSERT_TRUE(made) << made.error().text();
    ASSERT_EQ(made->size(), 1U);
    EXPECT_EQ(made->front().size(), 64U);
    EXPECT_EQ(*read_access_keys(path), *made);
    const std::string first(32, 'a');
    const std::string second(512, 'b');
    write(path, first + "\n" + second + "\n");
    EXPECT_EQ(*read_access_keys(path), (base::access_keys{first, second}));
    write(path, first); // without a newline
    EXPECT_EQ(*read_access_keys(path), base::access_keys{first});
    for (const std::string& bad :
         {std::string{}, std::string{"\n"}, std::string(31, 'a'), std::string(513, 'a'),
          first + "\n\n" + second, first + "\n" + second + "\n" + first, first + "\n" + "short",
          first + " x", std::string(100'000, 'a')}) {
        write(path, bad);
        const auto got = read_access_keys(path);
        ASSERT_FALSE(got) << bad.size();
        EXPECT_THAT(got.error().text(), HasSubstr(path));
        EXPECT_EQ(got.error().text().find("aaaa"), std::string::npos) << "no key in a message";
    }
    write(path, first, 0604);
    EXPECT_THAT(read_access_keys(path).error().what, HasSubstr("chmod 600"));
}

TEST(control_token, what_is_no_secret_or_no_token_is_refused) {
    const struct {
        std::string content;
        mode_t mode;
        const char* reason; // nullptr: good
    } cases[] = {
        {std::string(16, 'a') + "\n", 0600, nullptr},
        {std::string(512, 'a'), 0400, nullptr},
        {std::string(64, 'a'), 0644, "mode 0644"},
        {std::string(64, 'a'), 0620, "mode 0620"},
        {std::string(15, 'a'), 0600, "16 to 512"},
        {std::string(513, 'a'), 0600, "16 to 512"},
        {"", 0600, "16 to 512"},
        {std::string(20, 'a') + "\n" + std::string(20, 'b') + "\n", 0600, "one line"},
        {std::string(20, 'a') + " b", 0600, "printable"},
        {std::string(20, 'a') + '\x80', 0600, "printable"},
        {std::string(1 << 20, 'a'), 0600, "token"},
    };
    for (const auto& c : cases) {
        const temporary_folder folder;
        write(folder / "token", c.content, c.mode);
        const auto got = control_token(folder / "token");
        if (c.reason == nullptr) {
            EXPECT_TRUE(got) << c.content;
        } else {
            ASSERT_FALSE(got) << c.content;
            EXPECT_THAT(got.error().text(), HasSubstr(c.reason));
        }
    }
    const temporary_folder folder;
    EXPECT_THAT(control_token(folder.path()).error().what, HasSubstr("regular"));
    EXPECT_THAT(control_token(folder / "no/token").error().text(), HasSubstr("no/token"));
}

TEST(log_files, streams_by_name_and_files_to_append) {
    const temporary_folder folder;
    settings conf;
    conf.error_log = "stderr";
    auto files = log_files::open(conf);
    EXPECT_EQ(files->error_fd(), 2);
    EXPECT_EQ(files->access_fd(), -1);

    write(folder / "access", "kept\n");
    conf.error_log = folder / "error";
    conf.access_log = folder / "access";
    EXPECT_EQ(log_files::open(conf)->access_fd(), -1); // the format says off
    conf.access_format = access_log_format::json;
    files = log_files::open(conf);
    ASSERT_EQ(::write(files->access_fd(), "more\n", 5), 5);
    EXPECT_EQ(content_of(folder / "access"), "kept\nmore\n");
    EXPECT_TRUE(::fcntl(files->error_fd(), F_GETFD) & FD_CLOEXEC);

    conf.access_log = "stdout";
    EXPECT_EQ(log_files::open(conf)->access_fd(), 1);
    conf.access_log = folder / "no/access";
    EXPECT_THAT(log_files::open(conf).error().what, HasSubstr("access_log " + (folder / "no")));
    conf.error_log = folder / "no/error";
    EXPECT_THAT(log_files::open(conf).error().what, HasSubstr("error_log"));
}

TEST(check_folders, names_directive_path_and_folder) {
    const temporary_folder folder;
    settings conf;
    conf.table_path = folder / "table";
    conf.store.path = folder / "db";
    EXPECT_TRUE(check_folders(conf, std::nullopt));
    conf.store.path = folder / "no/db";
    const auto checked = check_folders(conf, std::nullopt);
    ASSERT_FALSE(checked);
    EXPECT_THAT(checked.error().what, HasSubstr("store sqlite " + (folder / "no/db")));
    EXPECT_THAT(checked.error().what, HasSubstr("mkdir -p " + (folder / "no")));
    conf.table_path = folder / "none/table";
    EXPECT_THAT(check_folders(conf, std::nullopt).error().what, HasSubstr("session_table"));
}

TEST(check_folders, asks_for_the_user_that_will_write) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "only root can become someone else";
    const temporary_folder folder;
    settings conf;
    conf.table_path = folder / "table";
    conf.store.path = folder / "db";
    const auto nobody = identity_for("nobody");
    ASSERT_TRUE(nobody && *nobody);
    EXPECT_EQ(check_folders(conf, *nobody).error().code, errc::permission_denied);
    EXPECT_EQ(::geteuid(), 0U); // and back again
    ASSERT_EQ(::chown(folder.path().c_str(), (*nobody)->uid, (*nobody)->gid), 0);
    EXPECT_TRUE(check_folders(conf, *nobody));
}

} // namespace
} // namespace postern::edge
