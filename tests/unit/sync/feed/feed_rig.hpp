// A feed between a scripted table and a replica in memory, by a clock that the test turns.
#pragma once

#include "map_sink.hpp"
#include "scripted_source.hpp"
#include "sync/feed/poll_feed.hpp"
#include "sync/feed/streams_feed.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

namespace postern::sync {

class feed_rig {
  public:
    using milliseconds = std::chrono::milliseconds;

    feed_rig() {
        options.scan = {.segments = 2, .threads = 0, .page_rows = 2, .pages_ahead = 3};
        options.calm_scan = options.scan;
        source.advance = [this](std::int64_t ms) { pass(milliseconds{ms}); };
        sink.history = &source.history;
    }
    ~feed_rig() { ::close(null_); }
    feed_rig(const feed_rig&) = delete;
    feed_rig& operator=(const feed_rig&) = delete;

    base::manual_clock clock{base::wall_time{milliseconds{1'700'000'000'000}}};
    scripted_source source{1};
    map_sink sink;
    streams_options options;
    std::unique_ptr<feed_state> state = std::make_unique<feed_state>();
    std::unique_ptr<feed> one;

    void pass(milliseconds by) {
        clock.advance(by);
        source.now_ms += by.count();
    }
    /// Another process: what it knows is in the sink.
    void start() {
        one.reset();
        source.forget_calls();
        state = std::make_unique<feed_state>();
        one = std::make_unique<streams_feed>(options, source, sink, *state, clock, log, 1);
    }
    void start_polling(const poll_options& how) {
        one.reset();
        state = std::make_unique<feed_state>();
        one = std::make_unique<poll_feed>(how, source, sink, *state, clock, log, 1);
    }
    /// As the feed's thread does it.
    void ring() {
        one->ring();
        EXPECT_TRUE(one->work());
    }
    /// Lets the feed work whenever it is due. Returns how often it failed.
    int run(milliseconds by) {
        const auto until = clock.steady() + by;
        int failed = 0;
        for (int works = 0; works < 100'000; ++works) {
            const auto next = one->next_work();
            if (next >= until) {
                pass(std::chrono::duration_cast<milliseconds>(until - clock.steady()));
                return failed;
            }
            if (next > clock.steady())
                pass(std::chrono::ceil<milliseconds>(next - clock.steady()));
            if (!one->work()) {
                ++failed;
                pass(milliseconds{50});
            }
        }
        ADD_FAILURE() << "it spins";
        return failed;
    }
    /// Until the feed says that it is in step with the table as it is now.
    [[nodiscard]] bool catch_up(milliseconds within = std::chrono::minutes{10}) {
        const std::int64_t wanted = source.now_ms;
        for (milliseconds spent{}; spent < within; spent += milliseconds{50}) {
            if (current() >= wanted)
                return true;
            run(milliseconds{50});
        }
        return false;
    }
    [[nodiscard]] std::int64_t current() const { return state->current_at_ms.load(); }
    [[nodiscard]] bool is_in_step() const { return sink.rows == source.table; }
    [[nodiscard]] long called(std::string_view what) const {
        return std::count_if(source.calls.begin(), source.calls.end(),
                             [&](const auto& call) { return call.starts_with(what); });
    }
    [[nodiscard]] std::size_t first(std::string_view what) const {
        const auto found = std::find_if(source.calls.begin(), source.calls.end(),
                                        [&](const auto& call) { return call.starts_with(what); });
        return static_cast<std::size_t>(found - source.calls.begin());
    }
    [[nodiscard]] std::size_t last(std::string_view what) const {
        for (std::size_t i = source.calls.size(); i > 0; --i)
            if (source.calls[i - 1].starts_with(what))
                return i - 1;
        return source.calls.size();
    }

  private:
    int null_ = ::open("/dev/null", O_WRONLY | O_CLOEXEC);

  public:
    base::log log{null_, base::log_level::crit, "test", clock};
};

/// A feed that has read the table {a..j} and follows its stream.
class following : public ::testing::Test, public feed_rig {
  protected:
    void SetUp() override {
        for (char c = 'a'; c <= 'j'; ++c)
            source.put(std::string{c});
        pass(milliseconds{1'000});
    }
    void follow() {
        start();
        ASSERT_TRUE(catch_up());
        ASSERT_TRUE(is_in_step());
        source.calls.clear();
    }
    /// So that each shard has a place to go on from.
    void touch_all_shards() {
        for (char c = 'a'; c <= 'j'; ++c)
            source.put(std::string{c});
        pass(milliseconds{1});
        ASSERT_TRUE(catch_up());
        source.calls.clear();
    }
};

} // namespace postern::sync
