#include "sync/aws/client.hpp"
#include "tests/unit/aws/fakes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace postern::sync::aws {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

/// Gives `first` until it is refused, then `second`.
class two_keys final : public credential_source {
  public:
    base::result<std::shared_ptr<const credentials>> get(const std::stop_token&) override {
        return std::make_shared<const credentials>(
            credentials{was_refused ? "second" : "first", "s", "", {}, "test"});
    }
    bool renew(const credentials&, const std::stop_token&) override {
        ++renewals;
        return has_endless || (has_second && !std::exchange(was_refused, true));
    }
    bool has_endless = false;
    bool has_second = true;
    bool was_refused = false;
    int renewals = 0;
};

struct client_test : testing::Test {
    base::manual_clock hands;
    corrected_clock time{hands};
    fake_pause waiting{hands};
    two_keys keys;
    std::unique_ptr<fake_http> http;
    std::unique_ptr<client> calls;
    std::stop_source stop;

    void start(fake_http::handler handler, client_options options = {}) {
        http = std::make_unique<fake_http>(std::move(handler));
        options.region = "eu-north-1";
        options.endpoints = {endpoint::parse("https://dynamodb.test").value(),
                             endpoint::parse("https://streams.test:444").value()};
        calls = std::make_unique<client>(
            options, client_parts{*http, keys, time, waiting, [] { return 0.999'999; }, no_log()});
    }
    reply<json> call(service of = service::dynamodb) {
        return calls->call(of, "Scan", json{{"TableName", "t"}}, stop.get_token());
    }
    std::string date(seconds ahead) {
        const std::time_t at = std::chrono::system_clock::to_time_t(hands.wall() + ahead);
        std::tm parts{};
        ::gmtime_r(&at, &parts);
        char text[64];
        std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
        return text;
    }
};

TEST_F(client_test, asks_as_the_protocol_wants_it) {
    start(in_turn({ok(R"({"Count":1})")}));
    EXPECT_EQ(call().value(), (json{{"Count", 1}}));
    ASSERT_TRUE(call(service::streams));
    ASSERT_EQ(http->requests.size(), 2U);
    const auto& [first, body] = http->requests[0];
    EXPECT_EQ(first.method, "POST");
    EXPECT_EQ(first.url, "https://dynamodb.test/");
    EXPECT_EQ(body, R"({"TableName":"t"})");
    EXPECT_EQ(find_header(first.headers, "x-amz-target"), "DynamoDB_20120810.Scan");
    EXPECT_EQ(find_header(first.headers, "content-type"), "application/x-amz-json-1.0");
    EXPECT_THAT(std::string{*find_header(first.headers, "authorization")},
                HasSubstr("first/20191220/eu-north-1/dynamodb/aws4_request"));
    const http_request& second = http->requests[1].request;
    EXPECT_EQ(second.url, "https://streams.test:444/");
    EXPECT_EQ(find_header(second.headers, "x-amz-target"), "DynamoDBStreams_20120810.Scan");
    EXPECT_THAT(std::string{*find_header(second.headers, "authorization")},
                HasSubstr("/eu-north-1/dynamodb/aws4_request")); // not "streams"
}

TEST_F(client_test, tries_again_what_may_pass) {
    for (const auto& passing :
         {broken(), answer(500, ""), answer(503, "<html>"), no("InternalServerError", "m", 500),
          answer(200, "{\"Cou"), answer(200, "[]"), answer(200, ""),
          answer(200, "{}", {{"x-amz-crc32", "1"}}), no("TransactionConflictException"),
          broken(aws_error::garbage)}) {
        waiting.waits.clear();
        start(in_turn({passing, passing, ok()}));
        EXPECT_TRUE(call()) << call().error().text();
        EXPECT_THAT(waiting.waits, ElementsAre(milliseconds{24}, milliseconds{49}));
    }
}

TEST_F(client_test, waits_longer_after_throttling) {
    start(in_turn({no("ProvisionedThroughputExceededException"), no("ThrottlingException"),
                   no("RequestLimitExceeded"), ok()}));
    EXPECT_TRUE(call());
    EXPECT_THAT(waiting.waits,
                ElementsAre(milliseconds{999}, milliseconds{1'999}, milliseconds{3'999}));
    EXPECT_EQ(calls->counters().throttled, 3U);
}

TEST_F(client_test, a_call_may_ask_for_fewer_attempts) {
    start(in_turn({no("InternalServerError", "m", 500)}));
    const auto once = calls->call(service::streams, "GetRecords", json::object(), {}, {1});
    EXPECT_EQ(once.error().code, aws_error::down);
    EXPECT_EQ(http->requests.size(), 1U);
    EXPECT_FALSE(calls->call(service::streams, "GetRecords", json::object(), {}, {9}));
    EXPECT_EQ(http->requests.size(), 5U) << "never more than the client's";
}

TEST_F(client_test, gives_up_after_four_attempts_and_says_why) {
    start(in_turn(
        {no("LimitExceededException", "too many readers", 400, {{"x-amzn-RequestId", "R1"}})}));
    const auto failed = call();
    EXPECT_EQ(error_in(failed), aws_error::throttled);
    EXPECT_EQ(failed.error().what, "DynamoDB Scan: LimitExceededException: too many readers "
                                   "(4 attempts, request R1)");
    EXPECT_EQ(http->requests.size(), 4U);
    EXPECT_EQ(calls->counters().failed_calls, 1U);
}

TEST_F(client_test, asks_once_where_the_answer_will_not_change) {
    for (const char* const name :
         {"ValidationException", "ResourceNotFoundException", "ConditionalCheckFailedException",
          "AccessDeniedException", "ExpiredIteratorException", "TrimmedDataAccessException",
          "ResourceInUseException", "SomethingNewException"}) {
        start(in_turn({no(name), ok()}));
        const auto failed = call();
        ASSERT_FALSE(failed) << name;
        EXPECT_EQ(failed.error().name, name);
        EXPECT_EQ(http->requests.size(), 1U) << name;
    }
}

TEST_F(client_test, keeps_what_the_service_said) {
    start(in_turn({answer(400, R"({"__type":"x#ConditionalCheckFailedException","Message":"no",)"
                               R"("Item":{"id":{"S":"a"}}})")}));
    const auto failed = call();
    EXPECT_EQ(error_in(failed), aws_error::condition_failed);
    EXPECT_EQ(failed.error().details["Item"]["id"]["S"], "a");
    EXPECT_EQ(calls->counters().unmet_conditions, 1U) << "an answer";
    EXPECT_EQ(calls->counters().failed_calls, 0U);
    const base::result<int> sliced = [&]() -> base::result<int> { return failed.error(); }();
    EXPECT_EQ(error_in(sliced), aws_error::condition_failed);
}

TEST_F(client_test, spends_a_budget_on_retries_and_earns_it_back) {
    client_options options;
    options.retry.budget = 30; // two retries of 14
    start(
        [this](const http_request&) -> base::result<http_answer> {
            return http->requests.size() <= 6 ? broken() : ok();
        },
        options);
    EXPECT_FALSE(call()); // three attempts
    EXPECT_EQ(http->requests.size(), 3U);
    EXPECT_FALSE(call()); // no budget
    EXPECT_EQ(http->requests.size(), 4U);
    EXPECT_EQ(calls->counters().budget_empty, 2U);
    for (int i = 0; i < 2; ++i)
        EXPECT_FALSE(call());
    for (int i = 0; i < 20; ++i)
        EXPECT_TRUE(call()); // one back for each
    http->requests.clear();
    EXPECT_FALSE(call()); // 2 + 20 left: one retry
    EXPECT_EQ(http->requests.size(), 2U);
}

TEST_F(client_test, has_a_budget_for_each_service) {
    client_options options;
    options.retry.budget = 0;
    start(
        [](const http_request& r) { return r.url.find("streams") != r.url.npos ? broken() : ok(); },
        options);
    EXPECT_FALSE(call(service::streams));
    EXPECT_TRUE(call(service::dynamodb));
}

TEST_F(client_test, gives_back_what_a_retry_cost_that_helped) {
    client_options options;
    options.retry.budget = 14;
    bool is_odd = false;
    start([&](const http_request&) { return (is_odd = !is_odd) ? broken() : ok(); }, options);
    for (int i = 0; i < 10; ++i)
        EXPECT_TRUE(call()) << i;
}

TEST_F(client_test, honours_a_wished_wait_within_bounds) {
    start(in_turn({answer(503, "", {{"x-amz-retry-after", "1500"}}),
                   answer(503, "", {{"x-amz-retry-after", "900000"}}),
                   answer(503, "", {{"x-amz-retry-after", "soon"}}), ok()}));
    EXPECT_TRUE(call());
    EXPECT_THAT(waiting.waits,
                ElementsAre(milliseconds{1'500}, milliseconds{5'049}, milliseconds{99}));
}

TEST_F(client_test, ends_a_call_in_time) {
    client_options options;
    options.call_timeout = seconds{10};
    options.attempt_timeout = seconds{4};
    start(
        [this](const http_request& r) {
            hands.advance(r.timeout);
            return broken();
        },
        options);
    const auto before = hands.steady();
    EXPECT_EQ(error_in(call()), aws_error::down);
    EXPECT_LE(hands.steady() - before, seconds{10});
    EXPECT_EQ(http->requests.size(), 3U);
    EXPECT_LT(http->requests[2].request.timeout, seconds{2}); // what was left
}

TEST_F(client_test, signs_by_the_services_clock_once_it_differs) {
    start([this](const http_request& r) {
        const bool is_late = find_header(r.headers, "x-amz-date")->starts_with("20191220T00");
        return is_late ? no("InvalidSignatureException",
                            "Signature expired: 20191220T000000Z is now earlier than x", 400,
                            {{"Date", date(hours{2})}})
                       : ok();
    });
    EXPECT_TRUE(call());
    EXPECT_EQ(http->requests.size(), 2U);
    EXPECT_TRUE(waiting.waits.empty());
    EXPECT_TRUE(call()); // and from here on at once
    EXPECT_EQ(http->requests.size(), 3U);
    EXPECT_EQ(time.offset(), hours{2});
    EXPECT_EQ(calls->counters().clock_corrections, 1U);
}

TEST_F(client_test, says_that_the_clock_is_wrong_where_correcting_does_not_help) {
    start([this](const http_request&) {
        return no("RequestTimeTooSkewed", "m", 403, {{"Date", date(hours{3})}});
    });
    EXPECT_EQ(error_in(call()), aws_error::clock_skew);
    EXPECT_EQ(http->requests.size(), 2U);
    start([this](const http_request&) { // no difference to be seen
        return no("RequestTimeTooSkewed", "m", 403, {{"Date", date(hours{3})}});
    });
    EXPECT_EQ(error_in(call()), aws_error::clock_skew);
    EXPECT_EQ(http->requests.size(), 1U);
}

TEST_F(client_test, gets_other_credentials_where_these_are_refused) {
    for (const char* const name :
         {"ExpiredTokenException", "UnrecognizedClientException", "InvalidSignatureException"}) {
        keys = {};
        start([&](const http_request& r) {
            return find_header(r.headers, "authorization")->find("second/") == std::string::npos
                       ? no(name)
                       : ok();
        });
        EXPECT_TRUE(call()) << name;
        EXPECT_EQ(http->requests.size(), 2U);
        EXPECT_EQ(calls->counters().credential_renewals, 1U);
    }
    keys = {};
    start(in_turn({no("UnrecognizedClientException")}));
    EXPECT_EQ(error_in(call()), aws_error::unrecognised);
    EXPECT_EQ(http->requests.size(), 2U); // the second key, once
    keys.has_second = false;
    EXPECT_EQ(error_in(call()), aws_error::unrecognised);
    EXPECT_EQ(http->requests.size(), 3U);
}

TEST_F(client_test, tries_each_remedy_once_a_call) {
    keys.has_endless = true;
    start(in_turn({no("ExpiredTokenException")}));
    EXPECT_EQ(error_in(call()), aws_error::unrecognised);
    EXPECT_EQ(http->requests.size(), 2U);
    seconds ahead{0};
    start([&](const http_request&) { // its clock runs an hour ahead each time
        return no("RequestExpired", "m", 403, {{"Date", date(ahead += hours{1})}});
    });
    EXPECT_EQ(error_in(call()), aws_error::clock_skew);
    EXPECT_EQ(http->requests.size(), 2U);
}

TEST_F(client_test, does_not_ask_again_what_has_no_bound_or_no_trust) {
    for (const aws_error e : {aws_error::too_large, aws_error::untrusted, aws_error::misconfigured,
                              aws_error::cancelled}) {
        start(in_turn({broken(e), ok()}));
        EXPECT_EQ(error_in(call()), e);
    }
}

TEST_F(client_test, is_stopped_while_it_waits_for_its_next_try) {
    start([this](const http_request&) {
        stop.request_stop();
        return no("ThrottlingException");
    });
    EXPECT_EQ(error_in(call()), aws_error::cancelled);
    EXPECT_EQ(http->requests.size(), 1U);
}

TEST_F(client_test, refuses_text_that_is_not_utf8_without_asking) {
    start(in_turn({ok()}));
    const auto failed = calls->call(service::dynamodb, "GetItem", json{{"k", "\xff"}});
    EXPECT_EQ(error_in(failed), aws_error::validation);
    EXPECT_TRUE(http->requests.empty());
}

TEST_F(client_test, takes_calls_of_many_threads) {
    start([](const http_request&) { return ok(R"({"n":1})"); });
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([this] {
            for (int i = 0; i < 200; ++i)
                EXPECT_TRUE(calls->call(service::dynamodb, "Scan", json::object()));
        });
    threads.clear();
    EXPECT_EQ(calls->counters().attempts, 800U);
}

} // namespace
} // namespace postern::sync::aws
