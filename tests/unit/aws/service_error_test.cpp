#include "sync/aws/service_error.hpp"

#include <gtest/gtest.h>

namespace postern::sync::aws {
namespace {

struct expectation {
    const char* title;
    unsigned status;
    std::string body;
    aws_error code;
    retry_kind retry;
    remedy help = remedy::none;
    http_headers headers{};
};

class service_error_test : public testing::TestWithParam<expectation> {};

TEST_P(service_error_test, is_told_apart) {
    const expectation& e = GetParam();
    const service_error got = read_service_error(e.status, e.headers, e.body);
    EXPECT_EQ(got.code, e.code) << name_of(got.code);
    EXPECT_EQ(got.retry, e.retry);
    EXPECT_EQ(got.help, e.help);
}

std::string typed(const std::string& name, const std::string& rest = "") {
    return R"({"__type":"com.amazonaws.dynamodb.v20120810#)" + name + "\"" + rest + "}";
}
std::string cancelled(const std::string& codes) {
    return typed("TransactionCanceledException", R"(,"CancellationReasons":[)" + codes + "]");
}

constexpr auto never = retry_kind::never, soon = retry_kind::transient, slow = retry_kind::throttle;

const expectation table[]{
    {"throughput", 400, typed("ProvisionedThroughputExceededException"), aws_error::throttled,
     slow},
    {"streams_limit", 400, typed("LimitExceededException"), aws_error::throttled, slow},
    {"throttled_without_a_name", 429, "", aws_error::throttled, slow},
    {"header_name",
     400,
     "",
     aws_error::throttled,
     slow,
     remedy::none,
     {{"x-amzn-ErrorType", "ThrottlingException:http://internal.amazon.com/coral/"}}},
    {"code_field", 400, R"({"code":"ThrottlingException"})", aws_error::throttled, slow},
    {"other_prefix", 400, R"({"__type":"com.amazon.coral.service#AccessDeniedException"})",
     aws_error::denied, never},
    {"server", 500, typed("InternalServerError"), aws_error::down, soon},
    {"server_without_a_name", 502, "<html>bad gateway", aws_error::down, soon},
    {"unavailable", 503, "", aws_error::down, soon},
    {"unknown_5xx", 500, typed("NeverHeardOfException"), aws_error::down, soon},
    {"unknown_4xx", 400, typed("NeverHeardOfException"), aws_error::refused, never},
    {"unknown_403", 403, typed("NeverHeardOfException"), aws_error::denied, never},
    {"portal", 403, "<html>log in first", aws_error::garbage, never},
    {"redirect", 302, "", aws_error::garbage, never},
    {"no_content", 204, "", aws_error::garbage, never},
    {"too_large", 413, "", aws_error::too_large, never},
    {"request_timeout", 408, "", aws_error::down, soon},
    {"iterator", 400, typed("ExpiredIteratorException"), aws_error::expired_iterator, never},
    {"trimmed", 400, typed("TrimmedDataAccessException"), aws_error::trimmed, never},
    {"table", 400, typed("ResourceNotFoundException"), aws_error::not_found, never},
    {"in_use", 400, typed("ResourceInUseException"), aws_error::conflict, never},
    {"condition", 400, typed("ConditionalCheckFailedException"), aws_error::condition_failed,
     never},
    {"expired_token", 400, typed("ExpiredTokenException"), aws_error::unrecognised, never,
     remedy::renew_credentials},
    {"unknown_key", 400, typed("UnrecognizedClientException"), aws_error::unrecognised, never,
     remedy::renew_credentials},
    {"wrong_secret", 400, typed("InvalidSignatureException", R"(,"message":"does not match")"),
     aws_error::unrecognised, never, remedy::renew_credentials},
    {"old_signature", 400,
     typed("InvalidSignatureException", R"(,"message":"Signature expired: 1 is now earlier")"),
     aws_error::clock_skew, never, remedy::correct_clock},
    {"early_signature", 400,
     typed("InvalidSignatureException", R"(,"Message":"Signature not yet current: 1 is later")"),
     aws_error::clock_skew, never, remedy::correct_clock},
    {"transaction_condition", 400,
     cancelled(R"({"Code":"TransactionConflict"},{"Code":"ConditionalCheckFailed"})"),
     aws_error::condition_failed, never},
    {"transaction_conflict", 400, cancelled(R"({"Code":"None"},{"Code":"TransactionConflict"})"),
     aws_error::conflict, soon},
    {"transaction_throttled", 400, cancelled(R"({"Code":"ThrottlingError"})"), aws_error::throttled,
     slow},
    {"transaction_wrong", 400,
     cancelled(R"({"Code":"TransactionConflict"},{"Code":"ValidationError"})"),
     aws_error::validation, never},
    {"transaction_for_no_reason", 400, typed("TransactionCanceledException"), aws_error::refused,
     never},
    {"wrong_types", 400, R"({"__type":7,"message":[]})", aws_error::garbage, never},
};
INSTANTIATE_TEST_SUITE_P(all, service_error_test, testing::ValuesIn(table),
                         [](const auto& one) { return std::string{one.param.title}; });

TEST(service_error_text, is_kept_short_and_on_one_line) {
    const service_error got = read_service_error(502, {}, "<h1>\r\n" + std::string(5'000, 'x'));
    EXPECT_LT(got.message.size(), 600U);
    EXPECT_EQ(got.message.find('\n'), std::string::npos);
}

} // namespace
} // namespace postern::sync::aws
