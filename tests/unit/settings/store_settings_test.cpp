// A store in DynamoDB, as conf says it.
#include "edge/settings/settings_loader.hpp"

#include <gtest/gtest.h>

namespace postern::edge {
namespace {

using namespace std::chrono_literals;

store_settings loaded(const std::string& block, const std::string& more = "") {
    auto made = parse_settings("store dynamodb edit-sessions { " + block + " }\n" + more,
                               "/etc/postern/postern.conf");
    EXPECT_TRUE(made) << (made ? "" : made.error().text());
    return made ? made->store : store_settings{};
}

std::string wrong_with(const std::string& conf) {
    const auto made = parse_settings(conf, "/c");
    return made ? "accepted" : made.error().text();
}

TEST(store_settings, a_bare_table_has_defaults) {
    const auto made = parse_settings("store dynamodb edit-sessions;", "/c");
    ASSERT_TRUE(made);
    const store_settings& s = made->store;
    EXPECT_EQ(s.which, store_settings::kind::dynamodb);
    EXPECT_EQ(s.dynamodb.table, "edit-sessions");
    EXPECT_EQ(s.path, "");
    EXPECT_EQ(s.flush, 60s); // each write is paid for
    EXPECT_EQ(s.poll, 250ms);
    EXPECT_EQ(s.dynamodb.region, "");
    EXPECT_EQ(s.dynamodb.port, 4321);
    EXPECT_TRUE(s.dynamodb.keys.empty());
    EXPECT_FALSE(s.dynamodb.feed_polls);
    EXPECT_FALSE(s.dynamodb.containers);
    EXPECT_EQ(s.dynamodb.call_timeout, 5s);
}

TEST(store_settings, everything_is_read) {
    const store_settings s = loaded(R"(
        region eu-central-1;
        profile edge;
        endpoint https://dynamodb.example:8443 streams=http://127.0.0.1:9000;
        key PK SESSION#{sessionId};
        key SK USER#{userId};
        map taskArn fargateTaskArn;
        map lastActivityAt lastActivity seconds;
        port 8080;
        containers boxes key=id ip=addr port=p;
        feed poll 45s;
        call_timeout 2s;
        flush 20s;
        poll 1s;)");
    const dynamodb_settings& d = s.dynamodb;
    EXPECT_EQ(d.region, "eu-central-1");
    EXPECT_EQ(d.profile, "edge");
    EXPECT_EQ(d.endpoint, "https://dynamodb.example:8443");
    EXPECT_EQ(d.streams_endpoint, "http://127.0.0.1:9000");
    ASSERT_EQ(d.keys.size(), 2U);
    EXPECT_EQ(d.keys[0].attribute, "PK");
    EXPECT_EQ(d.keys[0].value, "SESSION#{sessionId}");
    EXPECT_EQ(d.keys[1].value, "USER#{userId}");
    ASSERT_EQ(d.maps.size(), 2U);
    EXPECT_EQ(d.maps[0].attribute, "fargateTaskArn");
    EXPECT_EQ(d.maps[1].form, "seconds");
    EXPECT_EQ(d.port, 8080);
    ASSERT_TRUE(d.containers);
    EXPECT_EQ(d.containers->table, "boxes");
    EXPECT_EQ(d.containers->key, "id");
    EXPECT_EQ(d.containers->ip, "addr");
    EXPECT_EQ(d.containers->port, "p");
    EXPECT_TRUE(d.feed_polls);
    EXPECT_EQ(d.poll_interval, 45s);
    EXPECT_EQ(d.call_timeout, 2s);
    EXPECT_EQ(s.flush, 20s);
    EXPECT_EQ(s.poll, 1s);
    EXPECT_EQ(loaded("feed streams;").dynamodb.feed_polls, false);
    EXPECT_EQ(loaded("containers boxes;").dynamodb.containers->ip, "containerIp");
}

TEST(store_settings, unknown_keys_are_looked_for_where_they_follow) {
    const auto look = [](const std::string& block, const std::string& route_key) {
        return loaded(block, "route_key " + route_key + ";");
    };
    const store_settings plain = look("", "{clientId}-{sessionId}");
    EXPECT_TRUE(plain.looks_through());
    EXPECT_EQ(plain.dynamodb.look_through.session_id.text(), "{sessionId}");
    EXPECT_EQ(plain.dynamodb.look_through.within, 2s);
    EXPECT_EQ(plain.dynamodb.look_through.reads.units, 100U);
    EXPECT_FALSE(look("", "{clientId}-{threadId}").looks_through()) << "it does not follow";
    EXPECT_FALSE(look("look_through off;", "{sessionId}").looks_through());
    const auto on =
        look("look_through on {threadId} within=1s rate=5r/s calls=2 held=40;", "{threadId}");
    EXPECT_TRUE(on.looks_through());
    EXPECT_EQ(on.dynamodb.look_through.session_id.text(), "{threadId}");
    EXPECT_EQ(on.dynamodb.look_through.within, 1s);
    const auto bare = look("look_through on;", "{sessionId}");
    EXPECT_TRUE(bare.looks_through());
    EXPECT_EQ(bare.dynamodb.look_through.session_id.text(), "{sessionId}");
    EXPECT_EQ(bare.dynamodb.look_through.within, 2s);
    const store_settings made = look("look_through {clientId}#{threadId} within=750ms rate=5r/s "
                                     "calls=2 held=40;",
                                     "{clientId}-{threadId}");
    EXPECT_TRUE(made.looks_through());
    const auto& said = made.dynamodb.look_through;
    EXPECT_EQ(said.session_id.text(), "{clientId}#{threadId}");
    EXPECT_EQ(said.within, 750ms);
    EXPECT_EQ(said.reads.units, 5U);
    EXPECT_EQ(said.calls, 2U);
    EXPECT_EQ(said.held, 40U);
    EXPECT_EQ(
        look("look_through within=1s;", "{sessionId}").dynamodb.look_through.session_id.text(),
        "{sessionId}");
    EXPECT_FALSE(
        parse_settings("store sqlite x; route_key {sessionId};", "/c")->store.looks_through());
}

TEST(store_settings, what_is_wrong_is_said) {
    const auto of = [](const std::string& block) {
        return wrong_with("store dynamodb edit-sessions { " + block + " }");
    };
    const std::pair<std::string, const char*> cases[] = {
        {wrong_with("store dynamo x;"), "\"dynamo\" is not known; write sqlite or dynamodb"},
        {wrong_with("store dynamodb \"a b\";"), "\"a b\" is no table's name"},
        {wrong_with("store dynamodb ab;"), "3 to 255"},
        {wrong_with("store sqlite x { region us-east-1; }"), "is for a store in DynamoDB"},
        {wrong_with("store sqlite x { map status s; }"), "is for a store in DynamoDB"},
        {of("region US;"), "\"US\" is no region"},
        {of("endpoint 127.0.0.1:8000;"), "is no endpoint; write http://127.0.0.1:8000"},
        {of("endpoint http://x/path;"), "is no endpoint"},
        {of("endpoint http://x streem=http://y;"), "streams=https://host"},
        {of("key PK {userId};"), "the first key, the hash key, ends with {sessionId}"},
        {of("key PK SESSION#;"), "is no key's value"},
        {of("key PK {sessionId}x;"), "is no key's value"},
        {of("key PK {other};"), "{other}"},
        {of("key PK {sessionId}; key PK {userId};"), "is the other key's attribute"},
        {of("key a {sessionId}; key b {userId}; key c {userId};"), "two keys at most"},
        {of("map sesionId id;"), "did you mean \"sessionId\"?"},
        {of("map quux id;"), "there are sessionId, clientId"},
        {of("map status a; map status b;"), "status is mapped to \"a\" already"},
        {of("map status x seconds;"), "status is no time"},
        {of("map startedAt x days;"), "iso, seconds or milliseconds"},
        {of("map ttl x iso;"), "ttl is in seconds"},
        {of("map branch status;"), "the attribute \"status\" stands for status and for branch"},
        {of("map branch sessionId;"), "stands for a key and for branch"},
        {of("port 0;"), "port"},
        {of("containers boxes address=x;"), "\"address=x\" is not known; write key=ATTRIBUTE"},
        {of("containers boxes ip;"), "\"ip\" is not known"},
        {of("containers boxes ip=a ip=b;"), "ip= is there twice"},
        {of("containers edit-sessions;"), "\"edit-sessions\" is the table of the sessions"},
        {of("feed kafka;"), "streams, poll or redis"},
        {of("feed poll 5s 6s;"), "too much"},
        {of("feed redis;"), "redis needs the server; write redis://HOST[:PORT][/DB]"},
        {of("feed redis http://x;"), "is no Redis server; write redis://HOST"},
        {of("feed redis redis://;"), "has no host"},
        {of("feed redis redis://x/0/1;"), "has no host"},
        {of("feed redis redis://x:0;"), "port from 1 to 65535"},
        {of("feed redis redis://x:70000;"), "port from 1 to 65535"},
        {of("feed redis redis://x/y;"), "no number of a database"},
        {of("feed redis redis://[::1;"), "has no host"},
        {of("feed redis redis://:@x;"), "has no user or no password"},
        {of("feed redis redis://a:%zz@x;"), "not in %-escapes"},
        {of("feed redis redis://hush@x:0;"), "\"...@x:0\" has no host"},
        {of("feed redis unix:relative;"), "has no socket's path"},
        {of("feed redis unix:/x?y=1;"), "a part that is not known"},
        {of("feed redis redis://x passwordfile=/y;"), "write user=NAME, password_file=FILE"},
        {of("feed redis redis://x feeders=3;"), "feed"},
        {of("feed redis redis://x ca=/y;"), "ca is for rediss://"},
        {of("feed redis redis://x user=y;"), "a user without a password"},
        {of("feed redis redis://:p@x password_file=/y;"), "a password and a password_file"},
        {of("feed redis redis://ann@x;"), "a user without a password; write password_file=FILE"},
        {of("feed redis redis://ann:@x password_file=/y;"), "has no user or no password"},
        {of("feed redis redis://@x;"), "has no user or no password"},
        {of("feed redis redis://x user= password_file=/y;"), "user= names nobody; write user=NAME"},
        {of("feed redis redis://x user=;"), "user= names nobody; write user=NAME"},
        {of("feed redis redis://:p%00q@x;"), "\"...@x\" has %00 in its user or password"},
        {of("feed redis redis://ann%00:p@x;"), "\"...@x\" has %00 in its user or password"},
        {of("feed redis redis://ann@x user=bob password_file=/y;"), "in the URL and user="},
        {of("feed redis redis://x feeders=1 feeders=2;"), "feeders= is there twice"},
        {of("feed streams 5s;"), "nothing may follow streams"},
        {of("feed poll 10ms;"), "feed"},
        {of("call_timeout 10ms;"), "call_timeout"},
        {of("look_through yes;"), "\"yes\" is not known; write within=TIME, rate=NUMBERr/s"},
        {of("look_through on;"), "has no {sessionId}: a session's id cannot be told from its URL"},
        {of("look_through within=1s within=2s;"), "within= is there twice"},
        {of("look_through on held=1 rate=5r/s held=2;"), "held= is there twice"},
        {of("look_through within=1ms;"), "within: "},
        {of("look_through rate=5;"), "rate: \"5\" is no rate of requests"},
        {of("look_through calls=65;"), "calls: "},
        {of("look_through held=0;"), "held: "},
        {of("look_through {thredId};"), "{thredId}"},
        {of("look_through off within=1s;"), "nothing may follow off"},
        {of("look_through {userId};"),
         "has no {userId}: a session's id cannot be told from its URL"},
        {wrong_with("store sqlite x { look_through off; }"), "is for a store in DynamoDB"},
        {wrong_with("store dynamodb abc;\nlifecycle { idle_timeout 2m; }"),
         "idle_timeout 2m is less than three times the store's flush 1m"},
    };
    for (const auto& [said, expected] : cases)
        EXPECT_NE(said.find(expected), std::string::npos) << said << "\n  lacks: " << expected;
}

TEST(store_settings, a_feed_by_redis) {
    const auto redis_of = [](const std::string& words) {
        const auto made = loaded("feed redis " + words + ";").dynamodb.redis;
        EXPECT_TRUE(made) << words;
        return made.value_or(redis_settings{});
    };
    const redis_settings plain = redis_of("redis://cache");
    EXPECT_EQ(plain.host, "cache");
    EXPECT_EQ(plain.port, 6379);
    EXPECT_FALSE(plain.is_tls);
    EXPECT_EQ(plain.feeders, 2U);
    const redis_settings full = redis_of("rediss://ann:p%40ss:w@[fd00::7]:7000/3 ca=/ca.pem "
                                         "feeders=1");
    EXPECT_EQ(full.host, "fd00::7");
    EXPECT_EQ(full.port, 7000);
    EXPECT_EQ(full.database, 3U);
    EXPECT_EQ(full.user, "ann");
    EXPECT_EQ(full.password, "p@ss:w");
    EXPECT_TRUE(full.is_tls);
    EXPECT_EQ(full.ca_file, "/ca.pem");
    EXPECT_EQ(full.feeders, 1U);
    EXPECT_EQ(redis_of("redis://:secret@x:1/").password, "secret");
    const redis_settings named = redis_of("redis://a%6en@x password_file=/p");
    EXPECT_EQ(named.user, "ann");
    EXPECT_EQ(named.password, "");
    const redis_settings file = redis_of("redis://x user=ann password_file=/p feeders=0");
    EXPECT_EQ(file.user, "ann");
    EXPECT_EQ(file.password_file, "/p");
    EXPECT_EQ(file.feeders, 0U);
    for (const char* url : {"unix:/run/redis.sock?db=2", "unix:///run/redis.sock?db=2"}) {
        EXPECT_EQ(redis_of(url).socket_path, "/run/redis.sock");
        EXPECT_EQ(redis_of(url).database, 2U);
        EXPECT_EQ(redis_of(url).host, "");
    }
}

} // namespace
} // namespace postern::edge
