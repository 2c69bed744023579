// What workers ask for, looked for in a store of the test's: which calls it gets, and what the
// workers are told.
#include "cache/session_writer.hpp"
#include "sync/look_through.hpp"
#include "tests/unit/sync/running_sync.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <poll.h>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;
using cache::answer;
using cache::counter;

class scripted_remote final : public remote_table {
  public:
    const replica_options& replica() const override { return replica_; }
    std::size_t feeds() const override { return 0; }
    base::result<std::unique_ptr<feed>> open_feed(std::size_t, feed_state&,
                                                  const std::stop_token&) override {
        return base::failure{store_error::unavailable, "none"};
    }
    base::result<void> add_activity(const std::vector<activity_update>&, std::vector<std::size_t>&,
                                    const std::stop_token&) override {
        return {};
    }
    bool looks_through() const override { return true; }
    base::result<std::optional<session>> look_for(std::string_view key,
                                                  const std::stop_token& stop) override {
        {
            const std::lock_guard lock{mutex_};
            ++calls_[std::string{key}];
            most_at_once = std::max(most_at_once.load(), ++at_once_);
        }
        while (is_slow && !stop.stop_requested())
            std::this_thread::sleep_for(1ms);
        const std::lock_guard lock{mutex_};
        --at_once_;
        if (is_away)
            return base::failure{store_error::unavailable, "no answer"};
        if (key.starts_with("odd"))
            return base::failure{store_error::invalid, "that is no key"};
        const auto at = sessions.find(std::string{key});
        if (at == sessions.end())
            return std::optional<session>{};
        return std::optional{at->second};
    }
    int calls(const std::string& key) {
        const std::lock_guard lock{mutex_};
        return calls_[key];
    }
    int all_calls() {
        const std::lock_guard lock{mutex_};
        int sum = 0;
        for (const auto& [key, n] : calls_)
            sum += n;
        return sum;
    }

    std::map<std::string, session> sessions; // set before anything is asked
    std::atomic<bool> is_slow{false}, is_away{false};
    std::atomic<int> most_at_once{0};

  private:
    std::mutex mutex_;
    std::map<std::string, int> calls_;
    int at_once_ = 0;
    replica_options replica_;
};

class look_through_test : public testing::Test {
  protected:
    look_through_test()
        : writer_{*cache::session_writer::open(setup.table_path)}, log_{STDERR_FILENO,
                                                                        base::log_level::crit,
                                                                        "test", setup.clock} {
        setup.reader->set_waiting(true);
    }
    void start() {
        looks_.emplace(bounds, 30min, writer_.asked(),
                       look_through_parts{remote, asked, setup.workers, news, setup.clock, log_});
    }
    void stop() { looks_.reset(); }
    void ask(const std::string& key, std::uint32_t asker = 1) {
        // A queue that is full is one that sync is about to read.
        ASSERT_TRUE(
            eventually([&] { return setup.reader->ask_for(key, asker, setup.clock.steady()); }));
        asked.ring();
    }
    answer said(const std::string& key) {
        return setup.reader->answer_to(setup.reader->hash_of(key), setup.clock.steady()).what;
    }
    bool says(const std::string& key, answer what) {
        return eventually([&] { return said(key) == what; });
    }
    static bool is_rung(const base::doorbell& bell) {
        pollfd fd{bell.fd(), POLLIN, 0};
        return ::poll(&fd, 1, 0) == 1;
    }
    std::uint64_t total(counter which) { return setup.reader->total(which); }
    static session active(const std::string& id) {
        session one;
        one.session_id = id;
        one.status = session_status::active;
        return one;
    }

    sync_setup setup; // its reader is worker 1's
    scripted_remote remote;
    look_limits bounds;
    base::doorbell asked = *base::doorbell::make();
    base::doorbell news = *base::doorbell::make();

  private:
    cache::session_writer writer_;
    base::log log_;
    std::optional<look_through> looks_;
};

TEST_F(look_through_test, what_is_there_is_news_and_nothing_is_said) {
    remote.sessions["s1"] = active("s1");
    start();
    ask("s1");
    EXPECT_TRUE(eventually([&] { return total(counter::look_through_found) == 1; }));
    EXPECT_TRUE(is_rung(news));
    EXPECT_EQ(said("s1"), answer::none);
    EXPECT_EQ(total(counter::look_through_reads), 1U);
}

TEST_F(look_through_test, what_is_not_there_is_said_at_once_and_remembered) {
    start();
    const auto began = setup.clock.steady();
    ask("s1");
    EXPECT_TRUE(says("s1", answer::absent));
    EXPECT_TRUE(eventually([&] { return is_rung(setup.workers[1]); })) << "who waits is rung";
    EXPECT_FALSE(is_rung(setup.workers[0])) << "nobody waits there";
    EXPECT_FALSE(is_rung(news));
    for (int i = 0; i < 20; ++i)
        ask("s1");
    ask("s2");
    EXPECT_TRUE(says("s2", answer::absent));
    const auto took = setup.clock.steady() - began;
    EXPECT_LE(remote.calls("s1"), 1 + took / cache::absent_for);
    EXPECT_EQ(total(counter::look_through_absent), total(counter::look_through_reads));
}

