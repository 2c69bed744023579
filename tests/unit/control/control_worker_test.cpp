// The control process as a whole: real store, real table, real programs. Only sync is missing:
// nothing routes.
#include "cache/segment.hpp"
#include "control/control_worker.hpp"
#include "control/launch/process_task.hpp"
#include "http_client.hpp"
#include "sync/store/sqlite/sqlite_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <random>
#include <set>
#include <thread>
#include <unistd.h>

namespace postern::control::test {
namespace {

using enum sync::session_status;
using ::testing::HasSubstr;

/// A conf, a store and a listener as a master would hold them; control runs in a thread or in a
/// child process.
class control_process : public ::testing::Test {
  protected:
    control_process() {
        opts_.token = test_token;
        opts_.table_path = folder_.path() + "/table";
        opts_.route_key = text("{clientId}-{threadId}");
        opts_.history = 1h;
        opts_.idle_timeout = 0ms;
        opts_.has_launcher = true;
        opts_.process.command = command(fake_child("serve", {"{port}"}));
        opts_.process.output_directory = folder_.path() + "/output";
        opts_.process.port_first = free_ports(8);
        opts_.process.port_last = static_cast<std::uint16_t>(opts_.process.port_first + 7);
        opts_.process.ready.within = 30s;
        opts_.process.stop_within = 2s;
        EXPECT_TRUE(cache::prepare(opts_.table_path, 1000));
    }
    ~control_process() override {
        if (thread_.joinable())
            tell(order::stop);
        EXPECT_TRUE(eventually([&] { return running().empty(); })) << "orphans";
        for (const marked_process& p : running())
            ::kill(p.pid, SIGKILL);
    }

    sync::open_store opener() {
        return [this]() -> base::result<std::unique_ptr<sync::store>> {
            if (is_store_away_)
                return base::failure{sync::store_error::unavailable, "away"};
            return sync::open_sqlite_store({.path = folder_.path() + "/db", .busy_timeout = 30s});
        };
    }
    int run_here(int order_fd) {
        return run(opts_, listener_.fd.get(), opener(), {sync_bell_}, order_fd, time_, quiet_log());
    }
    void start() {
        make_pipe();
        thread_ = std::thread{[this] { exit_code_ = run_here(read_end_.get()); }};
    }
    void tell(order what) {
        ASSERT_EQ(::write(write_end_.get(), &what, 1), 1);
        thread_.join();
        EXPECT_EQ(exit_code_, 0);
    }
    /// A child process that only SIGKILL ends.
    pid_t start_child() {
        own_store_.reset(); // SQLite's connections do not survive a fork
        make_pipe();
        const pid_t pid = ::fork();
        if (pid == 0)
            ::_exit(run_here(read_end_.get()));
        return pid;
    }
    static void kill_program(pid_t pid) {
        ASSERT_GT(pid, 1); // 0 would be this test's own group
        ::kill(pid, SIGKILL);
    }
    static void kill_child(pid_t pid) {
        kill_program(pid);
        ::waitpid(pid, nullptr, 0);
    }
    void make_pipe() {
        int ends[2];
        ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
        read_end_.reset(ends[0]);
        write_end_.reset(ends[1]);
    }

