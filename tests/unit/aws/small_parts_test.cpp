// The small values of sync/aws: endpoints, regions, retries, bodies on the wire, times, the clock.
#include "sync/aws/corrected_clock.hpp"
#include "sync/aws/credential_document.hpp"
#include "sync/aws/endpoint.hpp"
#include "sync/aws/json.hpp"
#include "sync/aws/retry.hpp"
#include "sync/aws/wire_body.hpp"
#include "tests/unit/aws/fakes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace postern::sync::aws {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

TEST(endpoint_test, reads_what_people_write) {
    struct row {
        const char* text;
        const char* origin;
        bool is_plain, is_loopback;
    };
    for (const row& r : {row{"http://127.0.0.1:8000", "http://127.0.0.1:8000", true, true},
                         row{"https://dynamodb.test/", "https://dynamodb.test", false, false},
                         row{"dynamodb.test:8443", "https://dynamodb.test:8443", false, false},
                         row{"https://h:443", "https://h", false, false},
                         row{"http://h:80", "http://h", true, false},
                         row{"http://localhost:1", "http://localhost:1", true, true},
                         row{"http://[::1]:8000", "http://[::1]:8000", true, true},
                         row{"http://[fd00:ec2::23]", "http://[fd00:ec2::23]", true, false},
                         row{"http://127.9.9.9", "http://127.9.9.9", true, true}}) {
        const auto e = endpoint::parse(r.text);
        ASSERT_TRUE(e) << r.text;
        EXPECT_EQ(e->origin, r.origin);
        EXPECT_EQ(e->is_plain(), r.is_plain) << r.text;
        EXPECT_EQ(e->is_loopback(), r.is_loopback) << r.text;
    }
    EXPECT_EQ(endpoint::parse("http://[fd00:ec2::23]:80")->host_name(), "fd00:ec2::23");
    EXPECT_EQ(endpoint::parse("http://h:81")->host, "h:81");
}

TEST(endpoint_test, refuses_the_rest) {
    for (const char* const text :
         {"", "ftp://h", "https://", "https://h/path", "https://h?x", "https://u:p@h", "http://h:0",
          "http://h:65536", "http://h:8o", "http://a b", "http://[::1", "http://[zz]",
          "https://h\r\nX: y", "http://ünicode"})
        EXPECT_EQ(error_in(endpoint::parse(text)), aws_error::misconfigured) << text;
    EXPECT_EQ(endpoint::parse("https://user:secret@h").error().what.find("secret"),
              std::string::npos);
}

TEST(endpoint_test, knows_where_aws_is) {
    EXPECT_EQ(aws_endpoint("streams.dynamodb", "us-east-1")->origin,
              "https://streams.dynamodb.us-east-1.amazonaws.com");
    EXPECT_EQ(aws_endpoint("sts", "cn-north-1")->origin, "https://sts.cn-north-1.amazonaws.com.cn");
    for (const char* const region : {"", "us east", "evil.test/", "US-EAST-1", "a.b"})
        EXPECT_EQ(error_in(aws_endpoint("sts", region)), aws_error::misconfigured) << region;
}

