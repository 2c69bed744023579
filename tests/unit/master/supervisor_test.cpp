// The supervisor as scripts: each line is what happens, and what it has to answer. No process is
// started here.
#include "base/limits.hpp"
#include "edge/master/supervisor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace postern::edge {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr child_end killed{.by_signal = true, .code = 9};
constexpr child_end crashed{.by_signal = true, .code = 11};
constexpr child_end exited(int code) {
    return {.by_signal = false, .code = code};
}

supervisor_limits limits() {
    supervisor_limits l;
    l.drain = milliseconds{30'000};
    return l;
}

/// Plays the master: gives each spawned child a process id, and names children by role, position
/// and generation: "w1.2".
class stage {
  public:
    supervisor under_test{limits()};

    std::vector<std::string> take() {
        std::vector<std::string> said;
        for (const action& a : under_test.take_actions()) {
            switch (a.what) {
            case action::kind::spawn: {
                const child* c = under_test.find(a.id);
                names_[a.id] = name(*c);
                pids_[names_[a.id]] = ++last_pid_;
                under_test.spawned(a.id, last_pid_, now_);
                said.push_back("spawn " + names_[a.id]);
                break;
            }
            case action::kind::order:
                said.push_back("order " + names_[a.id] + " " + a.order);
                break;
            case action::kind::kill:
                said.push_back("kill " + names_[a.id]);
                break;
            case action::kind::adopt:
                said.push_back("adopt");
                break;
            case action::kind::discard:
                said.push_back("discard");
                break;
            case action::kind::finish:
                said.push_back("finish " + std::to_string(a.exit_code));
            }
        }
        return said;
    }
    std::vector<std::string> start(std::uint32_t workers) {
        under_test.start(workers, now_);
        return take();
    }
    std::vector<std::string> ends(const std::string& who, child_end how) {
        EXPECT_TRUE(under_test.ended(pids_.at(who), how, now_)) << who;
        return take();
    }
    std::vector<std::string> after(milliseconds time) {
        now_ += time;
        under_test.tick(now_);
        return take();
    }
    std::vector<std::string> stop() {
        under_test.stop(now_);
        return take();
    }
    std::vector<std::string> drain() {
        under_test.drain(now_);
        return take();
    }
    bool reload(std::uint32_t workers) { return under_test.reload(workers, limits(), now_); }
    /// A reload whose trial goes well, with everyone leaving as told.
    void reload_well(std::uint32_t workers) {
        ASSERT_TRUE(reload(workers));
        take();
        after(milliseconds{1'500});
    }
    base::steady_time now() const { return now_; }
    milliseconds until_wake() const {
        return std::chrono::duration_cast<milliseconds>(*under_test.wake_at() - now_);
    }

  private:
    static std::string name(const child& c) {
        const std::string generation = "." + std::to_string(c.generation);
        if (c.what == role::sync)
            return "sync" + generation;
        if (c.what == role::control)
            return "control" + generation;
        return "w" + std::to_string(c.position) + generation;
    }
    base::steady_time now_{std::chrono::hours{1}};
    std::map<std::uint32_t, std::string> names_;
    std::map<std::string, int> pids_;
    int last_pid_ = 100;
};

TEST(supervisor, starts_every_role_at_once) {
    stage s;
    EXPECT_THAT(s.start(2),
                ElementsAre("spawn sync.1", "spawn control.1", "spawn w0.1", "spawn w1.1"));
    EXPECT_FALSE(s.under_test.wake_at());
    EXPECT_THAT(s.after(milliseconds{60'000}), IsEmpty());
}

TEST(supervisor, a_dead_child_is_back_at_once_and_then_ever_later) {
    for (const std::string who : {"sync.1", "control.1", "w1.1"}) {
        stage s;
        s.start(2);
        EXPECT_THAT(s.ends(who, killed), ElementsAre("spawn " + who));
        for (const int delay : {100, 200, 400, 800, 1600, 3200, 5000, 5000}) {
            EXPECT_THAT(s.ends(who, crashed), IsEmpty()) << delay;
            EXPECT_EQ(s.until_wake(), milliseconds{delay});
            EXPECT_THAT(s.after(milliseconds{delay - 1}), IsEmpty());
            EXPECT_THAT(s.after(milliseconds{1}), ElementsAre("spawn " + who));
        }
    }
}

TEST(supervisor, ten_seconds_of_life_are_a_fresh_start) {
    stage s;
    s.start(1);
    s.ends("w0.1", killed);
    s.after(milliseconds{9'999});
    EXPECT_THAT(s.ends("w0.1", killed), IsEmpty());
    EXPECT_THAT(s.after(milliseconds{100}), ElementsAre("spawn w0.1"));
    s.after(milliseconds{10'000});
    EXPECT_THAT(s.ends("w0.1", killed), ElementsAre("spawn w0.1"));
}

TEST(supervisor, a_fork_that_fails_counts_as_a_death) {
    supervisor bare{limits()};
    const base::steady_time now{std::chrono::hours{1}};
    bare.start(1, now);
    const auto first = bare.take_actions();
    ASSERT_EQ(first.size(), 3U);
    bare.spawn_failed(first[2].id, now);
    bare.tick(now);
    ASSERT_EQ(bare.take_actions().size(), 1U);
    bare.spawn_failed(first[2].id, now);
    bare.tick(now);
    EXPECT_TRUE(bare.take_actions().empty());
    EXPECT_EQ(bare.wake_at(), now + milliseconds{100});
}

TEST(supervisor, strangers_are_no_children) {
    stage s;
    s.start(1);
    EXPECT_FALSE(s.under_test.ended(99'999, killed, base::steady_time{}));
    EXPECT_FALSE(s.under_test.ended(0, killed, base::steady_time{}));
    EXPECT_THAT(s.take(), IsEmpty());
}

TEST(supervisor, exit_78_at_the_first_start_ends_everything_with_it) {
    stage s;
    s.start(2);
    EXPECT_THAT(s.ends("w1.1", exited(78)), ElementsAre("order control.1 s", "order w0.1 s"));
    s.ends("w0.1", exited(0));
    EXPECT_THAT(s.ends("control.1", exited(0)), ElementsAre("order sync.1 s"));
    EXPECT_THAT(s.ends("sync.1", exited(0)), ElementsAre("finish 78"));
}

TEST(supervisor, exit_78_later_is_given_up_until_the_next_generation) {
    stage s;
    s.start(1);
    s.after(milliseconds{6'000});
    EXPECT_THAT(s.ends("sync.1", exited(78)), IsEmpty());
    EXPECT_FALSE(s.under_test.wake_at());
    EXPECT_THAT(s.after(milliseconds{600'000}), IsEmpty());
    ASSERT_TRUE(s.reload(1));
    EXPECT_THAT(s.take(), ElementsAre("spawn w0.2"));
    EXPECT_THAT(s.after(milliseconds{300}),
                ElementsAre("adopt", "order w0.1 q", "order control.1 h", "spawn sync.2"));
}

TEST(supervisor, stop_ends_workers_and_control_and_then_sync) {
    stage s;
    s.start(2);
    EXPECT_THAT(s.stop(), ElementsAre("order control.1 s", "order w0.1 s", "order w1.1 s"));
    EXPECT_THAT(s.stop(), IsEmpty());
    EXPECT_THAT(s.ends("w0.1", exited(0)), IsEmpty());
    EXPECT_THAT(s.ends("control.1", exited(0)), IsEmpty());
    EXPECT_THAT(s.ends("w1.1", exited(0)), ElementsAre("order sync.1 s"));
    EXPECT_THAT(s.ends("sync.1", exited(0)), ElementsAre("finish 0"));
    EXPECT_THAT(s.after(milliseconds{60'000}), IsEmpty());
}

TEST(supervisor, what_does_not_leave_is_killed) {
    stage s;
    s.start(1);
    s.stop();
    EXPECT_THAT(s.after(milliseconds{1'999}), IsEmpty());
    EXPECT_THAT(s.after(milliseconds{1}), ElementsAre("kill w0.1"));
    EXPECT_THAT(s.after(milliseconds{1'000}), ElementsAre("kill w0.1"));
    s.ends("w0.1", killed);
    EXPECT_THAT(s.after(milliseconds{12'000}), ElementsAre("kill control.1"));
    EXPECT_THAT(s.ends("control.1", killed), ElementsAre("order sync.1 s"));
    EXPECT_THAT(s.after(milliseconds{9'999}), IsEmpty());
    EXPECT_THAT(s.after(milliseconds{1}), ElementsAre("kill sync.1"));
    EXPECT_THAT(s.ends("sync.1", killed), ElementsAre("finish 0"));
}

TEST(supervisor, drain_gives_the_workers_time_and_control_its_work) {
    stage s;
    s.start(2);
    EXPECT_THAT(s.drain(), ElementsAre("order w0.1 q", "order w1.1 q"));
    s.ends("w0.1", exited(0));
    EXPECT_THAT(s.ends("control.1", killed), ElementsAre("spawn control.1"));
    EXPECT_THAT(s.after(milliseconds{30'000}), ElementsAre("order w1.1 s"));
    EXPECT_THAT(s.after(milliseconds{2'000}), ElementsAre("kill w1.1"));
    EXPECT_THAT(s.ends("w1.1", killed), ElementsAre("order control.1 s"));
    EXPECT_THAT(s.ends("control.1", exited(0)), ElementsAre("order sync.1 s"));
    EXPECT_THAT(s.ends("sync.1", exited(0)), ElementsAre("finish 0"));
}

TEST(supervisor, stop_during_drain_does_not_wait) {
    stage s;
    s.start(1);
    s.drain();
    EXPECT_THAT(s.stop(), ElementsAre("order control.1 s", "order w0.1 s"));
    EXPECT_THAT(s.drain(), IsEmpty());
}

TEST(supervisor, a_dead_control_is_started_to_end_its_containers) {
    stage s;
    s.start(1);
    s.ends("control.1", killed);
    s.ends("control.1", killed);
    EXPECT_THAT(s.stop(), ElementsAre("order w0.1 s", "spawn control.1", "order control.1 s"));
    s.ends("w0.1", exited(0));
    // Dead again: no third one.
    EXPECT_THAT(s.ends("control.1", killed), ElementsAre("order sync.1 s"));
}

TEST(supervisor, reload_tries_the_new_workers_first_and_replaces_the_rest_one_by_one) {
    stage s;
    s.start(2);
    ASSERT_TRUE(s.reload(3));
    EXPECT_TRUE(s.under_test.on_trial());
    EXPECT_THAT(s.take(), ElementsAre("spawn w0.2", "spawn w1.2", "spawn w2.2"));
    EXPECT_FALSE(s.reload(1)); // one at a time
    EXPECT_THAT(s.after(milliseconds{299}), IsEmpty());
    EXPECT_THAT(s.after(milliseconds{1}), ElementsAre("adopt", "order w0.1 q", "order w1.1 q",
                                                      "order control.1 h", "order sync.1 s"));
    EXPECT_THAT(s.ends("control.1", exited(0)), ElementsAre("spawn control.2"));
    EXPECT_THAT(s.ends("sync.1", exited(0)), ElementsAre("spawn sync.2"));
    EXPECT_THAT(s.ends("w0.1", exited(0)), IsEmpty());
    EXPECT_THAT(s.after(milliseconds{30'000}), ElementsAre("order w1.1 s"));
    EXPECT_THAT(s.ends("w1.1", exited(0)), IsEmpty());
    EXPECT_THAT(s.ends("w2.2", killed), ElementsAre("spawn w2.2"));
}

TEST(supervisor, fewer_workers_have_a_longer_trial) {
    stage s;
    s.start(2);
    ASSERT_TRUE(s.reload(1));
    s.take();
    EXPECT_THAT(s.after(milliseconds{1'499}), IsEmpty());
    EXPECT_EQ(s.after(milliseconds{1}).front(), "adopt");
}

TEST(supervisor, a_new_worker_that_cannot_live_takes_the_reload_back) {
    for (const child_end how : {crashed, exited(1), exited(78)}) {
        stage s;
        s.start(1);
        ASSERT_TRUE(s.reload(2));
        s.take();
        EXPECT_THAT(s.ends("w1.2", how), ElementsAre("discard", "order w0.2 s"));
        EXPECT_FALSE(s.under_test.on_trial());
        EXPECT_THAT(s.ends("w0.2", exited(0)), IsEmpty());
        EXPECT_THAT(s.after(milliseconds{60'000}), IsEmpty());
        EXPECT_EQ(s.under_test.generation(), 1U);
        EXPECT_THAT(s.ends("w0.1", killed), ElementsAre("spawn w0.1"));
    }
}

TEST(supervisor, sigkill_on_trial_is_no_verdict) {
    stage s;
    s.start(1);
    ASSERT_TRUE(s.reload(1));
    s.take();
    EXPECT_THAT(s.ends("w0.2", killed), ElementsAre("spawn w0.2"));
    EXPECT_EQ(s.after(milliseconds{300}).front(), "adopt");
}

TEST(supervisor, old_workers_are_still_minded_during_a_trial) {
    stage s;
    s.start(1);
    ASSERT_TRUE(s.reload(1));
    s.take();
    EXPECT_THAT(s.ends("w0.1", killed), ElementsAre("spawn w0.1"));
}

TEST(supervisor, stop_during_a_trial_ends_both_generations) {
    stage s;
    s.start(1);
    ASSERT_TRUE(s.reload(1));
    s.take();
    EXPECT_THAT(s.stop(),
                ElementsAre("discard", "order w0.2 s", "order control.1 s", "order w0.1 s"));
    s.ends("w0.2", exited(0));
    s.ends("w0.1", exited(0));
    s.ends("control.1", exited(0));
    EXPECT_THAT(s.ends("sync.1", exited(0)), ElementsAre("finish 0"));
}

TEST(supervisor, stop_while_control_hands_over_lets_the_successor_end_the_containers) {
    stage s;
    s.start(1);
    s.reload_well(1);
    s.ends("w0.1", exited(0));
    s.ends("sync.1", exited(0));
    EXPECT_THAT(s.stop(), ElementsAre("order w0.2 s"));
    EXPECT_THAT(s.ends("control.1", exited(0)),
                ElementsAre("spawn control.2", "order control.2 s"));
    s.ends("w0.2", exited(0));
    EXPECT_THAT(s.ends("control.2", exited(0)), ElementsAre("order sync.2 s"));
    EXPECT_THAT(s.ends("sync.2", exited(0)), ElementsAre("finish 0"));
}

TEST(supervisor, a_second_reload_before_the_roles_are_replaced_keeps_one_successor) {
    stage s;
    s.start(1);
    s.reload_well(1);
    s.reload_well(1); // sync.1 and control.1 have not left yet
    EXPECT_EQ(s.under_test.generation(), 3U);
    EXPECT_THAT(s.ends("sync.1", exited(0)), ElementsAre("spawn sync.3"));
    EXPECT_THAT(s.ends("control.1", exited(0)), ElementsAre("spawn control.3"));
}

TEST(supervisor, process_slots_are_never_shared_and_old_workers_hurry_when_they_run_out) {
    constexpr std::uint32_t many = base::limits::workers_max;
    stage s;
    s.start(many);
    s.reload_well(many);
    EXPECT_FALSE(s.reload(many)); // two generations fill the table's slots
    const std::vector<std::string> told = s.take();
    ASSERT_EQ(told.size(), many);
    EXPECT_EQ(told.front(), "order w0.1 s");
    for (std::uint32_t i = 0; i < many; ++i)
        s.ends("w" + std::to_string(i) + ".1", exited(0));
    EXPECT_TRUE(s.reload(many));
    std::set<std::uint32_t> slots;
    for (std::uint32_t id = 1; id < 1'000; ++id) {
        const child* c = s.under_test.find(id);
        if (c == nullptr || c->what != role::worker)
            continue;
        EXPECT_TRUE(slots.insert(c->process_slot).second) << id;
    }
    EXPECT_EQ(slots.size(), 2 * many);
    EXPECT_LT(*slots.rbegin(), base::limits::worker_slots);
}

TEST(supervisor, exit_78_soon_after_a_reload_ends_nothing) {
    stage s;
    s.start(1);
    s.reload_well(1);
    s.ends("sync.1", exited(0));
    EXPECT_THAT(s.ends("sync.2", exited(78)), IsEmpty());
    EXPECT_FALSE(s.under_test.stopping());
}

TEST(supervisor, a_control_that_was_given_up_is_not_started_to_stop) {
    stage s;
    s.start(1);
    s.after(milliseconds{6'000});
    s.ends("control.1", exited(78));
    EXPECT_THAT(s.stop(), ElementsAre("order w0.1 s"));
    EXPECT_THAT(s.ends("w0.1", exited(0)), ElementsAre("order sync.1 s"));
    EXPECT_THAT(s.ends("sync.1", exited(0)), ElementsAre("finish 0"));
}

TEST(supervisor, new_limits_hold_once_their_generation_is_adopted) {
    stage s;
    s.start(1);
    supervisor_limits patient = limits();
    patient.drain = milliseconds{90'000};
    ASSERT_TRUE(s.under_test.reload(1, patient, s.now()));
    s.take();
    s.after(milliseconds{300});
    s.ends("sync.1", exited(0));
    s.ends("control.1", exited(0));
    EXPECT_EQ(s.until_wake(), milliseconds{90'000});
}

TEST(supervisor, nothing_is_reloaded_while_ending) {
    stage s;
    s.start(1);
    s.drain();
    EXPECT_FALSE(s.reload(1));
    EXPECT_THAT(s.take(), IsEmpty());
}

} // namespace
} // namespace postern::edge
