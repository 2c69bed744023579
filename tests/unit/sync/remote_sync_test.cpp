// Sync over a store that is elsewhere: a feed that the test moves, the real replica, the real
// table.
#include "tests/unit/sync/running_sync.hpp"

#include <atomic>
#include <map>
#include <mutex>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;

/// A remote table of the test. Thread-safe.
class remote_side {
  public:
    void set(const session& record) {
        const std::lock_guard lock{mutex_};
        changes_.push_back({record.session_id, session_row{{record, {}}, {}}, record.version});
        ids_.insert_or_assign(record.session_id, true);
    }
    void remove(const std::string& id) {
        const std::lock_guard lock{mutex_};
        changes_.push_back({id, std::nullopt, 0});
        ids_.insert_or_assign(id, false);
    }
    std::vector<row_change> take() {
        const std::lock_guard lock{mutex_};
        return std::exchange(changes_, {});
    }
    base::result<void> add(const std::vector<activity_update>& updates,
                           std::vector<std::size_t>& failed) {
        const std::lock_guard lock{mutex_};
        for (std::size_t i = 0; i < updates.size(); ++i) {
            if (refuses_activity)
                failed.push_back(i);
            else
                take_one(updates[i]);
        }
        if (refuses_activity)
            return base::failure{store_error::unavailable, "throttled"};
        return {};
    }
    /// What activity moves a session's ttl to comes back by the feed.
    void answer_with_ttl_of(const session& record) {
        const std::lock_guard lock{mutex_};
        with_ttl_ = record;
    }
    bool has_moved_on() {
        const std::lock_guard lock{mutex_};
        return has_moved_on_;
    }
    std::uint64_t requests(const std::string& id) {
        const std::lock_guard lock{mutex_};
        return requests_[id];
    }

    std::atomic<bool> is_away{false}, refuses_activity{false};

  private:
    void take_one(const activity_update& one) {
        requests_[one.session_id] += one.requests;
        if (!with_ttl_ || with_ttl_->session_id != one.session_id ||
            with_ttl_->ttl_ms < one.tried_at_ms)
            return;
        with_ttl_->ttl_ms = one.ttl_ms;
        has_moved_on_ = true;
        changes_.push_back({one.session_id, session_row{{*with_ttl_, {}}, {}}, 0});
    }

    std::mutex mutex_;
    std::optional<session> with_ttl_;
    bool has_moved_on_ = false;
    std::vector<row_change> changes_;
    std::map<std::string, bool> ids_;
    std::map<std::string, std::uint64_t> requests_;
};

class scripted_feed final : public feed {
  public:
    scripted_feed(remote_side& from, std::unique_ptr<row_sink> into, feed_state& state,
                  const base::clock& time)
        : from_{from}, into_{std::move(into)}, state_{state}, time_{time} {}
    base::result<void> work() override {
        next_ = time_.steady() + 5ms;
        const std::int64_t as_of_ms = base::to_epoch_ms(time_.wall());
        if (from_.is_away) // no feed that was on its way then knows of a later time
            return base::failure{store_error::unavailable, "no answer"};
        const auto changes = from_.take();
        if (auto put = into_->put(changes, is_loaded_ ? "p" : ""); !put)
            return put;
        if (!std::exchange(is_loaded_, true))
            if (auto swept = into_->sweep([](std::string_view) { return true; }, "p"); !swept)
                return swept.error();
        has_changed_ = has_changed_ || !changes.empty();
        state_.records += changes.size();
        state_.current_at_ms = as_of_ms;
        return {};
    }
    base::steady_time next_work() const override { return next_; }
    void ring() noexcept override { next_ = {}; }
    bool took_changes() noexcept override { return std::exchange(has_changed_, false); }

  private:
    remote_side& from_;
    std::unique_ptr<row_sink> into_;
    feed_state& state_;
    const base::clock& time_;
    base::steady_time next_{};
    bool is_loaded_ = false;
    bool has_changed_ = true;
};

class scripted_table final : public remote_table {
  public:
    scripted_table(remote_side& side, replica_options replica, const base::clock& time)
        : side_{side}, replica_{std::move(replica)}, time_{time} {}
    const replica_options& replica() const override { return replica_; }
    std::size_t feeds() const override { return 1; }
    base::result<std::unique_ptr<feed>> open_feed(std::size_t, feed_state& state,
                                                  const std::stop_token&) override {
        auto rows = open_session_rows(replica_, time_, [](std::string_view, const std::string&) {});
        if (!rows)
            return rows.error();
        return std::unique_ptr<feed>{
            std::make_unique<scripted_feed>(side_, std::move(*rows), state, time_)};
    }
    base::result<void> add_activity(const std::vector<activity_update>& updates,
                                    std::vector<std::size_t>& failed,
                                    const std::stop_token&) override {
        return side_.add(updates, failed);
    }
    remote_usage usage() const override { return {.calls_ok = 7, .activity_units = 4}; }

