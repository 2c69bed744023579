#include "edge/cli/sessions_change.hpp"

#include <gtest/gtest.h>

namespace postern::edge {
namespace {

using sync::session_status;

constexpr std::int64_t now = 1'000'000;

settings conf_with(const char* route_key = "{clientId}-{threadId}") {
    settings conf;
    conf.route_key = *base::text_template::parse(route_key);
    return conf;
}

std::string wrong(const change_result& made) {
    return made ? "accepted" : made.error().text;
}

TEST(sessions_change, a_new_session_has_defaults) {
    const auto made = new_session("t1", {}, conf_with(), now);
    ASSERT_TRUE(made) << wrong(made);
    EXPECT_EQ(made->session_id, "t1");
    EXPECT_EQ(made->thread_id, "t1");
    EXPECT_EQ(made->client_id, "default");
    EXPECT_EQ(made->route_key, "default-t1");
    EXPECT_EQ(made->status, session_status::initializing);
    EXPECT_EQ(made->created_at_ms, now);
    EXPECT_EQ(made->started_at_ms, now);
    EXPECT_EQ(made->last_activity_at_ms, now);
    EXPECT_EQ(made->ttl_ms, now + 24 * 3'600'000);
}

TEST(sessions_change, a_target_makes_it_active) {
    const auto made = new_session("t1", {.target = "127.0.0.1:4321"}, conf_with(), now);
    ASSERT_TRUE(made);
    EXPECT_EQ(made->status, session_status::active);
    EXPECT_EQ(made->target.text(), "127.0.0.1:4321");
    const auto told =
        new_session("t1", {.status = "draining", .target = "127.0.0.1:4321"}, conf_with(), now);
    ASSERT_TRUE(told);
    EXPECT_EQ(told->status, session_status::draining);
    EXPECT_EQ(told->started_at_ms, 0);
}

TEST(sessions_change, all_fields) {
    const auto made = new_session("id",
                                  {.status = "failed",
                                   .client = "c",
                                   .user = "u",
                                   .thread = "t",
                                   .branch = "b",
                                   .instruction = "do",
                                   .reason = "why"},
                                  conf_with("{userId}.{clientId}.{threadId}.{sessionId}"), now);
    ASSERT_TRUE(made) << wrong(made);
    EXPECT_EQ(made->route_key, "u.c.t.id");
    EXPECT_EQ(made->branch, "b");
    EXPECT_EQ(made->instruction, "do");
    EXPECT_EQ(made->reason, "why");
}

TEST(sessions_change, what_is_left_out_stays) {
    auto before = new_session("t1", {.target = "127.0.0.1:1", .client = "c", .branch = "b"},
                              conf_with(), now);
    ASSERT_TRUE(before);
    before->version = 7;
    before->reason = "old";
    const auto made = changed_session(*before, {.target = "127.0.0.1:2"}, conf_with(), now + 5);
    ASSERT_TRUE(made) << wrong(made);
    EXPECT_EQ(made->version, 7U);
    EXPECT_EQ(made->client_id, "c");
    EXPECT_EQ(made->branch, "b");
    EXPECT_EQ(made->target.port, 2);
    EXPECT_EQ(made->created_at_ms, now);
    EXPECT_EQ(made->started_at_ms, now); // it was running already
    EXPECT_EQ(made->last_activity_at_ms, now + 5);
    EXPECT_EQ(made->reason, "");
}

TEST(sessions_change, states) {
    const auto active = new_session("t1", {.target = "127.0.0.1:1"}, conf_with(), now);
    ASSERT_TRUE(active);
    const auto stopped = changed_session(*active, {.status = "inactive"}, conf_with(), now + 5);
    ASSERT_TRUE(stopped);
    EXPECT_TRUE(stopped->target.address.is_none());
    EXPECT_EQ(stopped->last_activity_at_ms, now); // stopping is no use of it
    const auto again = changed_session(*stopped, {.status = "active", .target = "127.0.0.1:3"},
                                       conf_with(), now + 9);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->started_at_ms, now + 9);
    const auto failed =
        changed_session(*active, {.status = "failed", .reason = "gone"}, conf_with(), now);
    ASSERT_TRUE(failed);
    EXPECT_EQ(failed->reason, "gone");
    const auto expired = changed_session(*active, {.status = "expired"}, conf_with(), now);
    ASSERT_TRUE(expired);
    EXPECT_EQ(expired->status, session_status::inactive);
}

TEST(sessions_change, says_what_cannot_be) {
    const settings conf = conf_with();
    EXPECT_EQ(wrong(new_session("a", {.status = "actve"}, conf, now)),
              "--status \"actve\" is not known; did you mean \"active\"?");
    EXPECT_EQ(
        wrong(new_session("a", {.status = "up"}, conf, now)),
        "--status \"up\" is not known; write initializing, active, draining, inactive or failed");
    EXPECT_EQ(wrong(new_session("a", {.status = "active"}, conf, now)),
              "an active session needs a target; write --target 127.0.0.1:4321");
    EXPECT_EQ(wrong(new_session("a", {.target = "localhost:80"}, conf, now)),
              "--target \"localhost:80\" is no address with a port; write 127.0.0.1:4321 or none");
    EXPECT_EQ(wrong(new_session("a", {.status = "inactive", .target = "127.0.0.1:1"}, conf, now)),
              "an inactive session has no target");
    EXPECT_EQ(wrong(new_session("a/b", {}, conf, now)),
              "route_key {clientId}-{threadId} needs {threadId}, but it is \"a/b\"; in URLs it is "
              "of letters, digits and . _ ~ -");
    EXPECT_EQ(wrong(new_session("a", {.client = ""}, conf, now)),
              "route_key {clientId}-{threadId} needs {clientId}, but it is \"\"; in URLs it "
              "is of letters, digits and . _ ~ -");
    EXPECT_EQ(wrong(new_session(std::string(256, 'a'), {}, conf, now)),
              "the session's ID has 256 bytes; 255 at most");
    EXPECT_EQ(wrong(new_session(std::string(250, 'a'), {}, conf, now)),
              "route_key {clientId}-{threadId} makes an empty key, or one of more than 255 bytes");
    EXPECT_EQ(wrong(new_session("c", {.client = "a-b"}, conf, now)),
              "clientId \"a-b\" does not go with route_key {clientId}-{threadId}: what follows "
              "clientId there is \"-\", and with it inside or at the end of clientId two sessions "
              "could share one key; take another clientId, or another route_key, such as "
              "{clientId}@{threadId}");
    ASSERT_TRUE(new_session("c", {.client = "a", .thread = "b-c"}, conf, now));
    EXPECT_EQ(wrong(new_session("a", {.branch = "b\n"}, conf, now)),
              "--branch \"b\\x0a\" has control bytes");
    const auto active = new_session("t1", {.target = "127.0.0.1:1"}, conf, now);
    EXPECT_EQ(wrong(changed_session(*active, {.target = "none"}, conf, now)),
              "an active session needs a target; write --target 127.0.0.1:4321");
}

} // namespace
} // namespace postern::edge
