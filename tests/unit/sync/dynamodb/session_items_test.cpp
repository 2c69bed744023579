// What DynamoDB Local does not do: lost answers, and answers that are none.
#include "sync/aws/json.hpp"
#include "sync/dynamodb/dynamodb_source.hpp"
#include "sync/dynamodb/session_items.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <unistd.h>

namespace postern::sync::dynamodb {
namespace {

using testing::HasSubstr;

/// Answers by a function of the operation and the request.
class scripted_service final : public aws::http_transport {
  public:
    std::function<base::result<aws::http_answer>(const std::string& operation, const json& body)>
        answer;
    std::vector<std::string> asked;

    base::result<aws::http_answer> send(const aws::http_request& request,
                                        const std::stop_token&) override {
        std::string operation{aws::find_header(request.headers, "X-Amz-Target").value_or("")};
        operation.erase(0, operation.find('.') + 1);
        asked.push_back(operation);
        return answer(operation, aws::parse_json(request.body).value());
    }
};

aws::http_answer ok(const json& body) {
    return {200, {}, body.dump()};
}
aws::http_answer refused(const json& item) {
    json body = {{"__type", "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"},
                 {"message", "The conditional request failed"}};
    if (!item.is_null())
        body["Item"] = item;
    return {400, {}, body.dump()};
}
base::failure lost() {
    return {aws::aws_error::down, "the connection broke off"};
}

class no_pause final : public aws::pause {
  public:
    bool wait(std::chrono::milliseconds, const std::stop_token&) override { return true; }
};

class session_items_test : public testing::Test {
  protected:
    table_options options = [] {
        table_options o;
        o.table = "t";
        o.route_key = base::text_template::parse("{sessionId}").value();
        return o;
    }();
    scripted_service service;
    base::manual_clock time;
    base::log log{STDERR_FILENO, base::log_level::crit, "test", time};
    aws::fixed_credentials keys{{"key", "secret", "", std::nullopt, "test"}};
    aws::corrected_clock corrected{time};
    no_pause waiting;
    aws::client calls{[] {
                          aws::client_options o;
                          o.region = "us-east-1";
                          o.endpoints[0] = aws::endpoint::parse("http://127.0.0.1:1").value();
                          o.endpoints[1] = o.endpoints[0];
                          return o;
                      }(),
                      {service, keys, corrected, waiting, [] { return 0.0; }, log}};
    write_units units;
    session_items items{calls, options, time, units};
    dynamodb_source source{calls, "t", session_form(options.attributes), {}};

    static json stored(const char* status) {
        return {
            {"sessionId", {{"S", "s1"}}}, {"status", {{"S", status}}}, {"version", {{"N", "5"}}}};
    }
    /// The value that an update gives to `version`.
    static json version_in(const json& body) {
        for (const auto& [placeholder, name] : body["ExpressionAttributeNames"].items()) {
            const std::string set = body["UpdateExpression"];
            const std::size_t at = set.find(placeholder + " = ");
            if (name == "version" && at != std::string::npos) {
                const std::size_t from = at + placeholder.size() + 3;
                return body["ExpressionAttributeValues"]
                           [set.substr(from, set.find_first_of(", ", from) - from)];
            }
        }
        return nullptr;
    }
};

TEST_F(session_items_test, a_replacement_whose_answer_was_lost_is_known_again) {
    json item = stored("active");
    service.answer = [&](const std::string& operation,
                         const json& body) -> base::result<aws::http_answer> {
        if (operation == "GetItem")
            return ok({{"Item", item}});
        if (item["status"] == json{{"S", "draining"}})
            return refused(item);
        item["status"] = {{"S", "draining"}};
        item["version"] = version_in(body);
        return lost();
    };
    session record = (*items.read("s1").value()).row.read.record;
    record.status = session_status::draining;
    const auto done = items.replace(record);
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_EQ(done->row.read.record.status, session_status::draining);
    EXPECT_GT(done->version, 5U);
    EXPECT_EQ(std::count(service.asked.begin(), service.asked.end(), "UpdateItem"), 2);
}

TEST_F(session_items_test, another_writers_change_is_not_taken_for_ours) {
    json item = stored("active");
    service.answer = [&](const std::string& operation,
                         const json&) -> base::result<aws::http_answer> {
        if (operation == "GetItem")
            return ok({{"Item", item}});
        item["status"] = {{"S", "draining"}};
        item["version"] = {{"N", "6"}};
        return refused(item);
    };
    session record = (*items.read("s1").value()).row.read.record;
    record.status = session_status::draining;
    const auto done = items.replace(record);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, store_error::conflict);
}

TEST_F(session_items_test, an_insert_whose_answer_was_lost_is_known_again) {
    json item;
    service.answer = [&](const std::string&, const json& body) -> base::result<aws::http_answer> {
        if (!item.is_null())
            return refused(item);
        item = body["Item"];
        return lost();
    };
    session record;
    record.session_id = "s1";
    EXPECT_TRUE(items.insert(record));
    const auto again = items.insert(record);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, store_error::exists);
}

