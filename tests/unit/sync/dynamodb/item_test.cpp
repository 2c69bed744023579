// Items, their keys and times, and expressions: the pure parts of sync/dynamodb.
#include "sync/dynamodb/expression.hpp"
#include "sync/dynamodb/item.hpp"
#include "sync/dynamodb/session_items.hpp"
#include "sync/dynamodb/time_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace postern::sync::dynamodb {
namespace {

using testing::HasSubstr;

json text(const char* value) {
    return {{"S", value}};
}
json number(const char* value) {
    return {{"N", value}};
}

/// Schema A of the platform, as its session manager writes it.
json item_a() {
    return {{"sessionId", text("acme#u1#t1")},
            {"clientId", text("acme")},
            {"userId", text("u1")},
            {"threadId", text("t1")},
            {"status", text("active")},
            {"taskArn", text("arn:aws:ecs:us-east-1:1:task/x")},
            {"containerIp", text("10.0.0.7")},
            {"startedAt", text("2025-08-20T10:00:00.000Z")},
            {"lastActivityAt", text("2025-08-20T10:05:00.250Z")},
            {"branch", text("thread-t1")},
            {"lastCommit", {{"NULL", true}}},
            {"isDirty", {{"BOOL", true}}},
            {"ttl", number("1755770400")},
            {"requestCount", number("12")},
            {"bytesTransferred", number("34567")},
            {"someoneElses", {{"M", {{"a", {{"L", json::array()}}}}}}}};
}

attribute_map map_b() {
    attribute_map map;
    map.hash = key_part::parse("PK", "SESSION#{sessionId}").value();
    map.range = key_part::parse("SK", "USER#{userId}").value();
    map.names[static_cast<std::size_t>(field::task)] = "fargateTaskArn";
    map.names[static_cast<std::size_t>(field::last_activity_at)] = "lastActivity";
    map.forms[static_cast<std::size_t>(field::last_activity_at)] = time_form::seconds;
    map.names[static_cast<std::size_t>(field::branch)] = "editBranch";
    return map;
}

TEST(dynamodb_item, schema_a_is_read) {
    const auto row = session_of(item_a(), {});
    ASSERT_TRUE(row);
    EXPECT_EQ(row->read.defect, "");
    const session& s = row->read.record;
    EXPECT_EQ(s.session_id, "acme#u1#t1");
    EXPECT_EQ(s.client_id, "acme");
    EXPECT_EQ(s.user_id, "u1");
    EXPECT_EQ(s.thread_id, "t1");
    EXPECT_EQ(s.status, session_status::active);
    EXPECT_EQ(s.task, "arn:aws:ecs:us-east-1:1:task/x");
    EXPECT_EQ(s.target.text(), "10.0.0.7:4321");
    EXPECT_EQ(s.started_at_ms, 1755684000000);
    EXPECT_EQ(s.last_activity_at_ms, 1755684300250);
    EXPECT_EQ(s.branch, "thread-t1");
    EXPECT_EQ(s.last_commit, "");
    EXPECT_TRUE(s.is_dirty);
    EXPECT_EQ(s.ttl_ms, 1755770400000);
    EXPECT_EQ(s.request_count, 12U);
    EXPECT_EQ(s.bytes_transferred, 34567U);
    EXPECT_EQ(s.version, 0U);
    EXPECT_EQ(s.access_generation, 1U);
    EXPECT_EQ(row->container_id, "");
    EXPECT_EQ(key_text_of(item_a(), attribute_map{}), "acme#u1#t1");
}

TEST(dynamodb_item, schema_b_is_read_and_written) {
    const json item = {{"PK", text("SESSION#s1")},    {"SK", text("USER#u1")},
                       {"sessionId", text("other")},  {"status", text("expired")},
                       {"fargateTaskArn", text("t")}, {"lastActivity", number("1755684000")},
                       {"ttl", number("1755685800")}, {"editBranch", text("thread-x")}};
    const attribute_map map = map_b();
    ASSERT_EQ(map.fault(), "");
    const auto row = session_of(item, map);
    ASSERT_TRUE(row);
    EXPECT_EQ(row->read.defect, "");
    const session& s = row->read.record;
    EXPECT_EQ(s.session_id, "s1"); // the key's, whatever else is there
    EXPECT_EQ(s.user_id, "u1");
    EXPECT_EQ(s.status, session_status::inactive);
    EXPECT_EQ(s.task, "t");
    EXPECT_EQ(s.last_activity_at_ms, 1755684000000);
    EXPECT_EQ(s.branch, "thread-x");
    EXPECT_EQ(key_text_of(item, map), "SESSION#s1\x1fUSER#u1");
    EXPECT_EQ(key_of(s, map), (json{{"PK", text("SESSION#s1")}, {"SK", text("USER#u1")}}));
    const json made = item_of(s, map);
    EXPECT_EQ(made["PK"], text("SESSION#s1"));
    EXPECT_EQ(made["lastActivity"], number("1755684000"));
    EXPECT_FALSE(made.contains("sessionId"));
    EXPECT_FALSE(made.contains("userId"));
}

TEST(dynamodb_item, other_items_of_one_table_are_no_sessions) {
    const attribute_map map = map_b();
    for (const auto& [hash, range] :
         {std::pair{"CLIENT#s1", "USER#u1"}, {"SESSION#s1", "EVENT#1"}, {"", ""}})
        EXPECT_FALSE(session_of({{"PK", text(hash)}, {"SK", text(range)}}, map)) << hash;
    EXPECT_FALSE(session_of({{"PK", number("1")}, {"SK", text("USER#u1")}}, map));
    EXPECT_FALSE(session_of({{"PK", text("SESSION#s1")}}, map));
    EXPECT_FALSE(session_of(json::array(), map));
    EXPECT_FALSE(key_text_of({{"PK", text("SESSION#s1")}}, map));
}

TEST(dynamodb_item, a_container_has_the_address) {
    attribute_map map;
    map.has_containers = true;
    json item = item_a();
    item["containerId"] = text("c1");
    EXPECT_EQ(session_of(item, map)->container_id, ""); // it has one of its own
    item.erase("containerIp");
    EXPECT_EQ(session_of(item, map)->container_id, "c1");
    EXPECT_EQ(session_of(item, {})->container_id, "");

    container_map containers;
    containers.standard_port = 8080;
    const auto row =
        container_of({{"containerId", text("c1")}, {"containerIp", text("fd00::7")}}, containers);
    ASSERT_TRUE(row);
    EXPECT_EQ(row->container_id, "c1");
    EXPECT_EQ(row->target.text(), "[fd00::7]:8080");
    EXPECT_EQ(row->defect, "");
    EXPECT_TRUE(container_of({{"containerId", text("c1")}}, containers)->target.address.is_none());
    EXPECT_THAT(
        container_of({{"containerId", text("c1")}, {"containerIp", text("host")}}, containers)
            ->defect,
        HasSubstr("an IP address is needed"));
    EXPECT_FALSE(container_of({{"id", text("c1")}}, containers));
}

struct defect_case {
    const char* attribute;
    json value;
    const char* sentence;
};

TEST(dynamodb_item, what_cannot_be_used_is_said) {
    const json map_value = {{"M", json::object()}};
    const std::vector<defect_case> cases = {
        {"status", text("idle"), "its status is \"idle\"; initializing, active"},
        {"status", nullptr, "its status is \"\""},
        // What is said of it is a text, too, as Redis takes it: cut before the character.
        {"status", text(("idl" + std::string(60, 'e') + "\u00e9").c_str()),
         "eee\"...; initializing, active"},
        {"status", number("1"), "its status is a number (N); a string (S) is needed"},
        {"containerIp", text("ten.zero"), "its containerIp is \"ten.zero\"; an IP address"},
        {"containerIp", text("::"), "its containerIp is \"::\"; an IP address"},
        {"containerIp", text("10.0.0.7:0"), "an IP address is needed"},
        {"containerIp", {{"SS", json::array({"10.0.0.7"})}}, "is a set of strings (SS)"},
        {"containerIp", text(std::string(5000, '1').c_str()), "has 5000 bytes"},
        {"port", number("65536"), "its port is 65536; a port is 1 to 65535"},
        {"port", text("80"), "its port is a string (S); a number (N) is needed"},
        {"startedAt", text("yesterday"), "its startedAt is \"yesterday\"; a time such as"},
        {"startedAt", map_value, "its startedAt is a map (M); a time such as"},
        {"ttl", {{"BOOL", true}}, "its ttl is a truth value (BOOL)"},
        {"isDirty", text("yes"), "its isDirty is a string (S); a truth value (BOOL) is needed"},
        {"requestCount", text("12"), "its requestCount is a string (S)"},
        {"requestCount", number("1E+30"), "a number below 2^63 is needed"},
        {"clientId", number("7"), "its clientId is a number (N)"},
        {"clientId", text(std::string(256, 'c').c_str()), "at most 255 are allowed"},
        {"branch", {{"B", "AAEC"}}, "its branch is bytes (B)"},
        {"version", text("v2"), "its version is a string (S); a number (N) is needed"},
        {"branch", json::array(), "its branch is no value"},
        {"sessionId", text(std::string(300, 's').c_str()), "its session_id has 300 bytes"},
        {"sessionId", text("a\x01"), "its session_id holds control characters"},
    };
    for (const defect_case& one : cases) {
        json item = item_a();
        if (one.value.is_null())
            item.erase(one.attribute);
        else
            item[one.attribute] = one.value;
        const auto row = session_of(item, {});
        ASSERT_TRUE(row) << one.attribute;
        EXPECT_THAT(row->read.defect, HasSubstr(one.sentence)) << item[one.attribute].dump();
    }
}

TEST(dynamodb_item, a_session_goes_there_and_back) {
    session s;
    s.session_id = "s1";
    s.client_id = "c";
    s.user_id = "u";
    s.thread_id = "t";
    s.status = session_status::failed;
    s.task = "task";
    s.target = *base::ip_endpoint::parse("[fd00::1]:8443");
    s.instruction = "do it";
    s.reason = "it did not";
    s.branch = "b";
    s.last_commit = "abc";
    s.is_dirty = true;
    s.created_at_ms = 1'700'000'000'001;
    s.started_at_ms = 1'700'000'000'002;
    s.last_activity_at_ms = 1'700'000'000'003;
    s.ttl_ms = 1'700'000'100'000;
    s.request_count = 5;
    s.bytes_transferred = 6;
    s.version = 1'700'000'000'003'000;
    s.access_generation = 9;
    for (const auto& map : {attribute_map{}, map_b()}) {
        session wanted = s;
        if (map.range)
            wanted.last_activity_at_ms = 1'700'000'001'000; // in seconds, rounded up
        const auto row = session_of(item_of(s, map), map);
        ASSERT_TRUE(row);
        EXPECT_EQ(row->read.defect, "");
        EXPECT_EQ(row->read.record, wanted);
    }
    EXPECT_TRUE(session_of(item_of(session{.session_id = "x"}, {}), {})->read.defect.empty());
}

TEST(dynamodb_item, access_generation_begins_with_the_item) {
    json item = item_a();
    item["createdAt"] = text("2025-08-20T10:00:00Z");
    EXPECT_EQ(session_of(item, {})->read.record.access_generation, 1755684000U);
    item["accessGeneration"] = number("7");
    EXPECT_EQ(session_of(item, {})->read.record.access_generation, 7U);
    session s = session_of(item_a(), {})->read.record;
    EXPECT_FALSE(item_of(s, {}).contains("accessGeneration"));
}

TEST(dynamodb_item, a_token_tells_all_but_activity) {
    const session s = session_of(item_a(), {})->read.record;
    const std::uint64_t token = token_of(s, 3);
    EXPECT_GT(token, 0U);
    EXPECT_LT(token, 1ULL << 53);
    session other = s;
    other.last_activity_at_ms += 1;
    other.ttl_ms += 1;
    other.request_count += 1;
    other.bytes_transferred += 1;
    other.version = 17;
    other.route_key = "k";
    EXPECT_EQ(token_of(other, 3), token);
    EXPECT_NE(token_of(s, 4), token);
    const auto differs = [&](auto change) {
        session one = s;
        change(one);
        return token_of(one, 3) != token;
    };
    EXPECT_TRUE(differs([](session& x) { x.status = session_status::draining; }));
    EXPECT_TRUE(differs([](session& x) { x.target = {}; }));
    EXPECT_TRUE(differs([](session& x) { x.target.port = 1; }));
    EXPECT_TRUE(differs([](session& x) { x.task += "x"; }));
    EXPECT_TRUE(differs([](session& x) { x.access_generation = 2; }));
    EXPECT_TRUE(differs([](session& x) { x.is_dirty = false; }));
    EXPECT_TRUE(differs([](session& x) {
        x.client_id = "acmeu";
        x.user_id = "1";
    }));
}

TEST(dynamodb_item, an_id_is_found_in_a_route_key) {
    const auto found = [](const char* key, const char* of) {
        return session_id_in(key, base::text_template::parse(of).value()).value_or("-");
    };
    EXPECT_EQ(found("s1", "{sessionId}"), "s1");
    EXPECT_EQ(found("acme-s1-x", "{clientId}-{sessionId}"), "s1-x");
    EXPECT_EQ(found("p/acme-s1.end", "p/{clientId}-{sessionId}.end"), "s1");
    EXPECT_EQ(found("a.end.end", "{sessionId}.end"), "a.end");
    EXPECT_EQ(found("acme-s1", "{clientId}-{threadId}"), "-");
    EXPECT_EQ(found("-s1", "{clientId}-{sessionId}"), "-");
    EXPECT_EQ(found("q/acme-s1", "p/{clientId}-{sessionId}"), "-");
    EXPECT_EQ(found("", "{sessionId}"), "-");
    EXPECT_EQ(found("s1x", "{sessionId}.end"), "-");
}

TEST(dynamodb_map, faults_are_said) {
    attribute_map map;
    EXPECT_EQ(map.fault(), "");
    map.names[static_cast<std::size_t>(field::branch)] = "status";
    EXPECT_THAT(map.fault(), HasSubstr("\"status\" stands for both status and branch"));
    map = {};
    map.names[static_cast<std::size_t>(field::branch)] = "sessionId";
    EXPECT_THAT(map.fault(), HasSubstr("is a key"));
    map = {};
    map.hash.of = field::user_id;
    EXPECT_THAT(map.fault(), HasSubstr("{sessionId}"));
    map = map_b();
    map.range->attribute = "PK";
    EXPECT_THAT(map.fault(), HasSubstr("both keys' name"));
    for (const char* wrong : {"", "SESSION#", "{sessionId}x", "{status}", "{a}",
                              "{userId}{sessionId}", "{sessionId", "a{sessionId}b"})
        EXPECT_FALSE(key_part::parse("PK", wrong)) << wrong;
    EXPECT_NE(attribute_map{}.text(), map_b().text());
}

TEST(dynamodb_time, forms) {
    const std::pair<const char*, std::int64_t> good[] = {
        {"2025-08-20T10:00:00.000Z", 1755684000000},
        {"2025-08-20T10:00:00Z", 1755684000000},
        {"2025-08-20T10:00:00", 1755684000000},
        {"2025-08-20 10:00", 1755684000000},
        {"2025-08-20T12:00:00+02:00", 1755684000000},
        {"2025-08-20T08:00:00.5-0200", 1755684000500},
        {"2025-08-20T10:00:00.123456Z", 1755684000123},
        {"1755684000", 1755684000000},
        {"1755684000.25", 1755684000250},
        {"1755684000123", 1755684000123},
        {"0", 0},
        {"1.755684E9", 1755684000000},
    };
    for (const auto& [said, ms] : good)
        EXPECT_EQ(time_of(said), ms) << said;
    for (const char* wrong :
         {"", "x", "2025-08-20", "2025-13-20T10:00:00Z", "2025-02-30T10:00:00Z",
          "2025-08-20T24:00Z", "2025-08-20T10:60Z", "2025-08-20T10:00:00.Z", "2025-08-20T10:00:00Q",
          "1e400", "nan", "inf", "20250820T100000Z", "2025-08-20T10:00:00+2", "-"})
        EXPECT_FALSE(time_of(wrong)) << wrong;
    EXPECT_EQ(time_value(1'001, time_form::seconds), number("2"));
}

TEST(dynamodb_expression, is_written) {
    expression e;
    EXPECT_FALSE(e.changes_something());
    e.set("status", text("active"));
    e.set("ttl", number("5"));
    e.remove("taskArn");
    e.add("requestCount", 3);
    e.require_same("status", {{"status", text("draining")}});
    e.require_same("branch", json::object());
    e.require_less("ttl", number("5"));
    json request = json::object();
    e.put_into(request);
    EXPECT_EQ(request["UpdateExpression"], "SET #n0 = :v0, #n1 = :v1 REMOVE #n2 ADD #n3 :v2");
    EXPECT_EQ(
        request["ConditionExpression"],
        "#n0 = :v3 AND attribute_not_exists(#n4) AND (attribute_not_exists(#n1) OR #n1 < :v4)");
    EXPECT_EQ(request["ExpressionAttributeNames"], (json{{"#n0", "status"},
                                                         {"#n1", "ttl"},
                                                         {"#n2", "taskArn"},
                                                         {"#n3", "requestCount"},
                                                         {"#n4", "branch"}}));
    EXPECT_EQ(request["ExpressionAttributeValues"][":v3"], text("draining"));
    json empty = json::object();
    expression{}.put_into(empty);
    EXPECT_EQ(empty, json::object());
}

/// Any value, of any depth: as items could be, and as none is.
json any_json(std::mt19937& dice, int depth) {
    const char* texts[] = {
        "",      "active", "10.0.0.7", "2025-08-20T10:00:00Z", "1755684000", "-1",
        "1e309", "\x7f",   "::",       "99999999999999999999"};
    switch (dice() % (depth > 2 ? 5 : 8)) {
    case 0:
        return nullptr;
    case 1:
        return dice() % 2 == 0;
    case 2:
        return static_cast<std::int64_t>(dice()) - 1'000'000'000;
    case 3:
        return 1e300;
    case 4:
        return texts[dice() % std::size(texts)];
    case 5: {
        json list = json::array();
        for (unsigned i = dice() % 3; i > 0; --i)
            list.push_back(any_json(dice, depth + 1));
        return list;
    }
    default: {
        const char* types[] = {"S", "N", "BOOL", "NULL", "M", "L", "B", "SS", "x", ""};
        json object = json::object();
        for (unsigned i = dice() % 3; i > 0; --i)
            object[types[dice() % std::size(types)]] = any_json(dice, depth + 1);
        return object;
    }
    }
}

TEST(dynamodb_item, garbage_never_crashes) {
    std::mt19937 dice{7};
    const attribute_map maps[] = {{}, map_b()};
    std::size_t usable = 0;
    for (int round = 0; round < 20'000; ++round) {
        const attribute_map& map = maps[dice() % 2];
        json item = item_of(session_of(item_a(), {})->read.record, map);
        for (unsigned i = dice() % 4; i > 0; --i)
            item[map.names[dice() % fields]] = any_json(dice, 0);
        if (dice() % 8 == 0)
            item[map.hash.attribute] = any_json(dice, 0);
        const auto row = session_of(dice() % 50 == 0 ? any_json(dice, 0) : item, map);
        static_cast<void>(key_text_of(item, map));
        static_cast<void>(container_of(item, container_map{}));
        if (!row || !row->read.defect.empty())
            continue;
        ++usable;
        const auto again = session_of(item_of(row->read.record, map), map);
        ASSERT_TRUE(again);
        EXPECT_EQ(again->read.defect, "") << item.dump();
    }
    EXPECT_GT(usable, 1'000U);
}

} // namespace
} // namespace postern::sync::dynamodb
