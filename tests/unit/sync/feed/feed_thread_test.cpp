#include "sync/feed/feed_thread.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <fcntl.h>
#include <mutex>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;

/// What a test and the feed's thread share.
struct stage {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<base::error_code> failures; // of the next works
    int works = 0, rings = 0, changes = 0, opens = 0;
    bool has_changes = false;
    bool is_idle = true; // has nothing to do before an hour has passed
    bool is_gone = false;
    bool is_lost = false;   // what the next feed fills is not
    bool is_silent = false; // works, and has no answer
    std::string waits_for;  // what the feed says
    std::vector<std::string> told;
    feed_state state;

    template <class Condition>
    [[nodiscard]] bool comes(Condition&& is_true) {
        std::unique_lock lock{mutex};
        return changed.wait_for(lock, 30s, is_true);
    }
    template <class Change>
    void set(Change&& change) {
        const std::lock_guard lock{mutex};
        change();
    }
};

class fake_feed final : public feed {
  public:
    explicit fake_feed(stage& on) : on_{on} {}
    ~fake_feed() override {
        on_.set([&] { on_.is_gone = true; });
        on_.changed.notify_all();
    }
    base::result<void> work() override {
        base::error_code failed;
        on_.set([&] {
            ++on_.works;
            on_.state.calls.fetch_add(1);
            on_.state.answers.fetch_add(on_.is_silent || !on_.failures.empty() ? 0 : 1);
            if (!on_.failures.empty()) {
                failed = on_.failures.front();
                on_.failures.pop_front();
            }
        });
        on_.changed.notify_all();
        return failed ? base::result<void>{base::failure{failed, "scripted"}}
                      : base::result<void>{};
    }
    base::steady_time next_work() const override {
        const std::lock_guard lock{on_.mutex};
        return on_.is_idle ? std::chrono::steady_clock::now() + 1h : base::steady_time{};
    }
    void ring() noexcept override {
        on_.set([&] { ++on_.rings; });
    }
    std::string_view waits_for() const override {
        const std::lock_guard lock{on_.mutex};
        return on_.waits_for;
    }
    bool is_lost() const override {
        const std::lock_guard lock{on_.mutex};
        return on_.is_lost;
    }
    bool took_changes() noexcept override {
        const std::lock_guard lock{on_.mutex};
        return std::exchange(on_.has_changes, false);
    }

  private:
    stage& on_;
};

class feed_thread_test : public ::testing::Test {
  protected:
    ~feed_thread_test() override {
        thread.reset(); // it uses what goes first
        ::close(pipe_[0]);
        ::close(pipe_[1]);
    }
    bool note(const std::string& why) {
        bool can = true;
        on.set([&] {
            can = notes_failing == 0;
            notes_failing -= can ? 0 : 1;
            on.told.push_back(why);
        });
        on.changed.notify_all();
        return can;
    }
    void start(feed_thread_options how) {
        open_feed open = [this](const std::stop_token&) -> base::result<std::unique_ptr<feed>> {
            bool fails = false;
            on.set([&] { fails = ++on.opens <= opens_failing; });
            on.changed.notify_all();
            if (fails)
                return base::failure{refused(), "scripted"};
            on.set([&] { on.is_lost = false; });
            return std::unique_ptr<feed>{std::make_unique<fake_feed>(on)};
        };
        thread.emplace(
            std::move(how), std::move(open), on.state,
            [this] {
                on.set([&] { ++on.changes; });
                on.changed.notify_all();
            },
            time_, log_, 1);
    }
    [[nodiscard]] std::string logged() {
        std::string text(64 * 1024, '\0');
        const ssize_t got = ::read(pipe_[0], text.data(), text.size());
        text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return text;
    }
    [[nodiscard]] static long count(std::string_view text, std::string_view what) {
        long found = 0;
        for (std::size_t at = text.find(what); at != std::string_view::npos;
             at = text.find(what, at + 1))
            ++found;
        return found;
    }
    static feed_thread_options quick() { return {"the table", {1ms, 2ms}, 1ms, 0ms}; }