TEST_F(session_items_test, a_removal_whose_answer_was_lost_is_done) {
    bool is_there = true;
    service.answer = [&](const std::string& operation,
                         const json&) -> base::result<aws::http_answer> {
        if (operation == "GetItem")
            return ok(is_there ? json{{"Item", stored("active")}} : json::object());
        if (!std::exchange(is_there, false))
            return refused(nullptr);
        return lost();
    };
    const std::uint64_t token = (*items.read("s1").value()).row.read.record.version;
    EXPECT_TRUE(items.remove("s1", token));
    const auto again = items.remove("s1", token);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, store_error::not_found);
}

TEST_F(session_items_test, activity_that_always_meets_another_writer_ends) {
    service.answer = [&](const std::string&, const json&) -> base::result<aws::http_answer> {
        return refused(stored("active"));
    };
    const auto added = items.add_activity({"s1", 1'000, 2'000, 1, 1}, {});
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().code, store_error::unavailable);
    EXPECT_LE(service.asked.size(), 5U);
}

TEST_F(session_items_test, a_removed_item_is_no_ghost) {
    service.answer = [&](const std::string&, const json& body) -> base::result<aws::http_answer> {
        EXPECT_THAT(body["ConditionExpression"].get<std::string>(), HasSubstr("attribute_exists("));
        return refused(nullptr);
    };
    const auto added = items.add_activity({"s1", 1'000, 2'000, 1, 1}, {});
    ASSERT_TRUE(added);
    EXPECT_FALSE(*added);
}

/// JSON of the right words in any order: what a broken or hostile endpoint may answer.
json any_answer(std::mt19937& dice, int depth) {
    const char* words[] = {"Item",
                           "Items",
                           "Table",
                           "LatestStreamArn",
                           "StreamDescription",
                           "Shards",
                           "ShardId",
                           "StreamArn",
                           "Records",
                           "dynamodb",
                           "Keys",
                           "NewImage",
                           "OldImage",
                           "SequenceNumber",
                           "ShardIterator",
                           "sessionId",
                           "S",
                           "N",
                           "StreamViewType",
                           "LastEvaluatedKey",
                           "NextShardIterator",
                           "SequenceNumberRange",
                           "EndingSequenceNumber"};
    const char* texts[] = {"", "x", "12", "NEW_IMAGE", "ENABLED", "active"};
    switch (dice() % (depth > 5 ? 3 : 6)) {
    case 0:
        return dice() % 3;
    case 1:
        return nullptr;
    case 2:
        return texts[dice() % std::size(texts)];
    case 3: {
        json list = json::array();
        for (unsigned i = dice() % 4; i > 0; --i)
            list.push_back(any_answer(dice, depth + 1));
        return list;
    }
    default: {
        json object = json::object();
        for (unsigned i = dice() % 6; i > 0; --i)
            object[words[dice() % std::size(words)]] = any_answer(dice, depth + 1);
        return object;
    }
    }
}

TEST_F(session_items_test, no_answer_is_too_strange) {
    std::mt19937 dice{11};
    service.answer = [&](const std::string&, const json&) -> base::result<aws::http_answer> {
        const json body = any_answer(dice, 0);
        return aws::http_answer{dice() % 4 == 0 ? 400U : 200U, {}, body.dump()};
    };
    session record;
    record.session_id = "s1";
    record.version = 1;
    table_options with_range = options;
    with_range.attributes.range = key_part::parse("SK", "{userId}").value();
    session_items ranged{calls, with_range, time, units};
    for (int round = 0; round < 2'000; ++round) {
        static_cast<void>(items.read("s1"));
        static_cast<void>(items.replace(record));
        static_cast<void>(items.insert(record));
        static_cast<void>(items.remove("s1", dice() % 2));
        static_cast<void>(items.add_activity({"s1", 1'000, 2'000, 1, 1}, {}));
        static_cast<void>(ranged.add_activity({"s1", 1'000, 2'000, 1, 1}, {}));
        static_cast<void>(ranged.replace(record));
        static_cast<void>(source.describe_children("arn", "shard"));
        static_cast<void>(source.iterator("arn", "shard", iterator_at::latest, ""));
        static_cast<void>(source.records("iterator", 10));
        static_cast<void>(source.scan(0, 1, "", 10));
    }
    const auto described = source.describe();
    EXPECT_TRUE(described || !described.error().what.empty());
}

TEST_F(session_items_test, records_are_asked_for_once) {
    service.answer = [](const std::string&, const json&) -> base::result<aws::http_answer> {
        return lost();
    };
    EXPECT_FALSE(source.records("iterator", 10));
    EXPECT_EQ(service.asked.size(), 1U) << "the feed tries again, and meanwhile reads other shards";
    EXPECT_FALSE(source.scan(0, 1, "", 10));
    EXPECT_EQ(service.asked.size(), 5U);
}