  private:
    remote_side& side_;
    replica_options replica_;
    const base::clock& time_;
};

class remote_sync : public testing::Test {
  protected:
    remote_sync() {
        replica.path = setup.table_path + ".replica";
        replica.of = "test";
        replica.route_key = setup.opts.route_key;
        setup.remote = [this](const base::clock& time, base::log&) {
            return base::result<std::unique_ptr<remote_table>>{
                std::make_unique<scripted_table>(side, replica, time)};
        };
    }
    [[nodiscard]] std::int64_t now_ms() const { return base::to_epoch_ms(setup.clock.wall()); }
    /// The session's ttl has passed, and sync has had the time to see it.
    void pass_ttl_of(const session& one) {
        setup.clock.set_ahead(std::chrono::milliseconds{one_hour_ms});
        ASSERT_GE(now_ms(), one.ttl_ms);
        const auto beat_ms = [&] { return setup.reader->status().sync_heartbeat_ms; };
        ASSERT_TRUE(eventually([&] { return beat_ms() >= one.ttl_ms; }));
        const std::int64_t first_ms = beat_ms();
        ASSERT_TRUE(eventually([&] { return beat_ms() > first_ms; })); // some turns later
    }
    static session session_in(session_status status, const std::string& thread) {
        session one;
        one.session_id = "id-" + thread;
        one.client_id = "acme";
        one.thread_id = thread;
        one.status = status;
        one.target = *base::ip_endpoint::parse("127.0.0.1:4321");
        one.access_generation = 1;
        return one;
    }
    void use(const std::string& key, std::uint64_t requests) {
        const auto found = setup.reader->look_up(key);
        ASSERT_TRUE(found);
        setup.reader->add_activity(
            found->activity,
            {.last_seen_ms = base::to_epoch_ms(setup.clock.wall()), .requests = requests});
    }

    static constexpr std::int64_t one_hour_ms = 3'600'000;
    sync_setup setup;
    remote_side side;
    replica_options replica;
};

TEST_F(remote_sync, the_table_follows_the_remote_side) {
    side.set(session_in(session_status::active, "t1"));
    setup.start();
    EXPECT_TRUE(setup.becomes("acme-t1", "active 127.0.0.1:4321 id-t1"));
    EXPECT_TRUE(setup.is_synced());
    side.set(session_in(session_status::failed, "t1"));
    side.set(session_in(session_status::active, "t2"));
    EXPECT_TRUE(setup.becomes("acme-t1", "failed 127.0.0.1:4321 id-t1"));
    EXPECT_TRUE(setup.becomes("acme-t2", "active 127.0.0.1:4321 id-t2"));
    side.remove("id-t2");
    EXPECT_TRUE(setup.becomes("acme-t2", "none"));
}

TEST_F(remote_sync, a_new_replica_does_not_empty_a_table_that_is_served) {
    side.set(session_in(session_status::active, "t1"));
    setup.start();
    ASSERT_TRUE(setup.becomes("acme-t1", "active 127.0.0.1:4321 id-t1"));
    setup.stop();
    replica.of = "another table";
    side.is_away = true;
    setup.start();
    EXPECT_TRUE(setup.logs("the replica " + replica.path + " is begun anew"));
    EXPECT_TRUE(setup.logs("the first snapshot of the remote table is being read"));
    EXPECT_EQ(setup.route("acme-t1"), "active 127.0.0.1:4321 id-t1");
    side.set(session_in(session_status::active, "t2"));
    side.is_away = false;
    EXPECT_TRUE(setup.becomes("acme-t2", "active 127.0.0.1:4321 id-t2"));
    EXPECT_TRUE(setup.becomes("acme-t1", "none"));
}

TEST_F(remote_sync, what_is_past_its_ttl_stays_while_nobody_can_know) {
    session one = session_in(session_status::active, "t1");
    one.ttl_ms = now_ms() + one_hour_ms;
    side.set(one);
    setup.start();
    ASSERT_TRUE(setup.becomes("acme-t1", "active 127.0.0.1:4321 id-t1"));
    side.is_away = true;
    pass_ttl_of(one);
    EXPECT_EQ(setup.route("acme-t1"), "active 127.0.0.1:4321 id-t1");
    side.is_away = false;
    EXPECT_TRUE(setup.becomes("acme-t1", "none")) << "once it is known that nobody moved it on";
}

