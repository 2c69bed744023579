// What every launcher promises (control/launch/launcher.hpp), over real programs. A new kind adds
// itself to `kinds`.
#include "control/launch/process_launcher.hpp"
#include "test_support.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <ostream>

namespace postern::control::test {
namespace {

/// What a contract test asks of a launcher's surroundings, in terms that every kind can serve.
struct setup {
    std::vector<std::string> program; // a fake; {port} is where it should answer
    std::chrono::milliseconds ready_within = 30s;
    std::chrono::milliseconds stop_within = 5s;
    probe_options::kind probe = probe_options::kind::http;
    std::uint16_t port_first = 0;
    std::uint16_t port_last = 0;
};

struct launcher_kind {
    std::string name;
    std::function<std::unique_ptr<launcher>(const setup&, const std::string& folder)> make;
    std::string foreign_task; // a handle of another kind
};

void PrintTo(const launcher_kind& kind, std::ostream* to) {
    *to << kind.name;
}

const base::system_clock real_time;

std::unique_ptr<launcher> make_process_launcher(const setup& s, const std::string& folder) {
    process_launcher_options o;
    o.command = command(s.program);
    o.output_directory = folder + "/output";
    o.port_first = s.port_first;
    o.port_last = s.port_last;
    o.ready.how = s.probe;
    o.ready.within = s.ready_within;
    o.stop_within = s.stop_within;
    return process_launcher::make(o, folder + "/table", real_time, quiet_log()).value();
}

const launcher_kind kinds[] = {
    {"process", make_process_launcher, "arn:aws:ecs:us-west-2:1:task/x"},
};

class launcher_contract : public ::testing::TestWithParam<launcher_kind> {
  protected:
    void TearDown() override {
        if (launcher_)
            for (const std::string& id : launcher_->sessions())
                launcher_->stop(id);
        EXPECT_TRUE(eventually([&] {
            if (launcher_)
                launcher_->wait({}, 5ms);
            return survivors(folder_.path() + "/table").empty();
        })) << "orphans";
    }

    launcher& with(setup s) {
        if (s.port_first == 0)
            s.port_first = free_ports(4), s.port_last = s.port_first + 3;
        launcher_.reset(); // lets go of its lock first
        launcher_ = GetParam().make(s, folder_.path());
        return *launcher_;
    }
    bool reaches(const std::string& id, launch_phase phase,
                 std::chrono::milliseconds within = 30s) {
        return eventually(
            [&] {
                launcher_->wait({}, 20ms);
                return launcher_->view(id).phase == phase;
            },
            within);
    }

