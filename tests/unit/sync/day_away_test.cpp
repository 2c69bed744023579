// A day in which the remote table cannot be reached, by a clock that the test turns: the feed, the
// replica, the follower and the session table of one host, as the sync process puts them together.
#include "cache/segment.hpp"
#include "cache/session_reader.hpp"
#include "sync/feed/passing_source.hpp"
#include "sync/feed/streams_feed.hpp"
#include "sync/follower.hpp"
#include "sync/replica/replica_store.hpp"
#include "tests/unit/sync/feed/scripted_source.hpp"
#include "tests/unit/sync/temporary_store.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <unistd.h>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr std::int64_t began_ms = 1'700'000'000'000;
constexpr std::int64_t hour_ms = 3'600'000;

/// The scripted table, whose rows are sessions.
class session_source final : public passing_source {
  public:
    explicit session_source(scripted_source& of) : passing_source{of}, of_{of} {}
    void set(const session& record) {
        of_.put(record.session_id);
        by_value_[of_.table[record.session_id]] = record;
    }

    base::result<records_page> records(std::string_view iterator, std::size_t most) override {
        auto page = passing_source::records(iterator, most);
        if (page)
            for (stream_record& one : page->records)
                make_session_of(one.change);
        return page;
    }
    base::result<scan_page> scan(std::size_t segment, std::size_t segments, std::string_view from,
                                 std::size_t most) override {
        auto page = passing_source::scan(segment, segments, from, most);
        if (page)
            for (row_change& one : page->rows)
                make_session_of(one);
        return page;
    }

  private:
    void make_session_of(row_change& one) const {
        if (const auto value = value_of(one))
            std::get<session_row>(*one.now).read.record = by_value_.at(*value);
    }

    scripted_source& of_;
    std::map<std::uint64_t, session> by_value_;
};

/// One whose time of day can be set by hand, or by NTP, too.
class set_clock final : public base::clock {
  public:
    explicit set_clock(base::wall_time start) : from_{start} {}
    base::wall_time wall() const noexcept override { return from_.wall() + off_; }
    base::steady_time steady() const noexcept override { return from_.steady(); }
    void advance(milliseconds by) { from_.advance(by); }
    void set_on(milliseconds by) { off_ += by; }

  private:
    base::manual_clock from_;
    milliseconds off_{0};
};