    reply get(const std::string& path) { return send(listener_.port, {"GET", path}); }
    reply post(const std::string& path, const std::string& body = "") {
        return send(listener_.port, {"POST", path, body});
    }
    reply activate(const std::string& thread) {
        return post("/api/sessions/activate", activation(thread));
    }
    /// Soon: what is written is told to the metrics a moment later.
    bool counts(const std::string& line) {
        return eventually(
            [&] { return get("/metrics").body.find("\n" + line + "\n") != std::string::npos; });
    }
    nlohmann::json status(const std::string& id = "acme-t1") {
        return get("/api/sessions/" + id + "/status").json();
    }
    bool becomes(const std::string& wanted, std::chrono::milliseconds within = 30s) {
        return eventually([&] { return status().value("status", "none") == wanted; }, within);
    }
    sync::store& store() {
        if (!own_store_)
            own_store_ =
                sync::open_sqlite_store({.path = folder_.path() + "/db", .busy_timeout = 30s})
                    .value();
        return *own_store_;
    }
    /// Changes a record as another program would, whoever else writes.
    void change(const std::string& id, const std::function<void(sync::session&)>& how) {
        for (;;) {
            sync::session s = store().get(id).value();
            how(s);
            if (store().replace(s))
                return;
        }
    }
    std::vector<marked_process> running() const { return survivors(opts_.table_path); }
    /// Of the process that the record names; 0 while it names none.
    pid_t pid_of(const std::string& id = "acme-t1") {
        const auto task = process_task::parse(store().get(id)->task);
        return task ? task->pid : 0;
    }
    /// The same once the record is active, else 0.
    pid_t active_pid(const std::string& id = "acme-t1") {
        const auto s = store().get(id);
        return s && s->status == active ? process_task::parse(s->task).value().pid : 0;
    }

