// Opening the sqlite store: what is made, what is refused, and several processes at once.
#include "tests/unit/sync/first_schema.hpp"
#include "tests/unit/sync/temporary_store.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace postern::sync {
namespace {

using std::chrono_literals::operator""ms;
using testing::HasSubstr;

std::string error_of(const std::string& path, store_error expected) {
    const auto opened = open_sqlite_store({path, 50ms});
    if (opened)
        return "opened";
    EXPECT_EQ(opened.error().code, expected) << opened.error().text();
    return opened.error().what;
}

/// SQLite must not be carried over a fork: nothing is open when this is called.
/// Runs `work` in that many processes at once; how many returned true.
int count_of_winners(int processes, const std::function<bool(int number)>& work) {
    std::vector<pid_t> children;
    for (int i = 0; i < processes; ++i) {
        const pid_t child = ::fork();
        if (child == 0)
            ::_exit(work(i) ? 1 : 0);
        children.push_back(child);
    }
    int winners = 0;
    for (const pid_t child : children) {
        int status = 0;
        EXPECT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFEXITED(status)) << status;
        winners += WEXITSTATUS(status);
    }
    return winners;
}

TEST(sqlite_open, makes_a_file_for_its_user_alone) {
    temporary_directory directory;
    const std::string path = directory.file("sessions.db");
    const mode_t before = ::umask(0);
    ASSERT_TRUE(open_sqlite_store({path}));
    auto kept_open = open_sqlite_store({path});
    ASSERT_TRUE((*kept_open)->insert(session_named("a")));
    ::umask(before);
    for (const char* suffix : {"", "-wal", "-shm"}) {
        struct stat file {};
        ASSERT_EQ(::stat((path + suffix).c_str(), &file), 0) << suffix;
        EXPECT_EQ(file.st_mode & 0777U, 0600U) << suffix;
    }
    foreign_program shell{path};
    EXPECT_EQ(shell.run("PRAGMA journal_mode"), "wal");
    EXPECT_EQ(shell.run("PRAGMA integrity_check"), "ok");
}

TEST(sqlite_open, says_what_is_wrong) {
    temporary_directory directory;
    EXPECT_THAT(error_of(directory.file("no/such.db"), store_error::unavailable),
                HasSubstr("No such file or directory; its directory must exist"));
    std::filesystem::create_directory(directory.file("folder"));
    EXPECT_THAT(error_of(directory.file("folder"), store_error::unavailable),
                HasSubstr("it must be a file"));
    std::ofstream{directory.file("text")} << std::string(4096, 'x');
    EXPECT_THAT(error_of(directory.file("text"), store_error::invalid),
                HasSubstr("it is not an SQLite database"));
    foreign_program other{directory.file("other.db")};
    other.run("CREATE TABLE sessions (id)");
    EXPECT_THAT(error_of(directory.file("other.db"), store_error::invalid),
                HasSubstr("it is a database of another program"));
    EXPECT_EQ(other.run("PRAGMA journal_mode"), "delete") << "it was left as it was";
    const std::string path = directory.file("sessions.db");
    ASSERT_TRUE(open_sqlite_store({path}));
    foreign_program shell{path};
    shell.run("PRAGMA user_version = 99");
    EXPECT_THAT(error_of(path, store_error::invalid),
                HasSubstr("its schema has version 99, this postern knows versions up to 3"));
}

TEST(sqlite_open, says_that_it_may_not) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root, to become someone who may not";
    temporary_directory directory;
    const std::string closed = directory.file("closed");
    std::filesystem::create_directory(closed);
    ASSERT_TRUE(open_sqlite_store({closed + "/sessions.db"}));
    // In a process of its own: who has given up root cannot take it back.
    EXPECT_EQ(count_of_winners(1,
                               [&](int) {
                                   if (::setgid(65534) != 0 || ::setuid(65534) != 0)
                                       return false;
                                   const auto opened = open_sqlite_store({closed + "/sessions.db"});
                                   return !opened &&
                                          opened.error().code == store_error::unavailable &&
                                          opened.error().what.find("Permission denied") !=
                                              std::string::npos;
                               }),
              1);
}

