// Changes, snapshots and expiry against a model, under a feed that repeats, replays, reorders and
// forgets.
#include "sync/apply.hpp"
#include "tests/unit/sync/scripted_store.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <set>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;

/// The table's rules in a map.
class model_table final : public route_table {
  public:
    std::map<std::string, cache::route, std::less<>> routes;
    std::set<std::string, std::less<>> marked;
    int births = 0;

    cache::put_result put(std::string_view key, const cache::route& value,
                          std::uint64_t removed_at) override {
        if (key.empty() || key.size() > 255)
            return cache::put_result::bad_key;
        if (key.size() + value.session_id().size() > 320)
            return cache::put_result::bad_text;
        marked.emplace(key);
        const auto [at, is_new] = routes.try_emplace(std::string{key}, value);
        births += is_new ? 1 : 0;
        if (is_new)
            return cache::put_result::inserted;
        if (value.version <= at->second.version)
            return cache::put_result::unchanged;
        births += at->second.version < removed_at ? 1 : 0;
        at->second = value;
        return cache::put_result::updated;
    }
    bool remove(std::string_view key, std::uint64_t version) override {
        const auto at = routes.find(key);
        if (at == routes.end() || at->second.version > version)
            return false;
        routes.erase(at);
        return true;
    }
    void sweep() {
        std::erase_if(routes, [&](const auto& one) { return marked.count(one.first) == 0; });
    }
    [[nodiscard]] std::uint64_t newest() const {
        std::uint64_t found = 0;
        for (const auto& [key, one] : routes)
            found = std::max(found, one.version);
        return found;
    }
};

std::string text_of(const cache::route& one) {
    return std::string{cache::name_of(one.state)} + "/" +
           (one.target.address.is_none() ? "-" : one.target.text()) + "/" +
           std::string{one.session_id()} + "/" + std::string{one.reason()} + "/" +
           std::to_string(one.resume_until_ms) + "/" + std::to_string(one.expires_at_ms);
}
using content = std::map<std::string, std::string>;

class simulation {
  public:
    explicit simulation(std::uint64_t seed) : random_{seed} {}

    void run(int steps) {
        for (int i = 0; i < steps; ++i)
            step();
        settle();
        ASSERT_EQ(table_content(), store_content());
    }
    std::set<std::string> kinds_met; // so that a test can tell that it tested something

  private:
    std::size_t below(std::size_t n) { return random_() % n; }
    bool one_in(std::size_t n) { return below(n) == 0; }

    void step() {
        switch (below(14)) {
        case 0:
        case 1:
        case 2:
        case 3:
        case 4:
            write();
            break;
        case 5:
        case 6:
        case 7:
            deliver_next();
            break;
        case 8:
            deliver_again();
            break;
        case 9:
            deliver_out_of_order();
            break;
        case 10:
            if (one_in(4))
                begin_snapshot();
            break;
        case 11:
        case 12:
            snapshot_page();
            break;
        default:
            expire();
        }
    }

    void write() {
        auto& db = *store_;
        if (one_in(400)) {
            replace_store();
            return;
        }
        const std::string id = "s" + std::to_string(below(12));
        if (one_in(5)) {
            db.erase(id);
            return;
        }
        stored_session one;
        if (const auto old = db.records.find(id); old != db.records.end())
            one = old->second;
        else
            one.record.created_at_ms = static_cast<std::int64_t>(below(5));
        session& record = one.record;
        record.session_id = id;
        record.client_id = "c";
        if (record.thread_id.empty() || one_in(4)) {
            record.thread_id = "t" + std::to_string(below(5)); // keys are shared and moved
            record.route_key.clear();
        }
        if (one_in(2))
            record.route_key = "c-" + record.thread_id;
        record.status = static_cast<session_status>(below(5));
        record.reason = one_in(2) ? "why" : "";
        record.target =
            one_in(3) ? base::ip_endpoint{}
                      : *base::ip_endpoint::parse("10.0.0." + std::to_string(1 + below(9)) + ":80");
        record.ttl_ms = one_in(3) ? now_ms_ + static_cast<std::int64_t>(below(50)) : 0;
        one.defect = one_in(10) ? "broken" : "";
        if (one_in(10))
            record.client_id.clear(); // no key can be made of it
        if (one_in(20))
            db.writes_refused = 1;
        db.set(std::move(one));
        kinds_met.insert("written");
    }