    temporary_folder folder_;
    options opts_;
    base::system_clock time_;
    base::doorbell sync_bell_ = base::doorbell::make().value();
    listening_socket listener_ = listen_on(0);
    std::atomic<bool> is_store_away_{false};
    base::unique_fd read_end_, write_end_;
    std::thread thread_;
    int exit_code_ = -1;
    std::unique_ptr<sync::store> own_store_;
};

TEST_F(control_process, from_birth_to_death_of_a_session) {
    start();
    EXPECT_EQ(activate("t1").status, 201);
    ASSERT_TRUE(becomes("active")) << status();
    EXPECT_EQ(status()["containerIp"], "127.0.0.1");
    const auto port = status()["containerPort"].get<std::uint16_t>();
    EXPECT_EQ(send(port, {"GET", "/"}).body, "hello");
    EXPECT_EQ(running().size(), 1U);
    EXPECT_EQ(store().get("acme-t1")->task.rfind("process:", 0), 0U);
    EXPECT_EQ(send(listener_.port, {"GET", "/readyz"}).json()["checks"]["lifecycle"]["ok"], true);
    EXPECT_TRUE(counts("postern_sessions{status=\"active\"} 1"));
    EXPECT_TRUE(counts("postern_launch_seconds_count 1"));
    EXPECT_TRUE(counts("postern_requests_total 0"));
    EXPECT_THAT(get("/metrics").body,
                HasSubstr("\n# TYPE postern_aws_calls_total counter\n"
                          "postern_aws_calls_total{result=\"ok\"} 0\n"
                          "postern_aws_calls_total{result=\"failed\"} 0\n"
                          "postern_aws_calls_total{result=\"condition\"} 0\n# HELP "));
    EXPECT_TRUE(counts("postern_table_capacity 1000"));

    EXPECT_EQ(post("/api/sessions/acme-t1/deactivate").json()["status"], "draining");
    ASSERT_TRUE(becomes("inactive"));
    EXPECT_TRUE(status()["containerIp"].is_null());
    EXPECT_EQ(store().get("acme-t1")->task, "");
    EXPECT_TRUE(running().empty());

    EXPECT_EQ(post("/api/routes/acme-t1/wake").status, 202);
    ASSERT_TRUE(becomes("active"));
    std::uint64_t rings = 0;
    EXPECT_TRUE(eventually([&] { // the last one comes behind its write
        std::uint64_t more = 0;
        if (::poll(std::array{pollfd{sync_bell_.fd(), POLLIN, 0}}.data(), 1, 0) == 1 &&
            ::read(sync_bell_.fd(), &more, sizeof more) == static_cast<ssize_t>(sizeof more))
            rings += more;
        return rings >= 8;
    })) << "every write rings: "
        << rings;
}

TEST_F(control_process, fifty_activations_at_once_start_one_container) {
    start();
    std::vector<std::thread> callers;
    std::atomic<int> made{0};
    for (int i = 0; i < 50; ++i)
        callers.emplace_back([&] { made += activate("t1").status == 201; });
    for (std::thread& t : callers)
        t.join();
    EXPECT_EQ(made, 1);
    ASSERT_TRUE(becomes("active"));
    EXPECT_EQ(running().size(), 1U);
    EXPECT_TRUE(counts("postern_launches_started_total 1"));
}

TEST_F(control_process, a_failed_launch_says_why) {
    opts_.process.command = command(fake_child("exit", {"4"}));
    start();
    activate("t1");
    ASSERT_TRUE(becomes("failed"));
    EXPECT_EQ(status()["reason"], "exited with status 4: boom: no such site");
    EXPECT_EQ(status()["lastOutput"], nlohmann::json({"starting up", "boom: no such site"}));
    EXPECT_EQ(activate("t1").status, 202) << "and can be tried again";
    ASSERT_TRUE(becomes("failed"));
    EXPECT_EQ(post("/api/sessions/acme-t1/deactivate").json()["status"], "draining");
    EXPECT_TRUE(becomes("inactive"));
}

TEST_F(control_process, a_death_is_answered_by_a_new_launch_until_there_are_too_many) {
    opts_.process.restarts_max = 2;
    start();
    activate("t1");
    std::set<pid_t> pids;
    for (int death = 0; death < 3; ++death) {
        pid_t pid = 0;
        ASSERT_TRUE(
            eventually([&] { return (pid = active_pid()) != 0 && pids.insert(pid).second; }));
        kill_program(pid);
    }
    ASSERT_TRUE(becomes("failed"));
    EXPECT_THAT(status()["reason"],
                HasSubstr("died 3 times within 60 s, last: was killed by signal 9"));
    EXPECT_TRUE(counts("postern_relaunches_total 2"));
}

TEST_F(control_process, idle_sessions_are_stopped_and_kept_alive_ones_are_not) {
    opts_.idle_timeout = 5s;
    start();
    activate("t1"), activate("t2");
    const auto kept_alive_until = [&](const char* wanted) {
        return eventually([&] {
            post("/api/sessions/acme-t2/keepalive");
            return status()["status"] == wanted;
        });
    };
    const auto began = std::chrono::steady_clock::now();
    ASSERT_TRUE(kept_alive_until("active"));
    ASSERT_TRUE(kept_alive_until("inactive"));
    EXPECT_GE(std::chrono::steady_clock::now() - began, 4700ms);
    EXPECT_EQ(status("acme-t2")["status"], "active");
    EXPECT_EQ(running().size(), 1U);
    EXPECT_TRUE(counts("postern_idle_stops_total 1"));
}

TEST_F(control_process, records_go_when_their_time_is_over) {
    opts_.history = 1000ms;
    start();
    activate("t1");
    EXPECT_TRUE(eventually([&] { return get("/api/sessions/acme-t1/status").status == 404; }));
    EXPECT_TRUE(eventually([&] { return running().empty(); }));
    EXPECT_TRUE(counts("postern_records_removed_total 1"));
}

TEST_F(control_process, changes_of_other_programs_are_followed) {
    start();
    activate("t1");
    ASSERT_TRUE(becomes("active"));
    ASSERT_TRUE(store().remove("acme-t1", 0));
    EXPECT_TRUE(eventually([&] { return running().empty(); }))
        << "a removed record takes its process along";

    sync::session s = session_named("t1");
    s.session_id = "acme-t1";
    ASSERT_TRUE(store().insert(s));
    ASSERT_TRUE(becomes("active")) << "inserted as initializing";
    change("acme-t1", [](sync::session& r) { r.status = inactive; });
    EXPECT_TRUE(
        eventually([&] { return running().empty() && store().get("acme-t1")->task.empty(); }));

    s = session_named("elsewhere");
    s.status = active;
    s.target = base::ip_endpoint::parse("10.1.2.3:4321").value();
    ASSERT_TRUE(store().insert(s));
    ::usleep(600'000); // two looks at the feed: nothing must happen
    EXPECT_EQ(store().get("elsewhere")->status, active);
}

TEST_F(control_process, activate_while_it_stops_and_deactivate_while_it_starts) {
    opts_.process.command = command(fake_child("stubborn", {"{port}"})); // takes 400 ms to stop
    opts_.process.stop_within = 400ms;
    start();
    activate("t1");
    ASSERT_TRUE(becomes("active"));
    const pid_t first = pid_of();
    post("/api/sessions/acme-t1/deactivate");
    ::usleep(100'000);
    EXPECT_EQ(activate("t1").status, 202);
    ASSERT_TRUE(becomes("active"));
    EXPECT_EQ(running().size(), 1U);
    EXPECT_NE(pid_of(), first);

    opts_.process.command = command(fake_child("silent"));
    activate("t2");
    ASSERT_EQ(post("/api/sessions/acme-t2/deactivate").status, 200);
    EXPECT_TRUE(eventually([&] { return status("acme-t2")["status"] == "inactive"; }));
    EXPECT_EQ(running().size(), 1U);
}

TEST_F(control_process, other_writers_do_not_keep_it_from_its_work) {
    start();
    std::atomic<bool> is_over{false};
    std::thread writer{[&] {
        auto other =
            sync::open_sqlite_store({.path = folder_.path() + "/db", .busy_timeout = 30s}).value();
        for (int i = 0; !is_over; ++i) {
            auto s = other->get("acme-t1");
            if (!s)
                continue;
            s->branch = "b" + std::to_string(i);
            [[maybe_unused]] const auto written = other->replace(*s);
            ::usleep(500);
        }
    }};
    activate("t1");
    EXPECT_TRUE(becomes("active"));
    post("/api/sessions/acme-t1/deactivate");
    EXPECT_TRUE(becomes("inactive"));
    is_over = true;
    writer.join();
}

TEST_F(control_process, order_stop_leaves_nothing_behind) {
    opts_.process.command = command(fake_child("stubborn", {"{port}"}));
    opts_.process.stop_within = 4s;
    start();
    for (const char* t : {"t1", "t2", "t3", "t4"})
        activate(t);
    for (const char* t : {"t1", "t2", "t3", "t4"})
        ASSERT_TRUE(
            eventually([&] { return status(std::string{"acme-"} + t)["status"] == "active"; }));
    const auto began = std::chrono::steady_clock::now();
    tell(order::stop);
    EXPECT_LT(std::chrono::steady_clock::now() - began, 4 * 4s) << "all at the same time";
    EXPECT_TRUE(running().empty());
    for (const sync::session& s : store().list({}, 10, "").value()) {
        EXPECT_EQ(s.status, inactive) << s.session_id;
        EXPECT_EQ(s.task, "");
    }
}

TEST_F(control_process, order_hand_over_and_a_dead_master_leave_everything_running) {
    start();
    activate("t1");
    ASSERT_TRUE(becomes("active"));
    const pid_t pid = pid_of();
    tell(order::hand_over);
    EXPECT_EQ(running().size(), 1U);
    EXPECT_EQ(store().get("acme-t1")->status, active);

    start();
    EXPECT_EQ(activate("t1").status, 200);
    write_end_.reset(); // the master dies
    thread_.join();
    EXPECT_EQ(exit_code_, 0);
    EXPECT_EQ(pid_of(), pid);

    start();
    kill_program(pid); // the adopted one is watched
    EXPECT_TRUE(eventually([&] { return active_pid() != 0 && active_pid() != pid; }));
}

TEST_F(control_process, killed_during_a_launch_the_next_one_finishes_it) {
    opts_.process.command = command(fake_child("serve_late", {"{port}", "2000"}));
    const pid_t control = start_child();
    activate("t1");
    ASSERT_TRUE(eventually([&] { return !store().get("acme-t1")->task.empty(); }));
    const pid_t pid = pid_of();
    kill_child(control);
    EXPECT_EQ(store().get("acme-t1")->status, initializing);
    start();
    ASSERT_TRUE(becomes("active"));
    EXPECT_EQ(pid_of(), pid) << "adopted, not started again";
    EXPECT_EQ(running().size(), 1U);
}

TEST_F(control_process, how_an_adopted_program_ended_is_not_guessed) {
    opts_.process.restarts_max = 0;
    opts_.process.command = command({"/bin/sh", "-c", "echo all is well; exec \"$@\"", "sh"});
    for (const auto& word : command(fake_child("serve", {"{port}"})))
        opts_.process.command.push_back(word);
    const pid_t control = start_child();
    activate("t1");
    ASSERT_TRUE(becomes("active"));
    kill_child(control);
    start();
    ASSERT_TRUE(counts("postern_launches_running 1")) << "it is adopted";
    kill_program(pid_of());
    ASSERT_TRUE(becomes("failed"));
    EXPECT_EQ(status()["reason"], "it ended (exit status unknown: adopted after a restart of "
                                  "control); last output: all is well");
}

TEST_F(control_process, killed_at_any_moment_the_next_one_sets_it_right) {
    std::minstd_rand random{4711};
    for (int round = 0; round < 12; ++round) {
        const pid_t control = start_child();
        ASSERT_TRUE(eventually([&] { return get("/healthz").status == 200; }));
        round % 3 == 2 ? post("/api/sessions/acme-t1/deactivate") : activate("t1");
        ::usleep(random() % 40'000);
        kill_child(control);
    }
    start();
    activate("t1");
    ASSERT_TRUE(becomes("active"));
    EXPECT_TRUE(eventually([&] { return running().size() == 1; }));
    EXPECT_EQ(running()[0].pid, pid_of());
}

TEST_F(control_process, what_died_while_nobody_looked_is_started_again_or_put_to_rest) {
    pid_t control = start_child();
    activate("t1"), activate("t2"), activate("t3");
    for (const char* t : {"acme-t1", "acme-t2", "acme-t3"})
        ASSERT_TRUE(eventually([&] { return status(t)["status"] == "active"; }));
    kill_child(control);
    const pid_t first = pid_of("acme-t1");
    kill_program(first);
    kill_program(pid_of("acme-t2"));
    change("acme-t2", [](sync::session& s) { s.status = draining; });
    ASSERT_TRUE(store().remove("acme-t3", 0));
    start();
    ASSERT_TRUE(
        eventually([&] { return active_pid("acme-t1") != 0 && active_pid("acme-t1") != first; }));
    EXPECT_TRUE(eventually([&] { return status("acme-t2")["status"] == "inactive"; }));
    EXPECT_TRUE(eventually([&] { return running().size() == 1; }))
        << "the one without a record is swept away";
}

TEST_F(control_process, sessions_keep_running_while_the_store_is_away) {
    start();
    activate("t1");
    ASSERT_TRUE(becomes("active"));
    is_store_away_ = true; // connections that are open still work; a stop must not need the store
    tell(order::hand_over);
    start();
    ASSERT_TRUE(eventually([&] {
        return send(listener_.port, {"GET", "/readyz"}).json()["checks"]["store"]["ok"] == false;
    }));
    EXPECT_EQ(activate("t2").error_code(), "store_unavailable");
    EXPECT_EQ(running().size(), 1U);
    is_store_away_ = false;
    EXPECT_TRUE(eventually([&] { return activate("t2").status == 201; }));
    EXPECT_TRUE(eventually([&] { return status("acme-t2")["status"] == "active"; }));
    EXPECT_EQ(running().size(), 2U);
}

TEST_F(control_process, without_a_launcher_others_set_the_target) {
    opts_.has_launcher = false;
    start();
    EXPECT_EQ(activate("t1").status, 201);
    EXPECT_EQ(status()["status"], "initializing");
    change("acme-t1", [](sync::session& s) {
        s.status = active;
        s.target = base::ip_endpoint::parse("10.1.2.3:4321").value();
    });
    EXPECT_EQ(status()["containerIp"], "10.1.2.3");
    EXPECT_EQ(post("/api/sessions/acme-t1/deactivate").status, 200);
    EXPECT_TRUE(becomes("inactive"));
}

TEST_F(control_process, does_not_start_without_its_table) {
    std::filesystem::remove(opts_.table_path);
    make_pipe();
    EXPECT_EQ(run_here(read_end_.get()), 1);
}

} // namespace
} // namespace postern::control::test
