// Whatever happens to table, stream, calls and process, in whatever order: once it is over and the
// feed has caught up, the replica is the table. Each seed is another story.
#include "map_sink.hpp"
#include "scripted_source.hpp"
#include "sync/feed/streams_feed.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

class story {
  public:
    explicit story(std::uint64_t seed) : random_{seed}, source_{seed * 7 + 1}, seed_{seed} {
        sink_.history = &source_.history;
        source_.advance = [this](std::int64_t ms) { pass(milliseconds{ms}); };
        source_.before_call = [this] {
            if (is_on_going_ && below(3) == 0)
                write_something();
        };
        options_.scan = {.segments = 1 + below(4), .threads = 0, .page_rows = 1 + below(9)};
        options_.scan.pages_ahead = 1 + below(4);
        options_.calm_scan = options_.scan;
        options_.snapshot_interval = below(2) == 0 ? 20s : 6h;
        source_.mood.children = static_cast<decltype(source_.mood.children)>(below(4));
        source_.mood.page_max = below(2) == 0 ? 3 : 1'000;
        source_.mood.stream_delay_ms = below(2) == 0 ? 0 : 900;
        source_.mood.describe_delay_ms = below(2) == 0 ? 0 : 20'000;
        source_.mood.latency_ms = below(2) == 0 ? 0 : 40;
        source_.mood.empty_pages = below(2) == 0 ? 0 : 0.2;
        for (int i = 0; i < 30; ++i)
            write_something();
        begin_process();
    }

    ~story() { ::close(null_); }
    story(const story&) = delete;
    story& operator=(const story&) = delete;

