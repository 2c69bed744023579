// Places where credentials may be found, with a network that answers by a function: what each asks
// for, and what it makes of the answers.
#include "sync/aws/container_credentials.hpp"
#include "sync/aws/environment_credentials.hpp"
#include "sync/aws/instance_metadata.hpp"
#include "sync/aws/profile_credentials.hpp"
#include "sync/aws/region.hpp"
#include "tests/unit/aws/fakes.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace postern::sync::aws {
namespace {

using std::chrono::minutes;
using testing::HasSubstr;

const std::string document =
    R"({"Code":"Success","AccessKeyId":"A","SecretAccessKey":"S","Token":"T",)"
    R"("Expiration":"2020-01-01T00:00:00Z"})";

struct providers_test : testing::Test {
    base::manual_clock time; // 2019-12-20
    fake_http http{[this](const http_request& r) { return answers(r); }};
    fake_http::handler answers = [](const http_request&) { return broken(); };
    environment env = fixed_environment({});
    std::string folder = testing::TempDir();

    provider_parts with(std::map<std::string, std::string> values) {
        env = fixed_environment(std::move(values));
        return {env, http, time};
    }
    std::string file(const std::string& name, const std::string& text) {
        std::ofstream{folder + name} << text;
        return folder + name;
    }
};

TEST_F(providers_test, a_task_asks_the_address_beside_it) {
    answers = [](const http_request&) { return ok(document); };
    container_credentials task{with({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x?id=1"},
                                     {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "https://not.this/"}})};
    const auto got = task.find({});
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(got->access_key_id, "A");
    EXPECT_EQ(http.requests[0].request.url, "http://169.254.170.2/v2/x?id=1");
    container_credentials wrong{with({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil.test/"}})};
    EXPECT_EQ(error_in(wrong.find({})), aws_error::misconfigured);
}

TEST_F(providers_test, a_container_endpoint_is_on_this_host_or_speaks_tls) {
    answers = [](const http_request&) { return ok(document); };
    for (const auto& [uri, is_allowed] :
         std::map<std::string, bool>{{"http://127.0.0.1:81/a", true},
                                     {"http://[::1]/a", true},
                                     {"http://localhost/a", true},
                                     {"http://169.254.170.23/v1/credentials", true},
                                     {"http://[fd00:ec2::23]/v1/credentials", true},
                                     {"https://anywhere.test/a", true},
                                     {"http://169.254.169.254/a", false},
                                     {"http://127.0.0.1.evil.test/a", false},
                                     {"http://127.0.0.1@evil.test/a", false},
                                     {"http://10.0.0.1/", false},
                                     {"http://[::2]/", false},
                                     {"gopher://127.0.0.1/", false}}) {
        container_credentials task{with({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", uri}})};
        const std::size_t before = http.requests.size();
        EXPECT_EQ(task.find({}).has_value(), is_allowed) << uri;
        EXPECT_EQ(http.requests.size() - before, is_allowed ? 1U : 0U) << uri;
    }
}

TEST_F(providers_test, an_instance_asks_with_a_token_and_by_what_is_set) {
    answers = [](const http_request& r) {
        if (r.method == "PUT")
            return ok("tok");
        if (r.url.ends_with("security-credentials/"))
            return ok("edge/role\nother");
        return ok(document);
    };
    for (const auto& [values, origin] :
         std::vector<std::pair<std::map<std::string, std::string>, std::string>>{
             {{}, "http://169.254.169.254"},
             {{{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6"}}, "http://[fd00:ec2::254]"},
             {{{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://h:1/"}}, "http://h:1"}}) {
        http.requests.clear();
        instance_credentials instance{with(values)};
        EXPECT_TRUE(instance.find({}));
        EXPECT_EQ(http.requests[0].request.url, origin + "/latest/api/token");
        const http_request& last = http.requests.back().request;
        EXPECT_EQ(last.url, origin + "/latest/meta-data/iam/security-credentials/edge%2Frole");
        EXPECT_EQ(find_header(last.headers, "X-aws-ec2-metadata-token"), "tok");
    }
}

TEST_F(providers_test, what_an_instance_gives_holds_for_ten_minutes_at_least) {
    time.advance(std::chrono::hours{24 * 300});
    answers = [](const http_request& r) { return ok(r.method == "PUT" ? "tok" : document); };
    instance_credentials instance{with({})};
    EXPECT_EQ(instance.find({})->expires_at, time.wall() + minutes{10});
}

TEST_F(providers_test, an_instance_that_has_nothing_is_none_and_a_broken_one_is) {
    instance_credentials instance{with({})};
    EXPECT_EQ(error_in(instance.find({})), aws_error::no_credentials); // nobody there
    answers = in_turn({ok("tok"), answer(404, "")});
    EXPECT_EQ(error_in(instance.find({})), aws_error::no_credentials);
    answers = in_turn({ok("tok"), ok("role"), ok("tok"), ok(R"({"Code":"Failed"})")});
    EXPECT_EQ(error_in(instance.find({})), aws_error::denied);
    answers = in_turn({answer(403, "")});
    EXPECT_EQ(error_in(instance.find({})), aws_error::denied);
    answers = [](const http_request&) { return broken(aws_error::cancelled); };
    EXPECT_EQ(error_in(instance.find({})), aws_error::cancelled);
    instance_credentials off{with({{"AWS_EC2_METADATA_DISABLED", "TRUE"}})};
    http.requests.clear();
    EXPECT_EQ(error_in(off.find({})), aws_error::no_credentials);
    EXPECT_TRUE(http.requests.empty());
}

TEST_F(providers_test, sts_is_asked_in_its_region_and_believed_only_whole) {
    const std::string xml =
        "<R><Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>S</SecretAccessKey>"
        "<SessionToken>T</SessionToken><Expiration>2026-11-21T12:00:00Z</Expiration>"
        "</Credentials></R>";
    answers = [&](const http_request&) { return ok(xml); };
    const auto parts = with({});
    const credentials by{"K", "S", "", {}, ""};
    EXPECT_EQ(assume_role(parts, {"eu-north-1", ""}, {"arn"}, by, {})->session_token, "T");
    EXPECT_EQ(http.requests[0].request.url, "https://sts.eu-north-1.amazonaws.com/");
    EXPECT_THAT(http.requests[0].body, HasSubstr("Action=AssumeRole&"));
    EXPECT_TRUE(assume_role(parts, {"", ""}, {"arn"}, by, {}));
    EXPECT_EQ(http.requests[1].request.url, "https://sts.us-east-1.amazonaws.com/");
    for (const char* const name :
         {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"}) {
        answers = [&](const http_request&) {
            std::string less = xml;
            less.replace(less.find(fmt::format("<{}>", name)), 1, "<!");
            return ok(less);
        };
        EXPECT_EQ(error_in(assume_role(parts, {"", ""}, {"arn"}, by, {})), aws_error::garbage)
            << name;
    }
    answers = [](const http_request&) {
        return answer(403, "<E><Code>AccessDenied</Code><Message>not you</Message></E>");
    };
    const auto no = assume_role(parts, {"", ""}, {"arn"}, by, {});
    EXPECT_EQ(error_in(no), aws_error::denied);
    EXPECT_THAT(no.error().what, HasSubstr("not you"));
}

TEST(xml_text_test, reads_plain_text_of_one_element) {
    EXPECT_EQ(xml_text("<a><b> x </b></a>", "b"), "x");
    EXPECT_EQ(xml_text("<b>&lt;&amp;lt;&gt;&quot;&apos;&unknown;</b>", "b"), "<&lt;>\"'&unknown;");
    for (const char* const xml : {"", "<b>", "<b>x", "<b>x</a>", "<b>x<c/></b>", "<bb>x</bb>",
                                  "<b></b>", "<b>x</b", "b>x</b>"})
        EXPECT_EQ(xml_text(xml, "b"), "") << xml;
}

TEST_F(providers_test, a_profile_is_read_anew_each_time) {
    const std::string path = file("credentials-anew", "[default]\naws_access_key_id=1\naws_secret_"
                                                      "access_key=s\n");
    profile_credentials p{
        with({{"AWS_SHARED_CREDENTIALS_FILE", path}, {"AWS_CONFIG_FILE", "/none"}}),
        {},
        "default",
        false};
    EXPECT_EQ(p.find({})->access_key_id, "1");
    file("credentials-anew", "[default]\naws_access_key_id=2\naws_secret_access_key=s\n");
    EXPECT_EQ(p.find({})->access_key_id, "2");
}

TEST_F(providers_test, a_role_that_is_its_own_source_takes_its_own_key) {
    answers = [](const http_request&) { return broken(); };
    const std::string path = file("config-own", "[profile me]\nrole_arn=r\nsource_profile=me\n"
                                                "aws_access_key_id=OWN\naws_secret_access_key=s\n");
    profile_credentials p{
        with({{"AWS_CONFIG_FILE", path}, {"AWS_SHARED_CREDENTIALS_FILE", "/none"}}),
        {},
        "me",
        true};
    EXPECT_EQ(error_in(p.find({})), aws_error::down);
    EXPECT_THAT(std::string{*find_header(http.requests.at(0).request.headers, "authorization")},
                HasSubstr("Credential=OWN/"));
}

TEST_F(providers_test, the_region_of_an_instance_comes_last) {
    answers = [](const http_request& r) { return ok(r.method == "PUT" ? "tok" : "us-west-2\n"); };
    instance_metadata instance{with({})};
    const profile of{{"region", "profile-1"}};
    EXPECT_EQ(find_region("said-1", env, &of, instance, {}).value(), "said-1");
    EXPECT_EQ(find_region("", env, &of, instance, {}).value(), "profile-1");
    EXPECT_TRUE(http.requests.empty());
    EXPECT_EQ(find_region("", env, nullptr, instance, {}).value(), "us-west-2");
    answers = [](const http_request&) { return broken(); };
    EXPECT_EQ(error_in(find_region("", env, nullptr, instance, {})), aws_error::misconfigured);
}

} // namespace
} // namespace postern::sync::aws
