// What the `process` launcher promises beyond the contract.
#include "base/file.hpp"
#include "control/launch/output_file.hpp"
#include "control/launch/process_launcher.hpp"
#include "control/launch/process_task.hpp"
#include "test_support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <sys/stat.h>
#include <thread>

namespace postern::control::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const base::system_clock real_time;

class process_launcher_test : public ::testing::Test {
  protected:
    process_launcher_test() {
        options_.output_directory = folder_.path() + "/output";
        options_.port_first = free_ports(5); // one more, that is not postern's
        options_.port_last = static_cast<std::uint16_t>(options_.port_first + 3);
        options_.ready.within = 30s;
        options_.stop_within = 500ms;
    }
    ~process_launcher_test() override {
        if (launcher_)
            for (const std::string& id : launcher_->sessions())
                launcher_->stop(id);
        EXPECT_TRUE(eventually([&] {
            if (launcher_)
                launcher_->wait({}, 5ms);
            return survivors(folder_.path() + "/table").empty();
        })) << "orphans";
    }
    void run(const std::vector<std::string>& words, const sync::session& s = session_named("t1")) {
        options_.command = command(words);
        launcher_.reset();
        launcher_ =
            process_launcher::make(options_, folder_.path() + "/table", real_time, log_.log())
                .value();
        launcher_->start(s);
    }
    bool reaches(launch_phase phase, std::chrono::milliseconds within = 30s) {
        return eventually([&] { return launcher_->wait({}, 20ms), view().phase == phase; }, within);
    }
    launch_view view() const { return launcher_->view("t1"); }
    std::string output() const {
        return base::read_file(output_path_of(options_.output_directory, "t1"), 1 << 26).value();
    }

    temporary_folder folder_;
    process_launcher_options options_;
    kept_log log_;
    std::unique_ptr<process_launcher> launcher_;
};

TEST_F(process_launcher_test, the_log_tells_who_died_from_whom_postern_ended) {
    options_.ready.within = 300ms;
    run({fake_child("silent")});
    ASSERT_TRUE(reaches(launch_phase::died));
    EXPECT_THAT(log_.text(), HasSubstr(" was ended by postern: not ready within 0.3 s"));
    EXPECT_THAT(log_.text(), Not(HasSubstr("died")));
    run({"/bin/false"});
    ASSERT_TRUE(reaches(launch_phase::died));
    EXPECT_THAT(log_.text(), HasSubstr(" died: exited with status 1"));
}

