// The static origin over a real folder: what is found, and what the heads say.
#include "edge/http/http_date.hpp"
#include "edge/static/static_files.hpp"
#include "tests/unit/static/static_root.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

namespace postern::edge {
namespace {

using tests::answer_static;
using tests::body_of;
using tests::header;
using tests::request;

class static_files : public ::testing::Test {
  protected:
    static_files() {
        root.put("index.html", "home");
        root.put("about.html", "about");
        root.put("docs/index.html", "docs");
        root.put("docs/a.txt", "0123456789");
        root.put("blog.html", "all posts");
        root.put("blog/first.html", "first post");
        root.put("empty.txt", "");
        root.put(".well-known/security.txt", "mail us");
        root.put("\u65e5\u672c.html", "nihon");
        root.put("a b+c.txt", "odd");
        std::filesystem::create_directory(root.site() / "bare");
    }
    static_answer get(std::string_view rest, const request_head& head = request(),
                      std::string_view prefix = {}, bool close = false) {
        return answer_static(root.site().string(), prefix, rest, index, head, close);
    }

    tests::static_root root;
    std::vector<std::string> index{"index.html"};
};

TEST_F(static_files, finds_what_is_meant) {
    const struct {
        const char* rest;
        unsigned status;
        const char* body_or_location;
    } rows[] = {
        {"/", 200, "home"},
        {"/index.html", 200, "home"},
        {"/about.html", 200, "about"},
        {"/about", 200, "about"},
        {"/about/", 404, ""},
        {"/about.html/", 404, ""},
        {"/about.html/x", 404, ""},
        {"/docs/", 200, "docs"},
        {"/docs", 301, "/docs/"},
        {"/docs/a.txt", 200, "0123456789"},
        {"/docs/a", 404, ""},
        {"/blog", 200,
         "all posts"}, // blog.html before the folder blog/, as in $uri $uri.html $uri/
        {"/blog/", 404, ""},
        {"/blog/first", 200, "first post"},
        {"/bare", 301, "/bare/"},
        {"/bare/", 404, ""}, // no listing
        {"/empty.txt", 200, ""},
        {"/.well-known/security.txt", 200, "mail us"},
        {"/%E6%97%A5%e6%9c%ac", 200, "nihon"},
        {"/\u65e5\u672c.html", 200, "nihon"},
        {"/a%20b+c.txt", 200, "odd"},
        {"/a%20b%2Bc.txt", 301, "/a%20b+c.txt"},
        {"/nothing", 404, ""},
        {"/INDEX.HTML", 404, ""},
        {"", 301, "/"},
        {"//", 301, "/"},
        {"//docs//a.txt", 301, "/docs/a.txt"},
    };
    for (const auto& row : rows) {
        const static_answer answer = get(row.rest);
        EXPECT_EQ(answer.status, row.status) << row.rest;
        EXPECT_EQ(answer.not_found, row.status == 404) << row.rest;
        if (row.status == 301) {
            EXPECT_EQ(header(answer, "Location"), row.body_or_location) << row.rest;
        } else {
            EXPECT_EQ(body_of(answer), row.body_or_location) << row.rest;
        }
    }
}

TEST_F(static_files, heads_are_complete) {
    const static_answer answer = get("/docs/a.txt");
    EXPECT_THAT(answer.head, ::testing::StartsWith("HTTP/1.1 200 OK\r\nDate: "));
    EXPECT_THAT(answer.head, ::testing::EndsWith("\r\nConnection: keep-alive\r\n\r\n"));
    EXPECT_EQ(header(answer, "Content-Length"), "10");
    EXPECT_EQ(header(answer, "Content-Type"), "text/plain; charset=utf-8");
    EXPECT_EQ(header(answer, "Last-Modified"), "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(header(answer, "ETag"), "\"2ebc98a1-a\""); // nginx's: printf '%x' of mtime and size
    EXPECT_EQ(header(answer, "Accept-Ranges"), "bytes");
    const auto date = parse_http_date(header(answer, "Date"));
    ASSERT_TRUE(date);
    EXPECT_LE(std::abs(*date - ::time(nullptr)), 60);
    EXPECT_EQ(answer.head.find("\r\n\r\n"), answer.head.size() - 4);
    EXPECT_EQ(header(get("/", request(), {}, true), "Connection"), "close");
}

TEST_F(static_files, every_answer_has_the_added_headers_and_says_how_it_ends) {
    const std::vector<std::pair<std::string, std::string>> add{{"X-One", "1"}, {"x-two", "2 3"}};
    root.put("404.html", "gone");
    const auto answer_to = [&](std::string_view rest, const request_head& head) {
        return answer_static(root.site().string(), "", rest, index, head, true, &add);
    };
    const static_answer answers[] = {
        answer_to("/", request()),
        answer_to("/docs", request()),
        answer_to("/none", request()),
        answer_to("/", request({}, method::post)),
        answer_to("/", request({{known::if_none_match, "*"}})),
        answer_to("/", request({{known::if_match, "\"x\""}})),
        answer_to("/", request({{known::range, "bytes=9-"}})),
        answer_to("/", request({{known::range, "bytes=1-"}})),
    };
    const unsigned statuses[] = {200, 301, 404, 405, 304, 412, 416, 206};
    for (std::size_t i = 0; i < std::size(answers); ++i) {
        EXPECT_EQ(answers[i].status, statuses[i]);
        EXPECT_EQ(header(answers[i], "X-One"), "1") << statuses[i];
        EXPECT_EQ(header(answers[i], "x-two"), "2 3") << statuses[i];
        EXPECT_EQ(header(answers[i], "Connection"), "close") << statuses[i];
        EXPECT_EQ(header(answers[i], "Content-Length") == "(none)", statuses[i] == 304);
    }
}

TEST_F(static_files, redirects_keep_prefix_and_query_and_stay_here) {
    EXPECT_EQ(header(get("/docs", request(), "/site"), "Location"), "/site/docs/");
    EXPECT_EQ(header(get("/docs", request({}, method::get, "a=1&b=%2F"), "/site"), "Location"),
              "/site/docs/?a=1&b=%2F");
    EXPECT_EQ(header(get("/docs", request({}, method::get, "a=\r\nx: y")), "Location"),
              "/docs/?a=%0D%0Ax:%20y");
    EXPECT_EQ(header(get("", request(), "/site"), "Location"), "/site/");
    EXPECT_EQ(header(get("/docs"), "Cache-Control"), "no-cache");

    std::filesystem::create_directories(root.site() / "evil.example" / "\\evil.example");
    for (const char* rest : {"//evil.example", "///evil.example", "//evil.example/",
                             "/evil.example", "//evil.example//", "//%65vil.example"}) {
        const static_answer answer = get(rest);
        const std::string location = header(answer, "Location");
        if (answer.status == 301) {
            EXPECT_THAT(location, ::testing::StartsWith("/evil.example")) << rest;
        }
    }
    EXPECT_EQ(header(get("/docs", request(), "//evil.example"), "Location"), "/evil.example/docs/");
    EXPECT_EQ(get("/evil.example/\\evil.example").status, 404U);
}

TEST_F(static_files, a_redirect_leaves_a_conf_given_cache_control_alone) {
    const std::vector<std::pair<std::string, std::string>> add{{"CACHE-control", "max-age=5"}};
    const auto answer =
        answer_static(root.site().string(), "", "/docs", index, request(), false, &add);
    EXPECT_EQ(answer.head.find("no-cache"), std::string::npos);
    EXPECT_EQ(header(answer, "CACHE-control"), "max-age=5");
}

TEST_F(static_files, methods) {
    for (const auto refused : {method::post, method::put, method::delete_, method::options,
                               method::patch, method::connect, method::trace, method::other}) {
        const static_answer answer = get("/", request({}, refused));
        EXPECT_EQ(answer.status, 405U);
        EXPECT_EQ(header(answer, "Allow"), "GET, HEAD");
        EXPECT_FALSE(answer.file);
    }
    const struct {
        const char* rest;
        request_head head;
        unsigned status;
        const char* length;
    } rows[] = {
        {"/docs/a.txt", request({}, method::head), 200, "10"},
        {"/docs", request({}, method::head), 301, "22"},
        {"/docs/a.txt", request({{known::range, "bytes=0-1"}}, method::head), 200,
         "10"}, // GET only
        {"/docs/a.txt", request({{known::if_match, "\"x\""}}, method::head), 412, "24"},
    };
    for (const auto& row : rows) {
        const static_answer answer = get(row.rest, row.head);
        EXPECT_EQ(answer.status, row.status) << row.rest;
        EXPECT_EQ(header(answer, "Content-Length"), row.length) << row.rest;
        EXPECT_FALSE(answer.file) << row.rest;
        EXPECT_EQ(answer.length, 0U) << row.rest;
        EXPECT_EQ(answer.body, "") << row.rest;
    }
}

TEST_F(static_files, not_found_page_of_the_root) {
    root.put("404.html", "nothing here");
    for (const char* rest : {"/none", "/bare/", "/../x", "/%00", "/docs/none/deep"}) {
        const static_answer answer =
            get(rest, request({{known::if_none_match, "*"}, {known::range, "bytes=0-1"}}));
        EXPECT_EQ(answer.status, 404U) << rest;
        EXPECT_FALSE(answer.not_found) << rest;
        EXPECT_EQ(body_of(answer), "nothing here") << rest;
        EXPECT_EQ(header(answer, "Content-Type"), "text/html; charset=utf-8") << rest;
        EXPECT_EQ(header(answer, "ETag"), "(none)") << rest;
    }
    const static_answer head_only = get("/none", request({}, method::head));
    EXPECT_EQ(header(head_only, "Content-Length"), "12");
    EXPECT_FALSE(head_only.file);
    EXPECT_EQ(get("/404.html").status, 200U);
}

TEST_F(static_files, index_names_in_their_order) {
    root.put("docs/index.htm", "older");
    index = {"nothing.html", "index.htm", "index.html"};
    EXPECT_EQ(body_of(get("/docs/")), "older");
    index = {"../index.html"};
    EXPECT_EQ(body_of(get("/docs/")), "home"); // stays in the root
    index = {"../../index.html", "/etc/passwd"};
    EXPECT_EQ(get("/docs/").status, 404U);
    index = {};
    EXPECT_EQ(get("/docs/").status, 404U);
    std::filesystem::create_directories(root.site() / "bare" / "index.html");
    index = {"index.html"};
    EXPECT_EQ(get("/bare/").status, 404U);
}

TEST_F(static_files, conditions_and_ranges_meet) {
    const struct {
        request_head head;
        unsigned status;
        const char* content_range;
        const char* body;
    } rows[] = {
        {request({{known::range, "bytes=2-4"}}), 206, "bytes 2-4/10", "234"},
        {request({{known::range, "bytes=-3"}}), 206, "bytes 7-9/10", "789"},
        {request({{known::range, "bytes=7-"}}), 206, "bytes 7-9/10", "789"},
        {request({{known::range, "bytes=0-99"}}), 206, "bytes 0-9/10", "0123456789"},
        {request({{known::range, "bytes=10-"}}), 416, "bytes */10", "416 Range Not Satisfiable\n"},
        {request({{known::range, "bytes=0-1,3-4"}}), 200, "(none)", "0123456789"},
        {request({{known::range, "bytes=0-1"}, {known::range, "bytes=3-4"}}), 200, "(none)",
         "0123456789"},
        {request({{known::range, "lines=1-2"}}), 200, "(none)", "0123456789"},
        {request({{known::range, "bytes=2-4"}, {known::if_range, "\"2ebc98a1-a\""}}), 206,
         "bytes 2-4/10", "234"},
        {request({{known::range, "bytes=2-4"}, {known::if_range, "Sun, 06 Nov 1994 08:49:37 GMT"}}),
         206, "bytes 2-4/10", "234"},
        {request({{known::range, "bytes=2-4"}, {known::if_range, "\"old\""}}), 200, "(none)",
         "0123456789"},
        {request({{known::range, "bytes=99-"}, {known::if_range, "\"old\""}}), 200, "(none)",
         "0123456789"},
        {request({{known::range, "bytes=2-4"}, {known::if_none_match, "\"2ebc98a1-a\""}}), 304,
         "(none)", ""},
        {request({{known::range, "bytes=2-4"}, {known::if_match, "\"old\""}}), 412, "(none)",
         "412 Precondition Failed\n"},
        {request({{known::if_modified_since, "Sun, 06 Nov 1994 08:49:37 GMT"}}), 304, "(none)", ""},
        {request({{known::if_unmodified_since, "Sun, 06 Nov 1994 08:49:36 GMT"}}), 412, "(none)",
         "412 Precondition Failed\n"},
    };
    for (const auto& row : rows) {
        const static_answer answer = get("/docs/a.txt", row.head);
        const auto which = &row - rows;
        EXPECT_EQ(answer.status, row.status) << which;
        EXPECT_EQ(header(answer, "Content-Range"), row.content_range) << which;
        EXPECT_EQ(body_of(answer), row.body) << which;
        if (row.status != 304) {
            EXPECT_EQ(header(answer, "Content-Length"), std::to_string(body_of(answer).size()))
                << which;
        } else {
            EXPECT_EQ(header(answer, "ETag"), "\"2ebc98a1-a\"");
            EXPECT_EQ(header(answer, "Last-Modified"), "Sun, 06 Nov 1994 08:49:37 GMT");
            EXPECT_FALSE(answer.file);
        }
    }
    EXPECT_EQ(get("/empty.txt", request({{known::range, "bytes=0-"}})).status, 416U);
    EXPECT_EQ(get("/empty.txt", request({{known::range, "bytes=-1"}})).status, 200U);
}

TEST_F(static_files, a_file_from_the_future_is_modified_now) {
    const std::int64_t now_s = ::time(nullptr);
    root.put("soon.txt", "x", now_s + 1'000'000);
    const auto said = parse_http_date(header(get("/soon.txt"), "Last-Modified"));
    ASSERT_TRUE(said);
    EXPECT_GE(*said, now_s);
    EXPECT_LE(*said, now_s + 60);
}

TEST_F(static_files, a_large_file_by_its_true_size) {
    const auto path = root.put("big.bin", "");
    constexpr std::uint64_t size = 5'000'000'000; // sparse
    std::filesystem::resize_file(path, size);
    const static_answer all = get("/big.bin");
    EXPECT_EQ(all.length, size);
    EXPECT_EQ(header(all, "Content-Length"), "5000000000");
    const static_answer tail = get("/big.bin", request({{known::range, "bytes=-20000"}}));
    EXPECT_EQ(tail.offset, size - 20'000);
    EXPECT_EQ(tail.length, 20'000U);
    EXPECT_EQ(header(tail, "Content-Range"), "bytes 4999980000-4999999999/5000000000");
}

TEST_F(static_files, small_files_come_along_and_large_ones_are_sent) {
    const struct {
        std::size_t size;
        bool as_file;
    } rows[] = {{1, false}, {static_body_bytes_max, false}, {static_body_bytes_max + 1, true}};
    for (const auto& row : rows) {
        std::string content(row.size, 'a');
        content.back() = 'z';
        root.put("sized.txt", content);
        const static_answer answer = get("/sized.txt");
        EXPECT_EQ(static_cast<bool>(answer.file), row.as_file) << row.size;
        EXPECT_EQ(answer.length, row.as_file ? row.size : 0) << row.size;
        EXPECT_EQ(header(answer, "Content-Length"), std::to_string(row.size));
        EXPECT_EQ(body_of(answer), content) << row.size;
        const static_answer tail = get("/sized.txt", request({{known::range, "bytes=-1"}}));
        EXPECT_FALSE(tail.file) << row.size;
        EXPECT_EQ(body_of(tail), "z") << row.size;
    }
}

TEST_F(static_files, a_missing_root_is_a_missing_page) {
    for (const std::string& none : {root.top().string() + "/no-such-root",
                                    root.site().string() + "/index.html", std::string{}}) {
        const auto answer = answer_static(none, "", "/", index, request(), false);
        EXPECT_EQ(answer.status, 404U) << none;
        EXPECT_TRUE(answer.not_found) << none;
    }
}

} // namespace
} // namespace postern::edge