    temporary_folder folder_;
    std::unique_ptr<launcher> launcher_;
};

TEST_P(launcher_contract, starts_answers_and_stops) {
    launcher& l = with({fake_child("serve", {"{port}"})});
    EXPECT_EQ(l.view("t1").phase, launch_phase::none);
    l.start(session_named("t1"));
    EXPECT_EQ(l.view("t1").phase, launch_phase::starting);
    EXPECT_EQ(l.running(), 1U);
    ASSERT_TRUE(reaches("t1", launch_phase::ready)) << l.view("t1").reason;
    const launch_view ready = l.view("t1");
    EXPECT_TRUE(l.knows(ready.task)) << ready.task;
    EXPECT_FALSE(l.knows(GetParam().foreign_task));
    EXPECT_FALSE(l.knows(""));
    EXPECT_FALSE(ready.target.address.is_v4() && ready.target.port == 0);
    EXPECT_GE(ready.ready_at_ms, ready.started_at_ms);
    EXPECT_FALSE(listen_on(ready.target.port).fd) << "nobody listens on the target";
    l.stop("t1");
    EXPECT_EQ(l.view("t1").phase, launch_phase::stopping);
    ASSERT_TRUE(reaches("t1", launch_phase::stopped));
    EXPECT_EQ(l.running(), 0U);
    EXPECT_TRUE(listen_on(ready.target.port).fd) << "the port is still taken";
    l.forget("t1");
    EXPECT_EQ(l.view("t1").phase, launch_phase::none);
    EXPECT_TRUE(l.sessions().empty());
}

TEST_P(launcher_contract, ready_is_any_answer_below_500_and_no_redirect_is_followed) {
    struct row {
        const char* status;
        launch_phase end;
    };
    for (const row& r : {row{"200", launch_phase::ready}, row{"302", launch_phase::ready},
                         row{"404", launch_phase::ready}, row{"500", launch_phase::died},
                         row{"503", launch_phase::died}}) {
        // One that is never ready has the time to answer at least once.
        const auto within = r.end == launch_phase::ready ? 30s : 3s;
        launcher& l = with({fake_child("answer", {"{port}", r.status}), within});
        l.start(session_named("t1"));
        ASSERT_TRUE(reaches("t1", r.end)) << r.status;
        if (r.end == launch_phase::died) {
            EXPECT_NE(l.view("t1").reason.find(std::string{"answered "} + r.status),
                      std::string::npos)
                << l.view("t1").reason;
        } else {
            l.stop("t1");
            ASSERT_TRUE(reaches("t1", launch_phase::stopped));
        }
    }
}

TEST_P(launcher_contract, waits_for_a_slow_one_and_probes_by_tcp_too) {
    for (const auto how : {probe_options::kind::http, probe_options::kind::tcp}) {
        launcher& l = with({fake_child("serve_late", {"{port}", "300"}), 30s, 5s, how});
        const auto before = std::chrono::steady_clock::now();
        l.start(session_named("t1"));
        ASSERT_TRUE(reaches("t1", launch_phase::ready));
        EXPECT_GE(std::chrono::steady_clock::now() - before, 300ms);
        l.stop("t1");
        ASSERT_TRUE(reaches("t1", launch_phase::stopped));
    }
}

TEST_P(launcher_contract, one_that_never_answers_dies_with_the_reason) {
    launcher& l = with({fake_child("silent"), 1500ms});
    l.start(session_named("t1"));
    ASSERT_TRUE(reaches("t1", launch_phase::died));
    EXPECT_NE(l.view("t1").reason.find("not ready within 1.5 s: it refused the connection"),
              std::string::npos)
        << l.view("t1").reason;
}

TEST_P(launcher_contract, one_that_exits_dies_with_status_and_last_line) {
    launcher& l = with({fake_child("exit", {"4"})});
    l.start(session_named("t1"));
    ASSERT_TRUE(reaches("t1", launch_phase::died));
    EXPECT_EQ(l.view("t1").reason, "exited with status 4: boom: no such site");
    l.forget("t1");
    EXPECT_EQ(l.view("t1").phase, launch_phase::none);
}

TEST_P(launcher_contract, one_that_cannot_be_run_dies_at_once) {
    launcher& l = with({{"/no/such/program", "{port}"}});
    l.start(session_named("t1"));
    EXPECT_EQ(l.view("t1").phase, launch_phase::died);
    EXPECT_NE(l.view("t1").reason.find("/no/such/program"), std::string::npos)
        << l.view("t1").reason;
}

TEST_P(launcher_contract, one_that_ignores_the_signal_is_killed) {
    launcher& l = with({fake_child("stubborn", {"{port}"}), 30s, 200ms});
    l.start(session_named("t1"));
    ASSERT_TRUE(reaches("t1", launch_phase::ready));
    const auto before = std::chrono::steady_clock::now();
    l.stop("t1");
    ASSERT_TRUE(reaches("t1", launch_phase::stopped));
    EXPECT_GE(std::chrono::steady_clock::now() - before, 200ms);
}

TEST_P(launcher_contract, takes_grandchildren_along) {
    launcher& l = with({fake_child("family", {"{port}"}), 30s, 300ms});
    l.start(session_named("t1"));
    ASSERT_TRUE(reaches("t1", launch_phase::ready)) << l.view("t1").reason;
    EXPECT_EQ(survivors(folder_.path() + "/table").size(), 3U);
    l.stop("t1");
    ASSERT_TRUE(reaches("t1", launch_phase::stopped));
    EXPECT_TRUE(survivors(folder_.path() + "/table").empty());
}

TEST_P(launcher_contract, notices_a_death_and_takes_the_rest_along) {
    launcher& l = with({fake_child("family", {"{port}"}), 30s, 300ms});
    l.start(session_named("t1"));
    ASSERT_TRUE(reaches("t1", launch_phase::ready));
    const auto members = survivors(folder_.path() + "/table");
    ASSERT_EQ(members.size(), 3U);
    ::kill(members.front().pid, SIGKILL); // the first one started
    ASSERT_TRUE(reaches("t1", launch_phase::died));
    EXPECT_NE(l.view("t1").reason.find("was killed by signal 9"), std::string::npos)
        << l.view("t1").reason;
    EXPECT_TRUE(survivors(folder_.path() + "/table").empty());
}

TEST_P(launcher_contract, never_gives_one_port_to_two) {
    const std::uint16_t first = free_ports(3);
    launcher& l = with({fake_child("serve_late", {"{port}", "200"}), 30s, 5s,
                        probe_options::kind::http, first, static_cast<std::uint16_t>(first + 1)});
    l.start(session_named("t1"));
    l.start(session_named("t2"));
    l.start(session_named("t3")); // the range has two
    EXPECT_EQ(l.view("t3").phase, launch_phase::died);
    EXPECT_NE(l.view("t3").reason.find("no free port"), std::string::npos);
    ASSERT_TRUE(reaches("t1", launch_phase::ready));
    ASSERT_TRUE(reaches("t2", launch_phase::ready));
    EXPECT_NE(l.view("t1").target.port, l.view("t2").target.port);
    l.stop("t1");
    ASSERT_TRUE(reaches("t1", launch_phase::stopped));
    l.forget("t1");
    l.forget("t3");
    l.start(session_named("t3"));
    EXPECT_EQ(l.view("t3").phase, launch_phase::starting) << l.view("t3").reason;
}

TEST_P(launcher_contract, a_later_one_adopts_what_runs) {
    launcher* l = &with({fake_child("serve", {"{port}"})});
    sync::session s = session_named("t1");
    l->start(s);
    ASSERT_TRUE(reaches("t1", launch_phase::ready));
    const launch_view before = l->view("t1");
    s.task = before.task;
    for (const auto status : {sync::session_status::initializing, sync::session_status::active}) {
        s.status = status;
        l = &with({fake_child("serve", {"{port}"})});
        ASSERT_TRUE(l->adopt(s));
        ASSERT_TRUE(reaches("t1", launch_phase::ready));
        EXPECT_EQ(l->view("t1").target, before.target);
        EXPECT_EQ(l->view("t1").task, before.task);
        l->sweep();
        EXPECT_EQ(survivors(folder_.path() + "/table").size(), 1U);
    }
    l->stop("t1");
    ASSERT_TRUE(reaches("t1", launch_phase::stopped));
}

TEST_P(launcher_contract, a_later_one_ends_what_it_does_not_adopt) {
    launcher* l = &with({fake_child("serve", {"{port}"})});
    sync::session s = session_named("t1");
    l->start(s);
    ASSERT_TRUE(reaches("t1", launch_phase::ready));
    s.task = l->view("t1").task;
    l = &with({fake_child("serve", {"{port}"})});
    l->sweep();
    EXPECT_TRUE(eventually([&] { return survivors(folder_.path() + "/table").empty(); }));
    if (l->adopt(s)) { // in the moment of its death it may still look alive
        EXPECT_TRUE(reaches("t1", launch_phase::died));
    }
    // The dead one is a child of this process, and stays a zombie until someone waits for it.
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
}

TEST_P(launcher_contract, a_check_of_a_live_one_is_good) {
    launcher& l = with({fake_child("serve", {"{port}"})});
    l.start(session_named("t1"));
    ASSERT_TRUE(reaches("t1", launch_phase::ready));
    const std::int64_t good_at = l.view("t1").good_at_ms;
    ::usleep(2000);
    l.check("t1");
    EXPECT_TRUE(l.view("t1").checking);
    EXPECT_TRUE(eventually([&] { return l.wait({}, 20ms), !l.view("t1").checking; }));
    EXPECT_GT(l.view("t1").good_at_ms, good_at);
    EXPECT_EQ(l.view("t1").phase, launch_phase::ready);
}

INSTANTIATE_TEST_SUITE_P(every, launcher_contract, ::testing::ValuesIn(kinds),
                         [](const auto& kind) { return kind.param.name; });

} // namespace
} // namespace postern::control::test