    void deliver(std::size_t first, std::size_t last) {
        const auto done = applier_.apply(*store_, store_->batch(first, last), now_ms_);
        ASSERT_TRUE(done);
        if (done->must_repeat) {
            kinds_met.insert("repeated");
            deliver(first, last);
        }
        if (last - first > 0 && done->changed > 0)
            kinds_met.insert("changed");
    }
    void deliver_next() {
        const std::size_t last = std::min(store_->log.size(), read_ + 1 + below(4));
        if (read_ == last)
            return;
        const std::size_t first = std::exchange(read_, last);
        deliver(first, last);
    }
    void deliver_again() {
        if (read_ == 0)
            return;
        const std::size_t first = below(read_);
        deliver(first, std::min(read_, first + 1 + below(6)));
        kinds_met.insert("replayed");
    }
    void deliver_out_of_order() {
        const std::size_t size = store_->log.size();
        if (size < read_ + 4)
            return;
        const std::size_t middle = read_ + 1 + below(size - read_ - 1);
        const std::size_t first = std::exchange(read_, size);
        deliver(middle, size);
        deliver(first, middle);
        kinds_met.insert("reordered");
    }

    /// The follower's way: position, version base, mark.
    void begin_snapshot() {
        snapshot_version_ = store_->seq;
        if (one_in(2)) {
            read_ = store_->log.size(); // as after a gap: what was not read is lost
            kinds_met.insert("gap");
        }
        if (applier_.version_base() + snapshot_version_ <= table_.newest())
            applier_.set_version_base(table_.newest() - snapshot_version_ + 1);
        table_.marked.clear();
        snapshot_from_ = "";
        is_in_snapshot_ = true;
    }
    void snapshot_page() {
        if (!is_in_snapshot_)
            return;
        const auto page = store_->read_snapshot(snapshot_from_, 1 + below(4));
        if (one_in(3))
            store_->writes_refused = 1;
        const auto done =
            applier_.apply_page(*store_, page->records, snapshot_version_, false, now_ms_);
        ASSERT_TRUE(done);
        if (done->must_repeat)
            return;
        snapshot_from_ = page->next;
        if (!snapshot_from_.empty())
            return;
        table_.sweep();
        is_in_snapshot_ = false;
        must_snapshot_ = false;
        kinds_met.insert("snapshot");
    }
    void replace_store() {
        kinds_met.insert("store replaced");
        store_ = std::make_unique<scripted_store>();
        read_ = 0;
        must_snapshot_ = true;
        begin_snapshot();
    }
    void expire() {
        const std::int64_t from = expired_until_;
        now_ms_ += static_cast<std::int64_t>(below(10));
        const auto expired = store_->list_expired(from, "", now_ms_, 1000);
        const auto done = applier_.apply_expired(*store_, *expired, now_ms_);
        ASSERT_TRUE(done);
        if (done->changed > 0)
            kinds_met.insert("expired");
        expired_until_ = now_ms_;
    }

    void settle() {
        while (is_in_snapshot_ || must_snapshot_) {
            if (!is_in_snapshot_)
                begin_snapshot();
            snapshot_page();
        }
        while (read_ < store_->log.size())
            deliver_next();
        expire();
    }

    content table_content() const {
        content found;
        for (const auto& [key, one] : table_.routes)
            found[key] = text_of(one);
        return found;
    }
    content store_content() const {
        std::map<std::string, std::vector<session>> of_key;
        for (const auto& [id, one] : store_->records)
            if (one.defect.empty() && !one.record.route_key.empty())
                of_key[one.record.route_key].push_back(one.record);
        content expected;
        for (const auto& [key, sessions] : of_key)
            if (const session* leader = leading_session(sessions, now_ms_))
                expected[key] = text_of(route_of(*leader, 0, 30min));
        return expected;
    }

    std::mt19937_64 random_;
    std::unique_ptr<scripted_store> store_ = std::make_unique<scripted_store>();
    model_table table_;
    applier applier_{{*base::text_template::parse("{clientId}-{threadId}"), 30min},
                     table_,
                     {[](std::string_view, const std::string&) {}, [](std::string_view, bool) {}}};
    std::size_t read_ = 0;
    std::int64_t now_ms_ = 1000;
    std::int64_t expired_until_ = 0;
    std::uint64_t snapshot_version_ = 0;
    std::string snapshot_from_;
    bool is_in_snapshot_ = false;
    bool must_snapshot_ = false;
};

