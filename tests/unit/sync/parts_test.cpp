// The small pure parts: back-off, checkpoint, route keys, which session leads.
#include "sync/backoff.hpp"
#include "sync/checkpoint.hpp"
#include "sync/store/session.hpp"

#include <gtest/gtest.h>

namespace postern::sync {
namespace {

using namespace std::chrono_literals;

TEST(backoff, draws_from_zero_to_a_doubling_bound) {
    std::array<std::chrono::milliseconds, 8> longest{};
    std::chrono::milliseconds shortest_late = 1h;
    for (std::uint64_t seed = 0; seed < 2000; ++seed) {
        backoff one{{100ms, 5s}, seed};
        for (auto& most : longest) {
            const auto delay = one.next();
            ASSERT_GE(delay, 0ms);
            most = std::max(most, delay);
            if (&most == &longest.back())
                shortest_late = std::min(shortest_late, delay);
        }
        one.reset();
        ASSERT_LE(one.next(), 100ms);
    }
    const std::array<std::chrono::milliseconds, 8> bounds{100ms,  200ms,  400ms, 800ms,
                                                          1600ms, 3200ms, 5s,    5s};
    for (std::size_t i = 0; i < bounds.size(); ++i) {
        EXPECT_LE(longest[i], bounds[i]) << i;
        EXPECT_GE(longest[i], bounds[i] * 95 / 100) << i;
    }
    EXPECT_LT(shortest_late, 100ms) << "full jitter: any delay down to none";
}

TEST(backoff, stays_at_its_cap_for_ever) {
    backoff one{{100ms, 5s}, 1};
    for (int i = 0; i < 10'000; ++i)
        ASSERT_LE(one.next(), 5s);
}

TEST(checkpoint, is_read_back_as_it_was_written) {
    const checkpoint one{"0a1b", "17@1700000000000", 42, 30min};
    EXPECT_EQ(text_of(one), "sync1 0a1b 17@1700000000000 42 1800000");
    EXPECT_EQ(checkpoint_of(text_of(one)), one);
}

TEST(checkpoint, nothing_else_is_one) {
    for (const char* text :
         {"", "sync1", "sync1 a b 1", "sync1 a b 1 2 3", "sync1 a b x 2", "sync1 a b 1 2x",
          "sync1 a b -1 2", "sync2 a b 1 2", "sync1  b 1 2", "sync1 a b 1 ", " sync1 a b 1 2"})
        EXPECT_FALSE(checkpoint_of(text)) << text;
}

TEST(session, statuses_have_their_names) {
    for (const auto status :
         {session_status::initializing, session_status::active, session_status::draining,
          session_status::inactive, session_status::failed})
        EXPECT_EQ(session_status_named(name_of(status)), status);
    EXPECT_EQ(session_status_named("expired"), session_status::inactive);
    EXPECT_FALSE(session_status_named("Active"));
    EXPECT_FALSE(session_status_named(""));
}

TEST(session, route_key_follows_the_template) {
    session one;
    one.session_id = "s";
    one.client_id = "c";
    one.user_id = "u";
    one.thread_id = "t";
    const auto key_of = [&](std::string_view text) {
        return route_key_of(one, *base::text_template::parse(text)).value_or("(none)");
    };
    EXPECT_EQ(key_of("{clientId}-{threadId}"), "c-t");
    EXPECT_EQ(key_of("{sessionId}/{userId}"), "s/u");
    EXPECT_EQ(key_of("{branch}"), "(none)");
    one.client_id = "a-b";
    EXPECT_EQ(key_of("{clientId}-{threadId}"), "(none)");
    EXPECT_EQ(key_of("{threadId}-{clientId}"), "t-a-b");
    EXPECT_EQ(key_of(""), "(none)");
    one.client_id.clear();
    EXPECT_EQ(key_of("{clientId}-{threadId}"), "(none)");
    one.client_id = std::string(253, 'c');
    EXPECT_EQ(key_of("{clientId}-{threadId}").size(), 255U);
    one.client_id += 'c';
    EXPECT_EQ(key_of("{clientId}-{threadId}"), "(none)");
}

TEST(session, of_several_one_leads) {
    using s = session_status;
    struct line {
        s status;
        std::int64_t created;
        std::int64_t ttl;
    };
    const struct {
        std::vector<line> sessions; // ids "0", "1", ...
        std::string leader;
    } table[] = {
        {{}, "none"},
        {{{s::inactive, 9, 0}}, "0"},
        {{{s::inactive, 9, 0}, {s::failed, 8, 0}, {s::draining, 1, 0}}, "2"},
        {{{s::inactive, 9, 0}, {s::failed, 1, 0}}, "1"},
        {{{s::active, 1, 0}, {s::initializing, 2, 0}, {s::draining, 1, 0}}, "1"},
        {{{s::active, 1, 0}, {s::active, 1, 0}}, "1"},
        {{{s::active, 1, 0}, {s::active, 2, 100}}, "0"}, // out at its ttl, not after it
        {{{s::active, 1, 0}, {s::active, 2, 101}}, "1"},
        {{{s::active, 1, 100}}, "none"},
    };
    for (const auto& [lines, leader] : table) {
        std::vector<session> sessions;
        for (const line& one : lines) {
            session made;
            made.session_id = std::to_string(sessions.size());
            made.status = one.status;
            made.created_at_ms = one.created;
            made.ttl_ms = one.ttl;
            sessions.push_back(made);
        }
        const session* found = leading_session(sessions, 100);
        EXPECT_EQ(found == nullptr ? "none" : found->session_id, leader);
        std::reverse(sessions.begin(), sessions.end());
        found = leading_session(sessions, 100);
        EXPECT_EQ(found == nullptr ? "none" : found->session_id, leader) << "in any order";
    }
}

} // namespace
} // namespace postern::sync