    void tell(int events) {
        is_on_going_ = true;
        for (int i = 0; i < events && !::testing::Test::HasFailure(); ++i) {
            happen();
            follow(milliseconds{below(3'000)});
        }
        is_on_going_ = false;
        if (!source_.is_on())
            source_.switch_stream(true);
        source_.mood.failing = source_.mood.throttling = 0;
        sink_.failing = 0;
        source_.crash_at = sink_.crash_before = sink_.crash_after = 0;
    }

    void ends_well() {
        // The feed cannot know of what is not in the stream yet.
        const std::int64_t last_write_ms = source_.now_ms + source_.mood.stream_delay_ms;
        pass(1ms);
        for (int i = 0; i < 60 && !is_current(last_write_ms); ++i)
            follow(10s);
        ASSERT_TRUE(is_current(last_write_ms)) << "not in step after ten minutes\n" << told_;
        std::map<std::string, std::uint64_t> table = source_.table;
        ASSERT_EQ(sink_.rows, table) << told_;
        ASSERT_TRUE(sink_.strangers.empty()) << sink_.strangers.front() << told_;
        ASSERT_TRUE(source_.excesses().empty()) << source_.excesses().front() << told_;
        // And so it stays.
        follow(30s);
        ASSERT_EQ(sink_.rows, table) << told_;
    }

  private:
    std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
    std::string key() { return fmt::format("k{}", below(40)); }
    bool is_current(std::int64_t at_ms) const { return state_->current_at_ms.load() >= at_ms; }
    void note(std::string_view what) { told_ += fmt::format("{} {}\n", source_.now_ms, what); }

    void pass(milliseconds by) {
        clock_.advance(by);
        source_.now_ms += by.count();
    }

    void write_something() {
        const std::string at = key();
        if (below(4) == 0)
            source_.erase(at);
        else
            source_.put(at);
    }

    void happen() {
        const std::uint64_t dice = below(100);
        if (dice < 45)
            return write_something();
        if (dice < 50) { // ttls pass: many at once
            for (int i = 0; i < 12; ++i)
                source_.erase(key());
        } else if (dice < 62) {
            note("roll");
            source_.roll(below(8), source_.open_shards().size() < 6 && below(2) == 0);
        } else if (dice < 72) {
            feed_->ring();
        } else if (dice < 80) {
            source_.mood.failing = below(2) == 0 ? 0 : 0.2;
            source_.mood.throttling = below(2) == 0 ? 0 : 0.2;
            note(fmt::format("failing {} throttling {}", source_.mood.failing,
                             source_.mood.throttling));
        } else if (dice < 83) {
            sink_.failing = static_cast<int>(below(4));
        } else if (dice < 90) {
            plan_crash();
        } else if (dice < 94) { // a process that stands still: iterators expire
            note("pause 16 min");
            pass(16min);
        } else if (dice < 96) {
            note("pause hours");
            pass(milliseconds{3'600'000 * (1 + below(30))});
        } else if (dice < 98) {
            note(source_.is_on() ? "stream off" : "stream on");
            source_.switch_stream(!source_.is_on());
        } else {
            note("another stream");
            source_.switch_stream(true);
        }
    }

    void plan_crash() {
        const std::uint64_t how = below(3);
        const std::uint64_t after = 1 + below(12);
        if (how == 0)
            source_.crash_at = source_.calls_made + after;
        else
            (how == 1 ? sink_.crash_before : sink_.crash_after) = sink_.calls + after;
    }

    void begin_process() {
        feed_.reset();
        source_.forget_calls();
        state_ = std::make_unique<feed_state>();
        feed_ = std::make_unique<streams_feed>(options_, source_, sink_, *state_, clock_, log_,
                                               random_());
    }

    void follow(milliseconds by) {
        const auto until = clock_.steady() + by;
        int works = 0;
        while (clock_.steady() < until && ++works < 20'000) {
            const auto next = std::min(until, feed_->next_work());
            if (next > clock_.steady())
                pass(std::chrono::ceil<milliseconds>(next - clock_.steady()));
            if (clock_.steady() >= until)
                break;
            try {
                if (!feed_->work())
                    pass(milliseconds{below(400)});
            } catch (const crash&) {
                note("crash");
                begin_process();
            }
            look();
        }
        ASSERT_LT(works, 20'000) << "it spins\n" << told_;
    }

    /// What the feed says of its age is true at any time.
    void look() {
        const std::int64_t at_ms = state_->current_at_ms.load();
        if (at_ms == 0 || at_ms == looked_at_ms_)
            return;
        looked_at_ms_ = at_ms;
        for (int i = 0; i < 40; ++i) {
            const std::string one = fmt::format("k{}", i);
            const auto found = sink_.rows.find(one);
            const auto has = found == sink_.rows.end() ? std::optional<std::uint64_t>{}
                                                       : std::optional{found->second};
            ASSERT_TRUE(source_.history.had_since(one, has, at_ms - source_.mood.stream_delay_ms))
                << "seed " << seed_ << ": the replica has an older " << one << " than it says, "
                << at_ms << ": " << (has ? std::to_string(*has) : "none") << "; "
                << source_.history.of(one) << "\n"
                << told_;
        }
    }

    std::mt19937_64 random_;
    base::manual_clock clock_{base::wall_time{milliseconds{1'700'000'000'000}}};
    scripted_source source_;
    map_sink sink_;
    int null_ = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    base::log log_{null_, base::log_level::crit, "test", clock_};
    streams_options options_;
    std::unique_ptr<feed_state> state_;
    std::unique_ptr<streams_feed> feed_;
    std::uint64_t seed_;
    std::int64_t looked_at_ms_ = 0;
    bool is_on_going_ = false;
    std::string told_;
};

class streams_feed_story : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(streams_feed_story, ends_with_the_table) {
    story one{GetParam()};
    one.tell(120);
    if (!HasFailure())
        one.ends_well();
}

/// FEED_SEEDS=FIRST-LAST tells other stories than the usual ones.
auto seeds() {
    unsigned long long first = 1, last = 400;
    if (const char* const wanted = std::getenv("FEED_SEEDS"))
        std::sscanf(wanted, "%llu-%llu", &first, &last);
    return ::testing::Range<std::uint64_t>(first, last + 1);
}
INSTANTIATE_TEST_SUITE_P(seeds, streams_feed_story, seeds());

} // namespace
} // namespace postern::sync
