#include "sync/aws/sigv4.hpp"

#include <gtest/gtest.h>

namespace postern::sync::aws {
namespace {

// tests/process/test_aws_signature.py compares hundreds of requests with botocore's signer; here
// are AWS's published example and what must not depend on a library.
TEST(sigv4, signs_the_example_of_the_documentation) {
    const http_headers headers{
        {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
    const credentials by{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "", {}, ""};
    const http_headers added =
        sign({.method = "GET",
              .host = "iam.amazonaws.com",
              .path = "/",
              .query = "Action=ListUsers&Version=2010-05-08",
              .headers = headers,
              .payload_sha256 = sha256_hex("")},
             {"us-east-1", "iam"}, by, base::wall_time{std::chrono::seconds{1'440'938'160}});
    const http_headers expected{
        {"X-Amz-Date", "20150830T123600Z"},
        {"Authorization",
         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
         "SignedHeaders=content-type;host;x-amz-date, "
         "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"}};
    EXPECT_EQ(added, expected);
}

TEST(sigv4, sends_and_signs_the_token_of_temporary_credentials) {
    const http_headers none;
    const http_headers added =
        sign({.method = "POST", .host = "h", .path = "/", .headers = none, .payload_sha256 = "x"},
             {"r", "s"}, {"K", "S", "TOKEN", {}, ""}, base::wall_time{});
    EXPECT_EQ(find_header(added, "x-amz-security-token"), "TOKEN");
    EXPECT_NE(find_header(added, "authorization")->find("host;x-amz-date;x-amz-security-token"),
              std::string_view::npos);
}

TEST(sigv4, hashes) {
    EXPECT_EQ(sha256_hex("abc"),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

} // namespace
} // namespace postern::sync::aws