    static base::error_code refused() {
        return make_error_code(boost::system::errc::connection_refused);
    }
    static base::error_code reset() {
        return make_error_code(boost::system::errc::connection_reset);
    }
    stage on;
    int opens_failing = 0, notes_failing = 0;
    std::optional<feed_thread> thread;

  private:
    static std::array<int, 2> make_pipe() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
        return ends;
    }
    const std::array<int, 2> pipe_ = make_pipe();
    base::system_clock time_;
    base::log log_{pipe_[1], base::log_level::info, "test", time_};
};

TEST_F(feed_thread_test, works_when_it_is_due_and_when_rung) {
    start(quick());
    ASSERT_TRUE(on.comes([&] { return on.works == 1; }));
    thread->ring();
    ASSERT_TRUE(on.comes([&] { return on.works == 2; }));
    EXPECT_EQ(on.rings, 1);
    on.set([&] { on.is_idle = false; });
    thread->ring();
    ASSERT_TRUE(on.comes([&] { return on.works > 50; }));
}

TEST_F(feed_thread_test, is_opened_anew_when_its_replica_is_lost_though_nothing_is_due) {
    on.waits_for = "a feeder";
    start({.name = "the table", .tell = [this](const std::string& why) { return note(why); }});
    ASSERT_TRUE(on.comes([&] { return on.told.size() == 1; }));
    on.set([&] { on.is_lost = true; });
    ASSERT_TRUE(on.comes([&] { return on.told.size() == 2; })) << "the new one has to be told, too";
    EXPECT_EQ(on.opens, 2);
    EXPECT_EQ(on.works, 2);
}

TEST_F(feed_thread_test, ends_at_once_though_nothing_is_due) {
    start(quick());
    ASSERT_TRUE(on.comes([&] { return on.works == 1; }));
    thread.reset();
    EXPECT_TRUE(on.is_gone);
}