TEST(retry_test, draws_from_nothing_to_twice_as_much_each_time) {
    const retry_options o;
    EXPECT_EQ(retry_delay(o, retry_kind::transient, 0, 0.0), milliseconds{0});
    EXPECT_EQ(retry_delay(o, retry_kind::transient, 0, 0.5), milliseconds{12});
    EXPECT_EQ(retry_delay(o, retry_kind::transient, 3, 0.5), milliseconds{100});
    EXPECT_EQ(retry_delay(o, retry_kind::throttle, 1, 0.5), milliseconds{1'000});
    EXPECT_EQ(retry_delay(o, retry_kind::throttle, 9, 0.5), milliseconds{10'000}); // the bound
    EXPECT_EQ(retry_delay(o, retry_kind::throttle, 4'000'000'000U, 0.5), milliseconds{10'000});
}

TEST(retry_test, budget_has_an_upper_and_a_lower_end) {
    retry_budget b{10};
    EXPECT_TRUE(b.take(10));
    EXPECT_FALSE(b.take(1));
    b.give_back(100);
    EXPECT_FALSE(b.take(11));
    EXPECT_TRUE(b.take(10));
}

TEST(retry_test, a_real_wait_ends_when_told_to_stop) {
    real_pause pause;
    EXPECT_TRUE(pause.wait(milliseconds{1}, {}));
    std::stop_source stop;
    const std::jthread other{[&] { stop.request_stop(); }};
    EXPECT_FALSE(pause.wait(seconds{60}, stop.get_token()));
}

// printf 'hello hello hello' | gzip -n
constexpr unsigned char packed[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03,
                                    0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x90, 0x00,
                                    0x80, 0x88, 0xf9, 0xe5, 0x11, 0x00, 0x00, 0x00};
const std::string gzip_of_hello{reinterpret_cast<const char*>(packed), sizeof packed};

TEST(wire_body_test, checks_the_sum_of_the_bytes_as_they_came) {
    EXPECT_EQ(crc32_of("123456789"), 0xcbf43926U);
    http_answer good{200, {{"X-Amz-Crc32", "3421780262"}}, "123456789"};
    EXPECT_EQ(take_body_of(good, 100).value(), "123456789");
    for (const char* const sum : {"3421780263", "", "x", "-1", "99999999999"}) {
        http_answer bad{200, {{"x-amz-crc32", sum}}, "123456789"};
        EXPECT_EQ(error_in(take_body_of(bad, 100)), aws_error::garbage) << sum;
    }
    http_answer none{200, {}, "123456789"};
    EXPECT_TRUE(take_body_of(none, 100));
}

TEST(wire_body_test, knows_only_gzip) {
    http_answer other{200, {{"Content-Encoding", "br"}}, "x"};
    EXPECT_EQ(error_in(take_body_of(other, 100)), aws_error::garbage);
    http_answer same{200, {{"Content-Encoding", "identity"}}, "x"};
    EXPECT_EQ(take_body_of(same, 100).value(), "x");
    for (const std::string& body :
         {std::string{}, std::string{"no gzip"}, gzip_of_hello.substr(0, 20),
          gzip_of_hello.substr(0, gzip_of_hello.size() - 1), gzip_of_hello + "x"}) {
        http_answer bad{200, {{"Content-Encoding", "gzip"}}, body};
        EXPECT_EQ(error_in(take_body_of(bad, 100)), aws_error::garbage);
    }
}

TEST(wire_body_test, unpacks_within_its_bound) {
    const std::string sum = std::to_string(crc32_of(gzip_of_hello)); // of what is packed
    const auto unpacked = [&](std::size_t bytes_max) {
        http_answer a{200, {{"Content-Encoding", "gzip"}, {"x-amz-crc32", sum}}, gzip_of_hello};
        return take_body_of(a, bytes_max);
    };
    EXPECT_EQ(unpacked(100).value(), "hello hello hello");
    EXPECT_EQ(unpacked(17).value(), "hello hello hello");
    EXPECT_EQ(error_in(unpacked(16)), aws_error::too_large);
    EXPECT_EQ(error_in(unpacked(0)), aws_error::too_large);
}

TEST(json_test, is_refused_where_walking_it_would_take_the_stack) {
    const auto nested = [](int depth) {
        return std::string(static_cast<std::size_t>(depth), '[') + R"("\"]]")" +
               std::string(static_cast<std::size_t>(depth), ']');
    };
    EXPECT_TRUE(parse_json(nested(128)));
    EXPECT_FALSE(parse_json(nested(129)));
    EXPECT_FALSE(parse_json(std::string(1'000'000, '[')));
    EXPECT_TRUE(parse_json("\"" + std::string(1'000, '[') + "\\\\\""));
    EXPECT_FALSE(parse_json("\"\xff\""));
    EXPECT_FALSE(text_of(json("\xff")));
}

TEST(corrected_clock_test, follows_differences_above_a_minute) {
    const base::manual_clock hands;
    corrected_clock time{hands};
    EXPECT_FALSE(time.correct(hands.wall() + seconds{59}));
    EXPECT_EQ(time.wall(), hands.wall());
    EXPECT_TRUE(time.correct(hands.wall() - seconds{3'600}));
    EXPECT_EQ(time.wall(), hands.wall() - seconds{3'600});
    EXPECT_FALSE(time.correct(hands.wall() - seconds{3'590}));
    EXPECT_TRUE(time.correct(hands.wall())); // was put right here
    EXPECT_EQ(time.offset(), milliseconds{0});
    EXPECT_EQ(time.steady(), hands.steady());
}

TEST(corrected_clock_test, reads_http_dates) {
    EXPECT_EQ(http_date_of("Sat, 21 Nov 2026 13:00:00 GMT"),
              base::wall_time{seconds{1'795'266'000}});
    for (const char* const text :
         {"", "soon", "Sat, 21 Nov 2026 13:00:00 GMT+2", "1795266000", "2026-11-21T13:00:00Z"})
        EXPECT_FALSE(http_date_of(text)) << text;
}

TEST(credential_document_test, reads_times) {
    const base::wall_time noon{seconds{1'795'262'400}}; // 2026-11-21T12:00:00Z
    for (const char* const text :
         {"2026-11-21T12:00:00Z", "2026-11-21T12:00:00.999Z", "2026-11-21T14:00:00+02:00",
          "2026-11-21T08:30:00-0330", "2026-11-21 12:00:00Z", "2026-11-21T12:00:00+00:00"})
        EXPECT_EQ(iso_time_of(text), noon) << text;
    for (const char* const text :
         {"", "2026", "2026-11-21", "2026-11-21T12:00:00", "2026-13-21T12:00:00Z",
          "2026-02-30T12:00:00Z", "2026-11-21T25:00:00Z", "2026-11-21T12:00:00Zx",
          "+026-11-21T12:00:00Z", "2026-11-21T12:00:00+2", "-001-11-21T12:00:00Z"})
        EXPECT_FALSE(iso_time_of(text)) << text;
}

TEST(credential_document_test, reads_all_three_dialects) {
    const auto one = credentials_of_document(
        R"({"Code":"Success","AccessKeyId":"A","SecretAccessKey":"S","Token":"T",)"
        R"("Expiration":"2026-11-21T12:00:00Z"})",
        "x");
    ASSERT_TRUE(one);
    EXPECT_EQ(one->access_key_id, "A");
    EXPECT_EQ(one->secret_access_key, "S");
    EXPECT_EQ(one->session_token, "T");
    EXPECT_TRUE(one->expires_at);
    const auto process = credentials_of_document(
        R"({"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"U"})", "x");
    EXPECT_EQ(process->session_token, "U");
    EXPECT_FALSE(process->expires_at);
}

TEST(credential_document_test, says_what_is_wrong_and_never_a_secret) {
    for (const char* const text :
         {"", "{", "[]", "{}", R"({"AccessKeyId":"A"})", R"({"AccessKeyId":1,"SecretAccessKey":2})",
          R"({"AccessKeyId":"A","SecretAccessKey":"hidden","Expiration":"tomorrow"})"}) {
        const auto got = credentials_of_document(text, "x");
        EXPECT_EQ(error_in(got), aws_error::misconfigured) << text;
        EXPECT_EQ(got.error().what.find("hidden"), std::string::npos);
    }
}

} // namespace
} // namespace postern::sync::aws
