#include "sync/aws/json.hpp"
#include "sync/redis/row_text.hpp"

#include <gtest/gtest.h>

#include <random>

namespace postern::sync::redis {
namespace {

session full() {
    session s;
    s.session_id = "s1";
    s.client_id = "acme";
    s.user_id = "ann";
    s.thread_id = "t \"1\" ü";
    s.status = session_status::draining;
    s.task = "arn:x";
    s.target = *base::ip_endpoint::parse("[fd00::7]:4321");
    s.instruction = "do\nthis";
    s.reason = "why";
    s.branch = "b";
    s.last_commit = "c";
    s.is_dirty = true;
    s.created_at_ms = 1'700'000'000'001;
    s.started_at_ms = 1'700'000'000'002;
    s.last_activity_at_ms = 1'700'000'000'003;
    s.ttl_ms = 1'700'000'000'004;
    s.request_count = (1ULL << 62) + 5;
    s.bytes_transferred = 7;
    s.access_generation = 4'000'000'000;
    s.version = (1ULL << 53) + 1;
    return s;
}

row_change change_of(session s, std::string container = {}, std::string defect = {}) {
    const std::uint64_t version = s.version;
    return {"key", session_row{{std::move(s), std::move(defect)}, std::move(container)}, version};
}

std::optional<kept_row> kept(const row_change& change) {
    return kept_row_of(change.key, "1 2 33 abc 0 0 " + text_of(change).body);
}

TEST(row_text, a_session_comes_back_as_it_was) {
    const auto back = kept(change_of(full(), "box"));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->number, 33U);
    EXPECT_EQ(back->row.key, "key");
    EXPECT_EQ(back->row.version, full().version);
    const auto& row = std::get<session_row>(*back->row.now);
    EXPECT_EQ(row.read.record, full());
    EXPECT_EQ(row.read.defect, "");
    EXPECT_EQ(row.container_id, "box");
}

TEST(row_text, a_bare_session_a_defect_and_containers) {
    session bare;
    bare.session_id = "s";
    EXPECT_EQ(text_of(change_of(bare)).body, R"({"sessionId":"s","status":"initializing"})");
    EXPECT_EQ(std::get<session_row>(*kept(change_of(bare))->row.now).read.record, bare);
    const auto bad = kept(change_of(bare, "", "its status is wrong"));
    EXPECT_EQ(std::get<session_row>(*bad->row.now).read.defect, "its status is wrong");
    for (const char* target : {"10.0.0.7:80", ""}) {
        container_row box{"box", base::ip_endpoint::parse(target).value_or(base::ip_endpoint{}),
                          ""};
        const auto back = kept({"box", box, 0});
        ASSERT_TRUE(back);
        const auto& read = std::get<container_row>(*back->row.now);
        EXPECT_EQ(read.container_id, "box");
        EXPECT_EQ(read.target, box.target);
    }
}

TEST(row_text, activity_is_not_in_the_digest_and_all_else_is) {
    const std::string digest = text_of(change_of(full())).digest;
    EXPECT_EQ(digest.size(), 16U);
    session s = full();
    s.last_activity_at_ms = s.ttl_ms = 5;
    s.request_count = s.bytes_transferred = 5;
    EXPECT_EQ(text_of(change_of(s)).digest, digest);
    EXPECT_EQ(text_of(change_of(s)).activity_ms, 5);
    EXPECT_EQ(text_of(change_of(s)).ttl_ms, 5);
    const std::function<void(session&)> changes[] = {
        [](session& c) { c.status = session_status::active; },
        [](session& c) { c.target.port = 1; },
        [](session& c) { c.client_id = "x"; },
        [](session& c) { c.user_id = "x"; },
        [](session& c) { c.thread_id = "x"; },
        [](session& c) { c.task = "x"; },
        [](session& c) { c.reason = "x"; },
        [](session& c) { c.is_dirty = false; },
        [](session& c) { c.created_at_ms = 1; },
        [](session& c) { c.started_at_ms = 1; },
        [](session& c) { c.access_generation = 1; },
        [](session& c) { c.version = 1; },
    };
    for (const auto& change : changes) {
        session other = full();
        change(other);
        EXPECT_NE(text_of(change_of(other)).digest, digest);
    }
    EXPECT_NE(text_of(change_of(full(), "box")).digest, digest);
}

TEST(row_text, what_is_not_utf_8_has_a_defect) {
    session s = full();
    s.reason = "\xff";
    const auto back = kept(change_of(s));
    ASSERT_TRUE(back);
    EXPECT_NE(std::get<session_row>(*back->row.now).read.defect, "");
}

TEST(row_text, what_no_feeder_writes_is_none) {
    for (const char* text :
         {"", "1", "1 2 3 a 0 0", "1 2 x a 0 0 {}", "1 2 3 a 0 0 ", "1 2 3 a 0 0 []",
          "1 2 3 a 0 0 {", "1 2 -3 a 0 0 {}", "  3 a 0 0 {}", "1 2 3 a 0 0 \"x\""})
        EXPECT_FALSE(kept_row_of("k", text)) << text;
}

TEST(row_text, values_of_any_type_never_crash_and_are_judged) {
    const aws::json whole = aws::json::parse(text_of(change_of(full())).body);
    const aws::json values[] = {nullptr,
                                true,
                                -1,
                                1e300,
                                "x",
                                aws::json::array(),
                                aws::json::object(),
                                std::numeric_limits<std::uint64_t>::max()};
    for (const auto& [name, unused] : whole.items())
        for (const aws::json& value : values) {
            aws::json changed = whole;
            changed[name] = value;
            const auto back = kept_row_of("k", "1 2 3 a 0 0 " + changed.dump());
            ASSERT_TRUE(back) << changed.dump();
        }
    const auto judged = kept_row_of("k", R"(1 2 3 a 0 0 {"sessionId":"s","status":"odd"})");
    EXPECT_NE(std::get<session_row>(*judged->row.now).read.defect, "");
    const auto nameless = kept_row_of("k", R"(1 2 3 a 0 0 {"status":"active"})");
    EXPECT_NE(std::get<session_row>(*nameless->row.now).read.defect, "");
}

} // namespace
} // namespace postern::sync::redis