TEST_F(feed_thread_test, ends_at_once_though_it_waits_for_the_remote_side) {
    on.failures.assign(1'000, refused());
    start({"the table", {1h, 1h}, 1h, 0ms});
    ASSERT_TRUE(on.comes([&] { return on.works == 1; }));
    thread.reset();
    EXPECT_EQ(on.works, 1);
}

TEST_F(feed_thread_test, tells_of_changes_even_of_work_that_failed) {
    on.has_changes = true;
    on.failures.assign(1'000, refused());
    start({"the table", {1h, 1h}, 1h, 0ms});
    ASSERT_TRUE(on.comes([&] { return on.changes == 1; })) << "not only when the next succeeds";
    thread.reset();
    EXPECT_EQ(on.works, 1);
    EXPECT_EQ(on.changes, 1);
}

TEST_F(feed_thread_test, logs_each_kind_of_error_once_and_when_it_is_back) {
    on.failures = {refused(), refused(), reset(), refused(), reset()};
    on.is_idle = false;
    start(quick());
    const auto works_after_failures = [&](int more) {
        if (!on.comes([&] { return on.failures.empty(); }))
            return false;
        int works = 0; // the last failure's may not be logged yet
        on.set([&] { works = on.works; });
        return on.comes([&] { return on.works >= works + more; });
    };
    ASSERT_TRUE(works_after_failures(3));
    on.set([&] { on.failures = {refused()}; });
    ASSERT_TRUE(works_after_failures(3));
    on.set([&] { on.is_idle = true; });
    thread.reset();
    const std::string text = logged();
    EXPECT_EQ(count(text, "the table is away"), 3) << text;
    EXPECT_EQ(count(text, "the table is back"), 2) << text;
    EXPECT_EQ(on.state.errors.load(), 6U);
}

TEST_F(feed_thread_test, tells_what_keeps_it_whenever_that_is_another) {
    feed_thread_options how = quick();
    how.tell = [this](const std::string& why) { return note(why); };
    on.failures = {refused(), refused(), reset()};
    on.waits_for = "nobody feeds it";
    start(how);
    ASSERT_TRUE(on.comes([&] { return on.told.size() == 3; }));
    on.set([&] { on.waits_for.clear(); });
    thread->ring();
    ASSERT_TRUE(on.comes([&] { return on.told.size() == 4; }));
    thread.reset();
    const auto text = [](base::error_code code) { return base::failure{code, "scripted"}.text(); };
    EXPECT_EQ(on.told,
              (std::vector<std::string>{text(refused()), text(reset()), "nobody feeds it", ""}));
}

TEST_F(feed_thread_test, tells_again_what_could_not_be_noted) {
    feed_thread_options how = quick();
    how.tell = [this](const std::string& why) { return note(why); };
    notes_failing = 2;
    on.failures.assign(1'000, refused());
    start(how);
    ASSERT_TRUE(on.comes([&] { return on.works >= 6; }));
    thread.reset();
    const std::string text = base::failure{refused(), "scripted"}.text();
    EXPECT_EQ(on.told, (std::vector<std::string>{text, text, text}));
}

TEST_F(feed_thread_test, tells_what_keeps_it_though_a_failure_may_come_again) {
    feed_thread_options how = quick();
    how.back_after = 1h;
    how.tell = [this](const std::string& why) { return note(why); };
    on.failures = {refused()};
    on.waits_for = "nobody feeds it";
    on.is_idle = false;
    start(how);
    ASSERT_TRUE(on.comes([&] { return on.told.size() == 2; }));
    int works = 0;
    on.set([&] {
        on.waits_for.clear();
        works = on.works;
    });
    ASSERT_TRUE(on.comes([&] { return on.works > works + 2; }));
    thread.reset();
    ASSERT_EQ(on.told.size(), 2U) << "not that nothing keeps it";
    EXPECT_EQ(on.told.back(), "nobody feeds it");
}

TEST_F(feed_thread_test, is_not_back_between_two_failures) {
    feed_thread_options how = quick();
    how.back_after = 1h;
    for (int i = 0; i < 10; ++i) {
        on.failures.push_back(refused());
        on.failures.push_back({});
    }
    on.is_idle = false;
    start(how);
    ASSERT_TRUE(on.comes([&] { return on.failures.empty() && on.works > 25; }));
    thread.reset();
    const std::string text = logged();
    EXPECT_EQ(count(text, "away"), 1) << text;
    EXPECT_EQ(count(text, "back"), 0) << text;
}

TEST_F(feed_thread_test, is_not_back_before_it_is_answered) {
    on.failures = {refused()};
    on.is_silent = true;
    on.is_idle = false;
    start(quick());
    ASSERT_TRUE(on.comes([&] { return on.works > 10; }));
    EXPECT_EQ(count(logged(), "back"), 0);
    on.set([&] { on.is_silent = false; });
    int works = 0;
    on.set([&] { works = on.works; });
    ASSERT_TRUE(on.comes([&] { return on.works > works + 2; }));
    thread.reset();
    EXPECT_EQ(count(logged(), "back"), 1);
}

TEST_F(feed_thread_test, a_ring_shortens_the_wait_for_the_remote_side) {
    on.failures = {refused()};
    start({"the table", {1h, 1h}, 1ms, 0ms});
    ASSERT_TRUE(on.comes([&] { return on.works == 1; }));
    thread->ring();
    ASSERT_TRUE(on.comes([&] { return on.works == 2; }));
}

TEST_F(feed_thread_test, a_feed_that_cannot_be_opened_is_tried_again) {
    opens_failing = 3;
    start(quick());
    thread->ring(); // before there is one, unless this thread was slow
    ASSERT_TRUE(on.comes([&] { return on.works >= 1 && on.rings == 1; }));
    EXPECT_EQ(on.opens, 4);
}

} // namespace
} // namespace postern::sync