TEST_F(look_through_test, what_is_over_is_as_good_as_absent) {
    const std::int64_t now = base::to_epoch_ms(setup.clock.wall());
    remote.sessions["dead"] = active("dead");
    remote.sessions["dead"].ttl_ms = now - 1;
    remote.sessions["old"] = active("old");
    remote.sessions["old"].status = session_status::inactive;
    remote.sessions["old"].last_activity_at_ms = now - 31 * 60'000;
    remote.sessions["stopped"] = remote.sessions["old"];
    remote.sessions["stopped"].last_activity_at_ms = now - 29 * 60'000;
    start();
    for (const char* const key : {"dead", "old", "stopped"})
        ask(key);
    EXPECT_TRUE(says("dead", answer::absent));
    EXPECT_TRUE(says("old", answer::absent));
    EXPECT_TRUE(eventually([&] { return total(counter::look_through_found) == 1; }));
    EXPECT_EQ(said("stopped"), answer::none) << "its page can wake it";
}

TEST_F(look_through_test, many_who_ask_for_one_key_are_one_call) {
    remote.sessions["s1"] = active("s1");
    remote.is_slow = true;
    start();
    for (std::uint32_t i = 0; i < 200; ++i)
        ask("s1", i);
    const auto began = setup.clock.steady();
    remote.is_slow = false;
    EXPECT_TRUE(eventually([&] { return total(counter::look_through_found) == 1; }));
    for (std::uint32_t i = 0; i < 50; ++i)
        ask("s1", i); // before the table has it
    ask("other");
    EXPECT_TRUE(says("other", answer::absent));
    // For half a second it is taken for one that the table is about to have.
    EXPECT_LE(remote.calls("s1"), 1 + (setup.clock.steady() - began) / 500ms);
}

TEST_F(look_through_test, calls_at_one_time_and_in_a_second_are_bounded) {
    bounds = {.per_second = 4, .burst = 10, .calls = 3, .patience = 10'000ms}; // 50 may wait
    start();
    const auto began = std::chrono::steady_clock::now();
    for (std::uint32_t i = 0; i < 400; ++i)
        ask("k" + std::to_string(i), i % 3);
    ask("mine", 99);
    EXPECT_TRUE(says("mine", answer::absent)) << "others' keys do not keep it waiting";
    EXPECT_TRUE(eventually([&] { return total(counter::look_through_absent) >= 14; }));
    const auto took = std::chrono::steady_clock::now() - began;
    EXPECT_LE(remote.all_calls(), 10 + 4 * took / 1s + 5);
    EXPECT_LE(remote.most_at_once, 3);
    EXPECT_GT(total(counter::look_through_keys_refused), 200U);
}

TEST_F(look_through_test, a_store_that_is_away_is_left_alone) {
    remote.is_away = true;
    start();
    const auto began = setup.clock.steady();
    ask("s1");
    EXPECT_TRUE(says("s1", answer::refused));
    for (int i = 0; i < 100; ++i)
        ask("k" + std::to_string(i));
    EXPECT_TRUE(says("k99", answer::refused)) << "at once";
    // One a pause, and what was under way then.
    EXPECT_LE(remote.all_calls(), 20 + bounds.calls * ((setup.clock.steady() - began) / 100ms));
    EXPECT_GE(total(counter::look_through_errors), 1U);
    remote.is_away = false;
    EXPECT_TRUE(eventually([&] {
        ask("s2");
        return said("s2") == answer::absent;
    }));
}

TEST_F(look_through_test, a_key_that_the_store_does_not_take_is_refused_alone) {
    start();
    ask("odd");
    EXPECT_TRUE(says("odd", answer::refused));
    ask("s1");
    EXPECT_TRUE(says("s1", answer::absent));
}

TEST_F(look_through_test, what_was_asked_before_it_began_counts_while_someone_waits) {
    bounds.patience = 60s;
    ask("waits");
    ASSERT_TRUE(setup.reader->ask_for("has left", 1, setup.clock.steady() - 61s));
    ASSERT_TRUE(setup.reader->ask_for("to come", 1, setup.clock.steady() + 1h));
    start();
    EXPECT_TRUE(says("waits", answer::absent));
    ask("later");
    EXPECT_TRUE(says("later", answer::absent));
    EXPECT_EQ(remote.calls("has left") + remote.calls("to come"), 0);
    EXPECT_EQ(total(counter::look_through_keys_late), 1U);
    EXPECT_EQ(total(counter::look_through_keys_refused), 1U);
}

TEST_F(look_through_test, it_ends_with_calls_under_way) {
    remote.is_slow = true;
    start();
    for (int i = 0; i < 10; ++i)
        ask("k" + std::to_string(i));
    EXPECT_TRUE(eventually([&] { return remote.all_calls() == 4; }));
    stop(); // none of them ends otherwise
    remote.is_slow = false;
    start(); // the next sync
    ask("s1");
    EXPECT_TRUE(says("s1", answer::absent));
}

} // namespace
} // namespace postern::sync