TEST(sqlite_open, says_that_another_process_has_it_locked) {
    temporary_directory directory;
    const std::string path = directory.file("sessions.db");
    auto db = *open_sqlite_store({path, 20ms});
    foreign_program shell{path};
    shell.run("BEGIN EXCLUSIVE");
    const auto refused = db->insert(session_named("a"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, store_error::unavailable);
    EXPECT_THAT(refused.error().what, HasSubstr("another process has it locked"));
    EXPECT_TRUE(db->list({}, 1, "")) << "readers go on";
    shell.run("COMMIT");
    EXPECT_TRUE(db->insert(session_named("a")));
}

TEST(sqlite_open, notices_that_the_file_is_another_one) {
    temporary_directory directory;
    const std::string path = directory.file("sessions.db");
    auto db = *open_sqlite_store({path});
    const std::string identity = *db->identity();
    ASSERT_TRUE(db->insert(session_named("a")));
    for (const char* suffix : {"", "-wal", "-shm"})
        std::filesystem::remove(path + suffix);
    auto next = *open_sqlite_store({path});
    (void)db->may_have_changed();
    EXPECT_TRUE(db->may_have_changed()) << "for as long as it is so";
    EXPECT_EQ(db->get("a").error().code, store_error::unavailable);
    EXPECT_EQ(db->insert(session_named("b")).error().code, store_error::unavailable);
    EXPECT_EQ(db->changes_after("0@0", 1).error().code, store_error::unavailable);
    EXPECT_NE(*next->identity(), identity);
}

TEST(sqlite_open, a_damaged_database_is_invalid) {
    temporary_directory directory;
    const std::string path = directory.file("sessions.db");
    {
        auto db = *open_sqlite_store({path});
        for (int i = 0; i < 200; ++i)
            ASSERT_TRUE(db->insert(session_named(std::to_string(i))));
    }
    foreign_program{path}.run("PRAGMA wal_checkpoint(TRUNCATE)");
    {
        std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
        file.seekp(4096);
        file << std::string(static_cast<std::size_t>(std::filesystem::file_size(path)) - 4096,
                            '\xa5');
    }
    const auto opened = open_sqlite_store({path});
    const auto listed =
        opened ? (*opened)->list({}, 1000, "") : base::result<std::vector<session>>{opened.error()};
    ASSERT_FALSE(listed);
    EXPECT_EQ(listed.error().code, store_error::invalid) << listed.error().text();
    EXPECT_THAT(listed.error().what, HasSubstr("damaged"));
}

TEST(sqlite_open, brings_a_database_of_version_1_up_to_date) {
    temporary_directory directory;
    const std::string path = directory.file("sessions.db");
    foreign_program shell{path};
    for (const char* sql : {first_tables, first_triggers, first_marks})
        shell.run(sql);
    shell.run("INSERT INTO sessions (session_id, client_id, thread_id, route_key, status, target) "
              "VALUES ('s1', 'acme', 't1', 'acme-t1', 'active', '127.0.0.1:4321')");
    // Two at once: one does it, the other waits.
    EXPECT_EQ(count_of_winners(2,
                               [&](int) {
                                   return bool{open_sqlite_store({path, 60'000ms})};
                               }),
              2);
    EXPECT_EQ(shell.run("PRAGMA user_version"), "3");
    auto db = *open_sqlite_store({path});
    session one = *db->get("s1");
    EXPECT_EQ(one.route_key, "acme-t1");
    EXPECT_EQ(one.target.text(), "127.0.0.1:4321");
    EXPECT_EQ(one.access_generation, 0U);
    const std::string position = *db->feed_position();
    one.access_generation = 5;
    ASSERT_TRUE(db->replace(one));
    EXPECT_EQ(db->get("s1")->access_generation, 5U);
    EXPECT_EQ(db->changes_after(position, 10)->changes.size(), 1U);
    // What the triggers of version 1 did, those of now do.
    shell.run("UPDATE sessions SET thread_id = 't2' WHERE session_id = 's1'");
    EXPECT_EQ(db->get("s1")->route_key, "");
    EXPECT_TRUE(db->insert(session_named("s2")));
}

TEST(sqlite_open, many_processes_make_it_together) {
    for (int round = 0; round < 5; ++round) {
        temporary_directory directory;
        const std::string path = directory.file("sessions.db");
        EXPECT_EQ(count_of_winners(8,
                                   [&](int) {
                                       const auto db = open_sqlite_store({path, 60'000ms});
                                       if (!db)
                                           std::fprintf(stderr, "%s\n", db.error().text().c_str());
                                       return bool{db};
                                   }),
                  8);
        EXPECT_EQ(foreign_program{path}.run("SELECT count(*) FROM meta"), "2");
    }
}

TEST(sqlite_open, of_many_processes_one_inserts_and_one_replaces_each_version) {
    temporary_directory directory;
    const std::string path = directory.file("sessions.db");
    EXPECT_EQ(count_of_winners(6,
                               [&](int) {
                                   auto own = *open_sqlite_store({path, 60'000ms});
                                   const auto made = own->insert(session_named("s1"));
                                   return made || made.error().code != store_error::exists;
                               }),
              1);
    // Each process counts up as often as it wins; every loss must be a conflict, and no count may
    // be lost.
    constexpr int processes = 4, rounds = 40;
    const auto count_up = [&](int number) {
        auto own = *open_sqlite_store({path, 60'000ms});
        for (int won = 0; won < rounds;) {
            session one = *own->get("s1");
            one.branch = std::to_string(std::atoi(one.branch.c_str()) + 1);
            one.task = std::to_string(number);
            const auto replaced = own->replace(one);
            if (!replaced && replaced.error().code != store_error::conflict)
                return true;
            won += replaced ? 1 : 0;
        }
        return false;
    };
    EXPECT_EQ(count_of_winners(processes, count_up), 0);
    EXPECT_EQ((*open_sqlite_store({path}))->get("s1")->branch, std::to_string(processes * rounds));
}

} // namespace
} // namespace postern::sync