class day_away : public testing::Test {
  protected:
    day_away() {
        EXPECT_TRUE(cache::prepare(table_path, 1'000));
        opts.table_path = table_path;
        opts.table_capacity = 1'000;
        opts.route_key = *base::text_template::parse("{threadId}");
        opts.poll_interval = opts.expiry_interval = 5s;
        replica.path = table_path + ".replica";
        replica.of = "test";
        replica.route_key = opts.route_key;
        how.scan.threads = how.calm_scan.threads = 0;
        how.snapshot_interval = std::chrono::hours{24 * 30}; // so that one is for a reason
        EXPECT_TRUE(prepare_replica(replica, [](const std::string& said) { FAIL() << said; }));
        table.emplace(*cache::session_writer::open(table_path));
        reader.emplace(*cache::session_reader::open(table_path, 1));
        start();
    }
    ~day_away() override {
        if (HasFailure())
            std::fprintf(stderr, "%s", logged().c_str());
        ::close(log_fd_);
    }

    /// Another sync process on the same files.
    void start() {
        following.reset();
        feed.reset();
        sink.reset();
        source.forget_calls();
        state = std::make_unique<feed_state>();
        sink =
            open_session_rows(replica, clock, [](std::string_view, const std::string&) {}).value();
        feed = std::make_unique<streams_feed>(how, sessions, *sink, *state, clock, log, 1);
        following = std::make_unique<follower>(opts, open, *table, clock, log, 1);
        feed_at = follow_at = {};
    }
    void pass(milliseconds by) {
        clock.advance(by);
        source.now_ms += by.count();
    }
    /// Both work whenever they are due.
    void run(milliseconds by) {
        const auto until = clock.steady() + by;
        while (clock.steady() < until) {
            if (feed_at <= clock.steady()) {
                // As the feed's thread does it, with its longest pause.
                const auto worked = feed->work();
                feed_at = worked ? feed->next_work() : clock.steady() + 5s;
            }
            const bool is_rung = feed->took_changes();
            if (is_rung || follow_at <= clock.steady())
                follow_at = following->work(is_rung);
            const auto next = std::min({feed_at, follow_at, until});
            if (next > clock.steady())
                pass(std::chrono::ceil<milliseconds>(next - clock.steady()));
        }
    }
    void set(const std::string& id, std::int64_t ttl_ms = 0) {
        session one;
        one.session_id = one.thread_id = id;
        one.status = session_status::active;
        one.target = *base::ip_endpoint::parse("10.0.0.7:4321");
        one.ttl_ms = ttl_ms;
        one.access_generation = 1;
        sessions.set(one);
    }
    [[nodiscard]] bool is_routed(const std::string& id) const {
        return reader->look_up(id).has_value();
    }
    [[nodiscard]] std::int64_t age_ms() const {
        return source.now_ms - reader->status().synced_at_ms;
    }
    [[nodiscard]] std::string logged() const {
        std::ifstream file{log_path};
        return {std::istreambuf_iterator<char>{file}, {}};
    }

    temporary_directory directory;
    std::string table_path = directory.file("sessions.table");
    std::string log_path = directory.file("log");
    set_clock clock{base::wall_time{milliseconds{began_ms}}};
    int log_fd_ = ::open(log_path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    base::log log{log_fd_, base::log_level::info, "sync", clock};
    scripted_source source{1};
    session_source sessions{source};
    options opts;
    replica_options replica;
    streams_options how;
    std::unique_ptr<feed_state> state;
    std::unique_ptr<row_sink> sink;
    std::unique_ptr<streams_feed> feed;
    std::optional<cache::session_writer> table;
    std::optional<cache::session_reader> reader;
    const open_store open = [this] {
        return open_replica_store(replica, [this] { return state->current_at_ms.load(); });
    };
    std::unique_ptr<follower> following;
    base::steady_time feed_at{}, follow_at{};
};

/// Sessions of a day: "used" and "short" come to their ttl while nobody can ask.
class whole_day : public day_away, public testing::WithParamInterface<bool> {
  protected:
    const bool restarts = GetParam();

    void begin() {
        for (const char* id : {"used", "gone", "also-gone"})
            set(id, began_ms + 24 * 7 * hour_ms);
        set("short", began_ms + hour_ms);
        set("moved", began_ms + hour_ms);
        run(1min);
        set("used", began_ms + 24 * 7 * hour_ms); // so that each shard has a place to go on from
        set("gone", began_ms + 24 * 7 * hour_ms);
        run(1min);
        ASSERT_LT(age_ms(), 10'000);
        source.mood.failing = 1;
    }
    /// What others do while we cannot see it.
    void others_go_on() {
        source.erase("gone");
        source.erase("also-gone");
        set("moved", began_ms + 48 * hour_ms);
        set("new");
    }
    void be_away(std::chrono::hours time) {
        for (const auto end = clock.steady() + time; clock.steady() < end; run(30min)) {
            for (const char* id : {"used", "gone", "also-gone", "short", "moved"})
                ASSERT_TRUE(is_routed(id)) << id << " after " << age_ms() / hour_ms << " h";
            ASSERT_FALSE(is_routed("new"));
        }
        EXPECT_GE(age_ms(), time / 1ms) << "what stale_after goes by";
        if (restarts)
            start();
        run(1min);
        EXPECT_TRUE(is_routed("used") && is_routed("short"));
        source.mood.failing = 0;
    }
    void expect_recovery() {
        run(1min);
        EXPECT_LT(age_ms(), 10'000);
        for (const char* id : {"used", "moved", "new"})
            EXPECT_TRUE(is_routed(id)) << id;
        for (const char* id : {"gone", "also-gone", "short"})
            EXPECT_FALSE(is_routed(id)) << id;
    }
    [[nodiscard]] std::uint64_t snapshots() const { return state->snapshots.load(); }
};

INSTANTIATE_TEST_SUITE_P(day_away, whole_day, testing::Bool(), [](const auto& which) {
    return which.param ? "and_a_restart" : "without_a_break";
});

TEST_P(whole_day, leaves_routing_untouched_and_ends_by_itself) {
    begin();
    others_go_on();
    be_away(25h);
    const std::uint64_t before = restarts ? 0 : 1;
    expect_recovery();
    EXPECT_EQ(snapshots(), before + 1) << "the stream no longer has all of it";
}

TEST_P(whole_day, of_less_than_the_stream_keeps_is_read_from_the_stream) {
    begin();
    others_go_on();
    be_away(19h);
    const std::uint64_t before = restarts ? 0 : 1;
    expect_recovery();
    EXPECT_EQ(snapshots(), before);
}

TEST_P(whole_day, of_which_the_stream_still_has_the_end_is_not_gone_on_from) {
    begin();
    be_away(12h);
    source.mood.failing = 1;
    others_go_on(); // 9 h before the end: the stream has it, but who knows what else it had
    be_away(9h);
    const std::uint64_t before = snapshots();
    expect_recovery();
    EXPECT_EQ(snapshots(), before + 1);
}

TEST_F(day_away, after_which_most_of_the_table_is_gone_is_believed_at_the_second_look) {
    for (int i = 0; i < 300; ++i)
        set("s" + std::to_string(i));
    run(1min);
    ASSERT_EQ(reader->status().live, 300U);
    source.mood.failing = 1;
    for (int i = 0; i < 200; ++i)
        source.erase("s" + std::to_string(i));
    run(24h);
    source.mood.failing = 0;
    run(20s);
    EXPECT_EQ(state->snapshots.load(), 2U);
    EXPECT_EQ(reader->status().live, 300U) << "held";
    run(5min);
    EXPECT_EQ(reader->status().live, 100U);
    EXPECT_LT(age_ms(), 10'000);
}

/// A host whose clock is two days ahead until NTP has set it.
class clock_ahead : public day_away {
  protected:
    void begin() {
        clock.set_on(48h);
        set("tomorrow", began_ms + 24 * hour_ms);
        set("soon", began_ms + hour_ms);
        run(1min);
        ASSERT_FALSE(is_routed("tomorrow"));
        clock.set_on(-48h);
        run(1min);
    }
};

TEST_F(clock_ahead, once_it_is_right_sessions_are_back_and_end_at_their_ttl) {
    begin();
    EXPECT_TRUE(is_routed("tomorrow") && is_routed("soon"));
    run(1h);
    EXPECT_TRUE(is_routed("tomorrow"));
    EXPECT_FALSE(is_routed("soon"));
}

TEST_F(clock_ahead, once_it_is_right_the_age_is_too) {
    begin();
    EXPECT_LT(std::abs(age_ms()), 10'000);
    source.mood.failing = 1;
    run(1h);
    EXPECT_GT(age_ms(), 50 * 60'000) << "what stale_after goes by";
}

} // namespace
} // namespace postern::sync
