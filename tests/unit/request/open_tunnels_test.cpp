// Which open WebSockets are ended. How they end is shown by tests/process/test_websocket.py.
#include "edge/request/open_tunnels.hpp"
#include "tests/unit/net/failing_stream.hpp"
#include "tests/unit/request/small_worker.hpp"

#include <optional>

namespace postern::edge {
namespace {

using cache::counter;
using cache::route_state;
using why = open_tunnel::why;

class tunnel_of_the_test final : public open_tunnel {
  public:
    using open_tunnel::open_tunnel;
    bool end(why code) noexcept override {
        ended = code;
        return !is_ending;
    }
    std::optional<why> ended;
    bool is_ending = false;
};

class open_tunnels_test : public ::testing::Test {
  protected:
    open_tunnels_test() {
        put(route_state::active);
        table.set_synced_at(1);
        open(x);
    }
    void put(route_state state, std::string_view id = "one", std::uint32_t generation = 0,
             cache::put_result expected = cache::put_result::updated) {
        cache::route one;
        one.state = state;
        one.version = ++version_;
        one.access_generation = generation;
        one.resume_until_ms = base::to_epoch_ms(worker.lent.time.wall()) + 60'000;
        one.set_text(id, "");
        EXPECT_EQ(table.put("one", one), expected);
    }
    void open(exchange& by) {
        by.key.key = "one";
        by.has_route = worker.lent.table.look_up("one", worker.lent.table.hash_of("one"), by.route);
        ASSERT_TRUE(by.has_route);
        worker.lent.tunnels.push_back(tunnel);
        worker.lent.swept.has_new_ones = true;
    }
    std::optional<why> ended() {
        tunnel.ended.reset();
        end_tunnels_that_are_over(worker.lent);
        return tunnel.ended;
    }
    std::uint64_t counted(counter which) const { return worker.lent.table.total(which); }

    event_loop loop;
    testing::small_worker worker{loop, 1};
    cache::session_writer table = *cache::session_writer::open((worker.folder / "t").string());
    testing::failing_stream client{loop, "", 1, 1'000};
    input_buffer input;
    const connection_peer peer{*base::ip_address::parse("127.0.0.1"), "127.0.0.1"};
    exchange x{worker.lent, client, input, peer, 0};
    tunnel_of_the_test tunnel{x};

  private:
    std::uint64_t version_ = 1;
};

TEST_F(open_tunnels_test, live_as_long_as_anything_of_their_session) {
    for (const auto state : {route_state::active, route_state::draining, route_state::initializing,
                             route_state::active}) {
        EXPECT_FALSE(ended()) << name_of(state);
        put(state);
    }
    EXPECT_FALSE(ended());
    EXPECT_EQ(counted(counter::tunnels_ended), 0U);
    for (const auto state : {route_state::failed, route_state::inactive}) {
        put(state);
        EXPECT_EQ(ended(), why::going_away) << name_of(state);
    }
    EXPECT_EQ(counted(counter::tunnels_ended), 2U);
}

TEST_F(open_tunnels_test, end_with_a_session_that_is_removed) {
    ASSERT_TRUE(table.remove("one", 100));
    EXPECT_EQ(ended(), why::going_away);
}

TEST_F(open_tunnels_test, are_counted_once_however_long_they_take_to_end) {
    ASSERT_TRUE(table.remove("one", 100));
    EXPECT_TRUE(ended());
    tunnel.is_ending = true;
    worker.lent.swept.has_new_ones = true;
    EXPECT_TRUE(ended());
    EXPECT_EQ(counted(counter::tunnels_ended), 1U);
}

TEST_F(open_tunnels_test, end_where_another_session_has_the_key) {
    put(route_state::active, "other");
    EXPECT_EQ(ended(), why::going_away);
}

TEST_F(open_tunnels_test, end_where_the_session_was_removed_and_made_anew) {
    ASSERT_TRUE(table.remove("one", 100));
    put(route_state::active, "one", 0, cache::put_result::inserted);
    EXPECT_EQ(ended(), why::going_away);
}

TEST_F(open_tunnels_test, are_counted_on_where_damage_took_their_session_for_a_moment) {
    EXPECT_FALSE(ended());
    table.count(counter::table_slots_bad);
    ASSERT_TRUE(table.remove("one", 100));
    put(route_state::active, "one", 0, cache::put_result::inserted);
    EXPECT_FALSE(ended());
    EXPECT_EQ(worker.lent.table.look_up("one")->activity, x.activity());
    ASSERT_TRUE(table.remove("one", 100));
    put(route_state::active, "one", 0, cache::put_result::inserted);
    EXPECT_EQ(ended(), why::going_away) << "that was no damage";
}

TEST_F(open_tunnels_test, outlive_a_table_that_has_lost_their_session) {
    table.set_synced_at(0);
    ASSERT_TRUE(table.remove("one", 100));
    EXPECT_FALSE(ended());
    table.set_synced_at(2); // the snapshot has not brought it back
    EXPECT_EQ(ended(), why::going_away) << "though no route has changed since";
}

TEST_F(open_tunnels_test, to_an_upstream_of_the_conf_have_no_session) {
    x.has_route = false;
    ASSERT_TRUE(table.remove("one", 100));
    EXPECT_FALSE(ended());
}

TEST_F(open_tunnels_test, are_looked_up_only_where_something_has_changed) {
    EXPECT_FALSE(ended());
    x.key.key = "nobody's"; // would be found out
    EXPECT_FALSE(ended());
    worker.lent.swept.has_new_ones = true; // opened while the last change was made
    EXPECT_EQ(ended(), why::going_away);
    EXPECT_FALSE(ended());
    put(route_state::active);
    EXPECT_EQ(ended(), why::going_away);
}

TEST_F(open_tunnels_test, by_a_link_end_with_it_whether_anything_has_changed_or_not) {
    worker.lent.access_keys = {"a key"};
    x.access.by_link = true;
    x.access.expires_s = base::to_epoch_ms(worker.lent.time.wall()) / 1000 + 60;
    EXPECT_FALSE(ended());
    x.access.expires_s -= 60;
    EXPECT_EQ(ended(), why::policy);
    x.access.expires_s += 60;
    put(route_state::active, "one", 8);
    EXPECT_EQ(ended(), why::policy) << "revoked";
    EXPECT_EQ(counted(counter::access_refused), 2U);
    put(route_state::inactive, "one", 8);
    EXPECT_EQ(ended(), why::going_away);
}

} // namespace
} // namespace postern::edge