class used_while_away : public remote_sync, public testing::WithParamInterface<bool> {};

INSTANTIATE_TEST_SUITE_P(remote_sync, used_while_away, testing::Bool(), [](const auto& which) {
    return which.param ? "by_the_sync_before" : "without_a_break";
});

TEST_P(used_while_away, stays_though_its_ttl_has_passed) {
    setup.opts.flush_interval = 50ms;
    session one = session_in(session_status::active, "t1");
    one.ttl_ms = now_ms() + one_hour_ms;
    side.set(one);
    side.answer_with_ttl_of(one);
    setup.start();
    ASSERT_TRUE(setup.becomes("acme-t1", "active 127.0.0.1:4321 id-t1"));
    side.is_away = side.refuses_activity = true;
    use("acme-t1", 3);
    EXPECT_TRUE(setup.logs("the store did not take it"));
    if (GetParam()) {
        setup.stop();
        setup.opts.flush_interval = 1h; // what it knows of the line is due at once
        setup.start();
    }
    pass_ttl_of(one);
    side.is_away = false; // the feed is back before what is owed
    side.set(session_in(session_status::active, "t2"));
    ASSERT_TRUE(setup.becomes("acme-t2", "active 127.0.0.1:4321 id-t2"));
    side.refuses_activity = false;
    while (!side.has_moved_on())
        ASSERT_EQ(setup.route("acme-t1"), "active 127.0.0.1:4321 id-t1");
    const auto known_ms = [&] { return setup.reader->status().synced_at_ms; };
    const std::int64_t wrote_ms = now_ms();
    EXPECT_TRUE(eventually([&] { return known_ms() > wrote_ms + 2'500; }));
    EXPECT_EQ(setup.route("acme-t1"), "active 127.0.0.1:4321 id-t1");
}

TEST_F(remote_sync, what_was_asked_of_the_remote_side_is_counted) {
    side.set(session_in(session_status::active, "t1"));
    setup.start();
    ASSERT_TRUE(setup.becomes("acme-t1", "active 127.0.0.1:4321 id-t1"));
    const auto total = [&](cache::counter which) { return setup.reader->total(which); };
    side.set(session_in(session_status::active, "t2"));
    ASSERT_TRUE(setup.becomes("acme-t2", "active 127.0.0.1:4321 id-t2"));
    setup.stop();
    EXPECT_EQ(total(cache::counter::feed_records__feed__sessions), 2U);
    EXPECT_EQ(total(cache::counter::aws_calls__result__ok), 7U);
    EXPECT_EQ(total(cache::counter::store_write_units__for__activity), 4U);
    setup.start();
    setup.stop();
    EXPECT_EQ(total(cache::counter::aws_calls__result__ok), 14U) << "those of the next process";
}

TEST_F(remote_sync, activity_goes_back_paced_and_the_rest_at_the_end) {
    setup.opts.flush_interval = 400ms;
    side.set(session_in(session_status::active, "t1"));
    setup.start();
    ASSERT_TRUE(setup.becomes("acme-t1", "active 127.0.0.1:4321 id-t1"));
    const auto began = setup.clock.steady();
    use("acme-t1", 3);
    EXPECT_TRUE(eventually([&] { return side.requests("id-t1") == 3; }));
    EXPECT_GE(setup.clock.steady() - began, setup.opts.flush_interval);
    use("acme-t1", 4);
    setup.stop();
    EXPECT_EQ(side.requests("id-t1"), 7U);
}

TEST_F(remote_sync, activity_that_is_not_taken_waits) {
    setup.opts.flush_interval = 50ms;
    side.set(session_in(session_status::active, "t1"));
    setup.start();
    ASSERT_TRUE(setup.becomes("acme-t1", "active 127.0.0.1:4321 id-t1"));
    side.refuses_activity = true;
    use("acme-t1", 3);
    EXPECT_TRUE(setup.logs("the store did not take it"));
    side.set(session_in(session_status::active, "t2"));
    EXPECT_TRUE(setup.becomes("acme-t2", "active 127.0.0.1:4321 id-t2")) << "routes do not wait";
    side.refuses_activity = false;
    setup.stop();
    EXPECT_EQ(side.requests("id-t1"), 3U);
}

} // namespace
} // namespace postern::sync