TEST_F(process_launcher_test, gives_the_program_clean_surroundings) {
    std::filesystem::create_directories(folder_.path() + "/acme");
    options_.directory = text(folder_.path() + "/{clientId}");
    options_.environment = {{"SITE", text("{clientId}/{threadId}")},
                            {"WHAT", text("{instruction}")}};
    const base::unique_fd leaky{::open("/dev/null", O_RDONLY)}; // no O_CLOEXEC
    sigset_t term, before;
    ::sigemptyset(&term);
    ::sigaddset(&term, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &term, &before);
    sync::session s = session_named("t1");
    s.instruction = "two words; $(rm -rf /)\nand a line";
    run(fake_child("surroundings", {"{port}"}), s);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ASSERT_TRUE(reaches(launch_phase::ready));
    EXPECT_THAT(output(), HasSubstr("cwd " + folder_.path() + "/acme\n"));
    EXPECT_THAT(output(), HasSubstr("env SITE=acme/t1\n"));
    EXPECT_THAT(output(), HasSubstr("env WHAT=two words; $(rm -rf /)\nand a line\n"));
    EXPECT_THAT(output(), HasSubstr("env PATH="));
    EXPECT_THAT(output(), HasSubstr("fd 2\n"));
    EXPECT_THAT(output(), Not(HasSubstr("fd 3\n")));
    EXPECT_THAT(output(), Not(HasSubstr("fd " + std::to_string(leaky.get()) + "\n")));
    EXPECT_THAT(output(), HasSubstr("term blocked 0 group own 1 stdin 0\n"));
    EXPECT_THAT(output(), Not(HasSubstr("odd host"))) << "the probe's Host";
    struct stat info {};
    ASSERT_EQ(::stat(output_path_of(options_.output_directory, "t1").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(process_launcher_test, arguments_pass_as_they_are) {
    sync::session s = session_named("t1");
    s.instruction = "$HOME `x` \"y\"";
    run({"/bin/echo", "-n", "{instruction}|{sessionId}|{{}}"}, s);
    ASSERT_TRUE(reaches(launch_phase::died));
    EXPECT_EQ(output(), "$HOME `x` \"y\"|t1|{}");
    EXPECT_EQ(view().reason, "exited with status 0: $HOME `x` \"y\"|t1|{}");
}

TEST_F(process_launcher_test, refuses_what_would_lead_out_of_the_directory) {
    options_.directory = text(folder_.path() + "/{clientId}");
    for (const char* bad : {"..", ".", "", "a/../..", "/etc"}) {
        sync::session s = session_named("t1");
        s.client_id = bad;
        run(fake_child("serve", {"{port}"}), s);
        EXPECT_EQ(view().phase, launch_phase::died) << bad;
        EXPECT_THAT(view().reason, HasSubstr("cannot be part of the directory")) << bad;
    }
    sync::session s = session_named("t1");
    s.client_id = "nobody";
    run(fake_child("serve", {"{port}"}), s);
    EXPECT_THAT(view().reason, HasSubstr("nobody: No such file or directory"));
    options_.directory = {};
    s.instruction = std::string{"a\0b", 3};
    run({"/bin/echo", "{instruction}"}, s);
    EXPECT_THAT(view().reason, HasSubstr("instruction has a zero byte"));
    run({"/bin/echo", "{unknown}"});
    EXPECT_THAT(view().reason, HasSubstr("{unknown}"));
}

TEST_F(process_launcher_test, sees_that_the_program_took_another_port) {
    options_.port_last = options_.port_first; // the only one: the fake moves to the next
    run(fake_child("moves", {"{port}", "1000"}));
    const listening_socket thief = listen_on(options_.port_first);
    ASSERT_TRUE(thief.fd);
    std::atomic<bool> is_over{false};
    // Somebody else answers on the port: to a probe alone it would look ready.
    std::thread answering{[&] {
        while (!is_over) {
            ::pollfd p{thief.fd.get(), POLLIN, 0};
            if (::poll(&p, 1, 20) <= 0)
                continue;
            const base::unique_fd client{::accept(thief.fd.get(), nullptr, nullptr)};
            const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            ::send(client.get(), ok.data(), ok.size(), MSG_NOSIGNAL);
        }
    }};
    EXPECT_TRUE(reaches(launch_phase::died));
    is_over = true;
    answering.join();
    EXPECT_THAT(view().reason, HasSubstr("port " + std::to_string(options_.port_first) +
                                         " is held by another program, and this one took port " +
                                         std::to_string(options_.port_first + 1)));
}

TEST_F(process_launcher_test, says_where_a_program_listens_instead) {
    options_.ready.within = 2s;
    run(fake_child("serve", {std::to_string(options_.port_last + 1)}));
    ASSERT_TRUE(reaches(launch_phase::died));
    EXPECT_THAT(view().reason, HasSubstr("listens on port " +
                                         std::to_string(options_.port_last + 1) + " instead"));
}

TEST_F(process_launcher_test, keeps_the_output_within_its_bound) {
    run(fake_child("chatter", {"{port}"}));
    ASSERT_TRUE(reaches(launch_phase::ready));
    const std::string path = output_path_of(options_.output_directory, "t1");
    int cuts = 0;
    ASSERT_TRUE(eventually([&] {
        launcher_->wait({}, 20ms);
        std::ifstream file{path};
        std::string first;
        std::getline(file, first);
        if (first == "[postern: older output was cut here]")
            ++cuts;
        return cuts > 3;
    }));
    // What it can print between two looks is beyond the bound; a few looks' worth is not.
    EXPECT_LT(std::filesystem::file_size(path), 64 * output_bytes_max);
}

TEST_F(process_launcher_test, a_deaf_program_dies_of_a_check) {
    // A program that lives, and whose port is closed: its server child has gone.
    options_.ready.within = 30s;
    run({"/bin/sh", "-c", "\"$0\" --fake-child serve $1 & wait; exec sleep 50",
         fake_child("").front(), "{port}"});
    ASSERT_TRUE(reaches(launch_phase::ready));
    const auto leader = process_task::parse(view().task).value().pid;
    for (const pid_t pid : members_of(leader, "")) {
        if (pid != leader)
            ::kill(pid, SIGKILL);
    }
    ASSERT_TRUE(eventually([&] { return static_cast<bool>(listen_on(view().target.port).fd); }));
    EXPECT_EQ(view().phase, launch_phase::ready);
    launcher_->check("t1");
    ASSERT_TRUE(reaches(launch_phase::died));
    EXPECT_THAT(view().reason, HasSubstr("no longer answered: it refused the connection"));
}

TEST_F(process_launcher_test, a_second_one_on_the_same_folder_is_refused) {
    run(fake_child("serve", {"{port}"}));
    const auto second = process_launcher::make(options_, "other", real_time, quiet_log());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, boost::system::errc::device_or_resource_busy);
}

TEST_F(process_launcher_test, never_adopts_another_process) {
    run(fake_child("serve", {"{port}"}));
    ASSERT_TRUE(reaches(launch_phase::ready));
    process_task task = process_task::parse(view().task).value();
    sync::session s = session_named("t2");
    ++task.start_time; // as after the pid was used again
    s.task = task.text();
    EXPECT_FALSE(launcher_->adopt(s));
    EXPECT_EQ(launcher_->view("t2").phase, launch_phase::none);
    s.task = process_task{::getpid() + 100'000'000, 1, 1}.text();
    EXPECT_FALSE(launcher_->adopt(s));
    EXPECT_EQ(view().phase, launch_phase::ready) << "and leaves it alone";
}

TEST_F(process_launcher_test, a_fresh_start_ends_what_no_record_knows) {
    run(fake_child("family", {"{port}"}));
    ASSERT_TRUE(reaches(launch_phase::ready));
    ASSERT_EQ(survivors(folder_.path() + "/table").size(), 3U);
    const pid_t lost = process_task::parse(view().task)->pid;
    run(fake_child("serve",
                   {"{port}"})); // as after a death between the start and the record's write
    ASSERT_TRUE(reaches(launch_phase::ready)) << view().reason;
    EXPECT_TRUE(eventually([&] { return survivors(folder_.path() + "/table").size() == 1; }));
    ::waitpid(lost, nullptr, 0);
}

TEST(process_task, reads_what_it_writes_and_nothing_else) {
    const process_task task{4711, 123456789, 20001};
    EXPECT_EQ(task.text(), "process:4711:123456789:20001");
    const auto read = process_task::parse(task.text());
    ASSERT_TRUE(read);
    EXPECT_EQ(read->text(), task.text());
    for (const char* bad :
         {"", "process:", "process:1:2:3", "process:0:2:3", "process:-5:2:3", "process:5:2",
          "process:5:2:0", "process:5:2:65536", "process:5:2:3:4", "process:5:2:3x",
          " process:5:2:3", "Process:5:2:3", "process:5::3", "arn:aws:ecs:us-west-2:1:task/x"})
        EXPECT_FALSE(process_task::parse(bad)) << bad;
}

TEST(port_range, skips_what_is_taken) {
    const std::uint16_t first = free_ports(3);
    const listening_socket taken = listen_on(static_cast<std::uint16_t>(first + 1));
    EXPECT_FALSE(port_is_free(taken.port));
    port_range ports{first, static_cast<std::uint16_t>(first + 2)};
    EXPECT_EQ(ports.take(), first);
    EXPECT_EQ(ports.take(), first + 2);
    EXPECT_EQ(ports.take(), std::nullopt);
    ports.give_back(first);
    EXPECT_EQ(ports.take(), first);
    ports.give_back(first + 2);
    ports.hold(first + 2);
    EXPECT_EQ(ports.take(), std::nullopt);
}

TEST(output_file, paths_stay_in_their_folder) {
    EXPECT_EQ(output_path_of("/o", "acme-t1"), "/o/acme-t1.log");
    EXPECT_EQ(output_path_of("/o", "acme#scott/../x"), "/o/acme%23scott%2F..%2Fx.log");
    EXPECT_EQ(output_path_of("/o", ".."), "/o/%2E..log");
    EXPECT_EQ(output_path_of("/o", "lock"), "/o/lock.log");
    const std::string a = output_path_of("/o", std::string(255, '#'));
    const std::string b = output_path_of("/o", std::string(254, '#') + "!");
    EXPECT_NE(a, b);
    EXPECT_LE(a.size() - 3 + 2, 255U);
}

TEST(output_file, shows_lines_for_people) {
    struct row {
        std::string raw, plain;
    };
    for (const row& r : {row{"\x1b[1;31mred\x1b[0m", "red"},
                         {"a\tb\r", "a b"},
                         {"\x1b]0;title\ax", "x"},
                         {"ü\u2713", "ü\u2713"},
                         {"\xff\xc0\xaf", "???"},
                         {"\xe2\x82", "??"},
                         {"\x1b", ""},
                         {"\x1b[", ""},
                         {std::string{"a\0b", 3}, "ab"}})
        EXPECT_EQ(plain_text(r.raw), r.plain);
    const temporary_folder folder;
    const std::string path = folder.path() + "/x.log";
    EXPECT_TRUE(last_output_lines(path, 3).empty());
    std::ofstream{path} << "one\n\ntwo\n   \n" << std::string(300, 'x') << "\nlast\n\n";
    EXPECT_EQ(last_output_lines(path, 3),
              (std::vector<std::string>{"two", std::string(200, 'x'), "last"}));
    EXPECT_EQ(last_output_lines(path, 1), std::vector<std::string>{"last"});
    std::ofstream{path} << "only";
    EXPECT_EQ(last_output_lines(path, 3), std::vector<std::string>{"only"});
}

TEST(proc_files, knows_this_process) {
    const auto self = stat_of(::getpid());
    ASSERT_TRUE(self);
    EXPECT_EQ(self->parent, ::getppid());
    EXPECT_EQ(self->group, ::getpgrp());
    EXPECT_GT(self->start_time, 0U);
    EXPECT_FALSE(stat_of(::getpid() + 100'000'000));
    const listening_socket own = listen_on(0);
    const listening seen = listening_on(own.port, {::getpid()});
    EXPECT_TRUE(seen.ours);
    EXPECT_FALSE(seen.others);
    const listening strange = listening_on(own.port, {});
    EXPECT_FALSE(strange.ours);
    EXPECT_TRUE(strange.others);
    EXPECT_THAT(listening_on(1, {::getpid()}).elsewhere, ::testing::Contains(own.port));
}

} // namespace
} // namespace postern::control::test