TEST(apply, ends_as_the_store_is_whatever_the_feed_does) {
    std::set<std::string> met;
    for (std::uint64_t seed = 0; seed < 1500; ++seed) {
        simulation one{seed};
        ASSERT_NO_FATAL_FAILURE(one.run(40 + static_cast<int>(seed % 200))) << "seed " << seed;
        ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
        met.merge(one.kinds_met);
    }
    EXPECT_EQ(met, (std::set<std::string>{"changed", "expired", "gap", "reordered", "repeated",
                                          "replayed", "snapshot", "store replaced", "written"}));
}

session inactive_session() {
    session one;
    one.session_id = "s";
    one.status = session_status::inactive;
    one.created_at_ms = 1;
    one.started_at_ms = 2;
    one.last_activity_at_ms = 3;
    one.ttl_ms = 900;
    one.reason = "an old one";
    return one;
}

TEST(apply, a_route_carries_its_deadlines_where_they_stand_still) {
    session one = inactive_session();
    const cache::route inactive = route_of(one, 7, 10ms);
    EXPECT_EQ(inactive.version, 7U);
    EXPECT_EQ(inactive.resume_until_ms, 13);
    EXPECT_EQ(inactive.expires_at_ms, 900);
    EXPECT_EQ(inactive.reason(), "");
    one.status = session_status::active;
    const cache::route active = route_of(one, 7, 10ms);
    EXPECT_EQ(active.resume_until_ms, 0);
    EXPECT_EQ(active.expires_at_ms, 0) << "activity moves it on without a change";
    one.status = session_status::failed;
    const cache::route failed = route_of(one, 7, 10ms);
    EXPECT_EQ(failed.reason(), "an old one");
    EXPECT_EQ(failed.expires_at_ms, 900);
}

TEST(apply, a_record_that_was_removed_and_made_anew_is_not_the_former_one) {
    scripted_store db;
    model_table table;
    applier apply{{*base::text_template::parse("{threadId}"), 1ms},
                  table,
                  {[](std::string_view, const std::string&) {}, [](std::string_view, bool) {}}};
    std::size_t read = 0;
    const auto births_by_now = [&] {
        const std::size_t first = std::exchange(read, db.log.size());
        EXPECT_TRUE(apply.apply(db, db.batch(first, read), 0));
        return table.births;
    };
    session one;
    one.session_id = "one";
    one.thread_id = one.route_key = "k";
    one.created_at_ms = 5;
    one.status = session_status::active;
    const auto make_anew = [&](const session& which) {
        db.erase(which.session_id);
        db.set({which, {}});
    };
    apply.set_version_base(1000);
    db.set({one, {}});
    EXPECT_EQ(births_by_now(), 1);
    one.branch = "other";
    db.set({one, {}});
    EXPECT_EQ(births_by_now(), 1) << "changed";
    make_anew(one);
    EXPECT_EQ(births_by_now(), 2) << "seen as one";
    EXPECT_TRUE(apply.apply(db, db.batch(0, read), 0));
    EXPECT_EQ(table.births, 2) << "seen again";
    db.set({one, {}});
    EXPECT_TRUE(apply.apply(db, db.batch(0, db.log.size()), 0));
    EXPECT_EQ(births_by_now(), 2) << "seen again, and changed since";
    make_anew(one);
    EXPECT_TRUE(apply.apply(db, db.batch(read, read + 1), 0)); // as it is by now, not as it was
    EXPECT_EQ(births_by_now(), 3) << "in two batches";

    session second = one; // has the key as well, and does not lead
    second.session_id = "second";
    second.created_at_ms = 1;
    db.set({second, {}});
    make_anew(second);
    EXPECT_EQ(births_by_now(), 3) << "another's end";
    one.user_id = "another"; // takes the key away until it is made again, the same
    one.route_key.clear();
    db.set({one, {}});
    EXPECT_EQ(births_by_now(), 4) << "given to another";
    EXPECT_EQ(births_by_now(), 4) << "and its new key is no news";
    EXPECT_EQ(table.routes.at("k").session_id(), "one");
}