TEST_F(session_items_test, only_a_record_without_a_new_image_is_a_removal) {
    const json key = {{"sessionId", {{"S", "s1"}}}};
    const json other = {{"sessionId", {{"S", "s2"}}}, {"status", {{"S", "active"}}}};
    struct image_case {
        const char* what;
        json image; // null: left out
        bool is_there;
        const char* defect;
    };
    const image_case cases[] = {
        {"none", nullptr, false, ""},
        {"an item", stored("active"), true, ""},
        {"an item that cannot be used", stored("asleep"), true, "its status is \"asleep\""},
        {"no object", "s1", true, "its image in the stream"},
        {"a list", json::array({1}), true, "its image in the stream"},
        {"nothing in it", json::object(), true, "its image in the stream"},
        {"another one's", other, true, "its image in the stream"},
    };
    for (const image_case& one : cases) {
        service.answer = [&](const std::string&, const json&) -> base::result<aws::http_answer> {
            json change = {{"Keys", key}, {"OldImage", stored("active")}, {"SequenceNumber", "7"}};
            if (!one.image.is_null())
                change["NewImage"] = one.image;
            return ok({{"Records", {{{"eventName", "MODIFY"}, {"dynamodb", change}}}}});
        };
        const auto page = source.records("iterator", 10);
        ASSERT_TRUE(page) << one.what;
        const row_change& change = page->records.at(0).change;
        EXPECT_EQ(change.key, "s1") << one.what;
        ASSERT_EQ(change.now.has_value(), one.is_there) << one.what;
        const std::string defect =
            change.now ? std::get<session_row>(*change.now).read.defect : std::string{};
        EXPECT_THAT(defect, testing::StartsWith(one.defect)) << one.what;
        EXPECT_EQ(defect.empty(), *one.defect == '\0') << one.what << ": " << defect;
    }
}

TEST_F(session_items_test, what_writes_cost_is_added_up) {
    const auto costs = [](json body, double capacity) {
        body["ConsumedCapacity"] = {{"TableName", "t"}, {"CapacityUnits", capacity}};
        return ok(body);
    };
    service.answer = [&](const std::string& operation,
                         const json& body) -> base::result<aws::http_answer> {
        if (operation == "GetItem")
            return ok({{"Item", stored("active")}});
        EXPECT_EQ(body.value("ReturnConsumedCapacity", ""), "TOTAL") << operation;
        return costs({{"Attributes", stored("draining")}}, operation == "PutItem" ? 3 : 4);
    };
    ASSERT_TRUE(items.add_activity({"s1", 1'000, 2'000, 1, 1}, {}));
    EXPECT_EQ(units.activity, 4U);
    session record = (*items.read("s1").value()).row.read.record;
    ASSERT_TRUE(items.replace(record));
    ASSERT_TRUE(items.insert(record));
    EXPECT_EQ(units.writes, 7U);
    service.answer = [&](const std::string& operation,
                         const json&) -> base::result<aws::http_answer> {
        return operation == "GetItem" ? ok({{"Item", stored("active")}}) : refused(nullptr);
    };
    EXPECT_FALSE(items.add_activity({"s1", 1'000, 2'000, 1, 1}, {}).value());
    EXPECT_EQ(units.activity, 5U) << "a condition that fails is billed as well";
    service.answer = [&](const std::string&, const json&) -> base::result<aws::http_answer> {
        return lost();
    };
    EXPECT_FALSE(items.add_activity({"s1", 1'000, 2'000, 1, 1}, {}));
    EXPECT_EQ(units.activity, 5U);
}

TEST_F(session_items_test, pages_of_shards_are_read_with_care) {
    int pages = 0;
    service.answer = [&](const std::string& operation,
                         const json& body) -> base::result<aws::http_answer> {
        if (operation == "DescribeTable")
            return ok({{"Table", {{"LatestStreamArn", "arn"}}}});
        json said = {{"StreamArn", "arn"},
                     {"StreamStatus", "ENABLED"},
                     {"StreamViewType", "NEW_AND_OLD_IMAGES"},
                     {"Shards",
                      {{{"ShardId", "a" + std::to_string(pages)},
                        {"ParentShardId", "p"},
                        {"SequenceNumberRange", {{"StartingSequenceNumber", "1"}}}}}}};
        EXPECT_EQ(body.contains("ExclusiveStartShardId"), pages > 0);
        if (++pages < 3) {
            said["LastEvaluatedShardId"] = "a" + std::to_string(pages - 1);
            said["Shards"][0]["SequenceNumberRange"]["EndingSequenceNumber"] = "2";
        }
        return ok({{"StreamDescription", said}});
    };
    const auto seen = source.describe();
    ASSERT_TRUE(seen);
    ASSERT_EQ(seen->shards.size(), 3U);
    EXPECT_TRUE(seen->shards[0].is_closed);
    EXPECT_FALSE(seen->shards[2].is_closed);
    EXPECT_EQ(seen->shards[1].parent, "p");
}

} // namespace
} // namespace postern::sync::dynamodb