TEST(apply, a_record_that_could_have_anothers_key_is_not_routed) {
    scripted_store db;
    model_table table;
    std::vector<std::string> defects;
    applier apply{{*base::text_template::parse("{clientId}-{threadId}"), 1ms},
                  table,
                  {[&](std::string_view id, const std::string& why) {
                       defects.push_back(std::string{id} + ": " + why);
                   },
                   [](std::string_view, bool) {}}};
    session own;
    own.session_id = "own";
    own.client_id = "a";
    own.thread_id = "b-c";
    own.route_key = "a-b-c";
    own.status = session_status::active;
    session other = own;
    other.session_id = "other";
    other.client_id = "a-b";
    other.thread_id = "c";
    other.created_at_ms = 5; // it would lead
    db.set({own, {}});
    db.set({other, {}});
    ASSERT_TRUE(apply.apply(db, db.batch(0, 2), 0));
    ASSERT_EQ(table.routes.size(), 1U);
    EXPECT_EQ(table.routes.at("a-b-c").session_id(), "own");
    ASSERT_FALSE(defects.empty());
    EXPECT_NE(defects[0].find("other: clientId \"a-b\" does not go with"), std::string::npos);
    EXPECT_EQ(db.records.at("other").record.route_key, "") << "nor found by it in the store";
    // Without a key of its own it gets none.
    other.session_id = "third";
    other.route_key.clear();
    db.set({other, {}});
    ASSERT_TRUE(apply.apply_page(db, {db.records.at("third")}, 9, true, 0));
    EXPECT_EQ(db.records.at("third").record.route_key, "");
    // Where the store cannot be written, it is out all the same.
    other.session_id = "fourth";
    other.route_key = "a-b-c";
    db.set({other, {}});
    db.writes_refused = 100;
    ASSERT_TRUE(apply.apply_expired(db, {db.records.at("own")}, 0));
    ASSERT_TRUE(apply.apply(db, db.batch(db.log.size() - 1, db.log.size()), 0));
    EXPECT_EQ(table.routes.at("a-b-c").session_id(), "own");
}

TEST(apply, a_key_that_no_url_can_have_is_not_routed) {
    const auto defects_with = [](const std::string& route_key, const std::string& key_literals,
                                 const std::string& thread, bool is_keyed) {
        scripted_store db;
        model_table table;
        std::vector<std::string> defects;
        applier apply{{*base::text_template::parse(route_key), 1ms, key_literals},
                      table,
                      {[&](std::string_view, const std::string& why) { defects.push_back(why); },
                       [](std::string_view, bool) {}}};
        session one;
        one.session_id = "one";
        one.client_id = "a";
        one.thread_id = thread;
        one.status = session_status::active;
        if (is_keyed)
            one.route_key = thread;
        db.set({one, {}});
        EXPECT_TRUE(apply.apply(db, db.batch(0, 1), 0));
        EXPECT_TRUE(apply.apply_page(db, {db.records.at("one")}, 9, true, 0));
        EXPECT_TRUE(apply.apply_expired(db, {db.records.at("one")}, 0));
        EXPECT_EQ(table.routes.empty(), !defects.empty()) << thread;
        EXPECT_EQ(db.records.at("one").record.route_key.empty(), !is_keyed && !defects.empty());
        return defects;
    };
    for (const char* thread : {"a b", "a/b", "a%20b", "\xc3\xa4", "a#b", "a@b"}) {
        EXPECT_EQ(defects_with("{threadId}", "", thread, true).size(), 2U) << thread;
        const auto found = defects_with("{threadId}", "", thread, false);
        ASSERT_EQ(found.size(), 2U) << thread;
        EXPECT_NE(found[0].find(thread), std::string::npos);
        EXPECT_NE(found[0].find("no URL leads to its route key"), std::string::npos);
    }
    EXPECT_TRUE(defects_with("{threadId}", "", "A-b._~9", false).empty());
    EXPECT_TRUE(defects_with("{clientId}@{threadId}", "", "b", false).empty());
    EXPECT_TRUE(defects_with("{threadId}", "x/", "a/b", true).empty()) << "another location's may";
}

TEST(apply, a_leader_that_does_not_fit_leaves_no_other_in_its_place) {
    scripted_store db;
    model_table table;
    std::vector<std::string> defects;
    applier apply{{*base::text_template::parse("{threadId}"), 1ms},
                  table,
                  {[&](std::string_view, const std::string& why) { defects.push_back(why); },
                   [](std::string_view, bool) {}}};
    const std::string key(200, 'k');
    session one;
    one.session_id = "short";
    one.route_key = key;
    one.status = session_status::active;
    db.set({one, {}});
    ASSERT_TRUE(apply.apply(db, db.batch(0, 1), 0));
    EXPECT_EQ(table.routes.size(), 1U);
    one.session_id = std::string(200, 'i');
    one.created_at_ms = 5;
    db.set({one, {}});
    ASSERT_TRUE(apply.apply(db, db.batch(1, 2), 0));
    EXPECT_TRUE(table.routes.empty());
    ASSERT_EQ(defects.size(), 1U);
    EXPECT_NE(defects[0].find("too long"), std::string::npos);
}

} // namespace
} // namespace postern::sync
