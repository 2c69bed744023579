// Compressed siblings, and what caches are told.
#include "tests/unit/static/static_root.hpp"

#include <gtest/gtest.h>

namespace postern::edge {
namespace {

using tests::body_of;
using tests::header;
using tests::request;

constexpr std::int64_t now_s = 1'700'000'000;

class static_variants : public ::testing::Test {
  protected:
    static_variants() {
        root.put("app.js", "the plain text", now_s);
        root.put("app.js.br", "BR", now_s);
        root.put("app.js.gz", "GZIP", now_s + 1);
        root.put("only.css", "plain", now_s);
        root.put("only.css.gz", "gz", now_s);
        root.put("stale.js", "new", now_s);
        root.put("stale.js.br", "old", now_s - 1);
        root.put("stale.js.gz", "fresh", now_s);
        root.put("folder.js", "plain", now_s);
        root.put("folder.js.br/x", "inside", now_s);
        root.put("photo.png", "png", now_s);
        root.put("photo.png.br", "never", now_s);
        root.put("index.html", "home", now_s);
        root.put("index.html.br", "H", now_s);
        root.put("404.html", "gone", now_s);
        root.put("../secret", "secret", now_s);
        root.put("led.js", "plain", now_s);
        std::filesystem::create_symlink("../secret", root.site() / "led.js.br");
    }
    static_answer get(std::string_view rest, const request_head& head) {
        return answer_static(folders, root.site().string(), site, "", rest, head, false);
    }
    static_answer get(std::string_view rest, std::string_view accepted) {
        return get(rest, request({{known::accept_encoding, accepted}}));
    }

    tests::static_root root;
    root_folders folders;
    std::vector<std::string> index{"index.html"};
    static_site site{.index = index, .precompressed = true};
};

TEST_F(static_variants, the_best_one_that_the_client_takes) {
    const struct {
        const char* rest;
        const char* accepted;
        const char* body;
        const char* coding;
    } rows[] = {
        {"/app.js", "gzip, deflate, br, zstd", "BR", "br"},
        {"/app.js", "gzip", "GZIP", "gzip"},
        {"/app.js", "br;q=0.5, gzip", "GZIP", "gzip"},
        {"/app.js", "*", "BR", "br"},
        {"/app.js", "br;q=0, *", "GZIP", "gzip"},
        {"/app.js", "", "the plain text", "(none)"},
        {"/app.js", "deflate", "the plain text", "(none)"},
        {"/app.js", "gzip;q=0.5, identity", "the plain text", "(none)"},
        {"/app.js", "identity;q=0", "the plain text", "(none)"},
        {"/only.css", "br, gzip", "gz", "gzip"},
        {"/only.css", "br", "plain", "(none)"},
        {"/stale.js", "br, gzip", "fresh", "gzip"},
        {"/stale.js", "br", "new", "(none)"},
        {"/folder.js", "br", "plain", "(none)"},
        {"/photo.png", "br", "png", "(none)"},
        {"/led.js", "br", "plain", "(none)"},
        {"/", "br", "H", "br"},
        {"/index", "br", "H", "br"},
    };
    for (const auto& row : rows) {
        const static_answer answer = get(row.rest, row.accepted);
        const std::string what = std::string{row.rest} + " " + row.accepted;
        EXPECT_EQ(answer.status, 200U) << what;
        EXPECT_EQ(body_of(answer), row.body) << what;
        EXPECT_EQ(header(answer, "Content-Encoding"), row.coding) << what;
        EXPECT_EQ(header(answer, "Content-Length"), std::to_string(std::strlen(row.body))) << what;
        const bool fixed = std::string_view{row.rest} == "/photo.png";
        EXPECT_EQ(header(answer, "Vary"), fixed ? "(none)" : "Accept-Encoding") << what;
    }
    EXPECT_EQ(header(get("/app.js", "br"), "Content-Type"), "text/javascript; charset=utf-8");
}

TEST_F(static_variants, off_nothing_is_looked_for_and_nothing_varies) {
    site.precompressed = false;
    const static_answer answer = get("/app.js", "br, gzip");
    EXPECT_EQ(body_of(answer), "the plain text");
    EXPECT_EQ(header(answer, "Vary"), "(none)");
}

TEST_F(static_variants, a_sibling_with_whole_seconds_only_is_not_older) {
    const auto path = root.site() / "app.js";
    const timespec plain{.tv_sec = now_s, .tv_nsec = 500};
    const timespec times[2]{plain, plain};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
    EXPECT_EQ(body_of(get("/app.js", "br")), "BR");
    const timespec before{.tv_sec = now_s, .tv_nsec = 499};
    const timespec older[2]{before, before};
    ASSERT_EQ(::utimensat(AT_FDCWD, (root.site() / "app.js.br").c_str(), older, 0), 0);
    EXPECT_EQ(body_of(get("/app.js", "br")), "the plain text");
}

TEST_F(static_variants, validators_and_ranges_are_the_representations_own) {
    // One size and one time: only the coding tells them apart.
    root.put("same.js", "ab", now_s);
    root.put("same.js.br", "BR", now_s);
    root.put("same.js.gz", "GZ", now_s);
    const std::string plain = header(get("/same.js", ""), "ETag");
    const std::string br = header(get("/same.js", "br"), "ETag");
    const std::string gzip = header(get("/same.js", "gzip"), "ETag");
    EXPECT_NE(plain, br);
    EXPECT_NE(plain, gzip);
    EXPECT_NE(br, gzip);
    const auto conditional = [&](const char* accepted, known condition, std::string_view tag) {
        return get("/same.js", request({{known::accept_encoding, accepted}, {condition, tag}}));
    };
    const static_answer unchanged = conditional("br", known::if_none_match, br);
    EXPECT_EQ(unchanged.status, 304U);
    EXPECT_EQ(header(unchanged, "ETag"), br);
    EXPECT_EQ(header(unchanged, "Vary"), "Accept-Encoding");
    EXPECT_EQ(header(unchanged, "Content-Encoding"), "(none)");
    EXPECT_EQ(conditional("", known::if_none_match, br).status, 200U);
    const static_answer failed = conditional("gzip", known::if_match, br);
    EXPECT_EQ(failed.status, 412U);
    EXPECT_EQ(header(failed, "Vary"), "Accept-Encoding");

    const auto part = [&](const char* accepted, std::string_view range, std::string_view tag) {
        return get("/app.js", request({{known::accept_encoding, accepted},
                                       {known::range, range},
                                       {known::if_range, tag}}));
    };
    const std::string of_gzip = header(get("/app.js", "gzip"), "ETag");
    const static_answer second = part("gzip", "bytes=1-2", of_gzip);
    EXPECT_EQ(second.status, 206U);
    EXPECT_EQ(body_of(second), "ZI");
    EXPECT_EQ(header(second, "Content-Range"), "bytes 1-2/4");
    EXPECT_EQ(header(second, "Content-Encoding"), "gzip");
    EXPECT_EQ(part("br", "bytes=1-1", of_gzip).status, 200U);
    const static_answer beyond =
        get("/app.js", request({{known::accept_encoding, "gzip"}, {known::range, "bytes=4-"}}));
    EXPECT_EQ(beyond.status, 416U);
    EXPECT_EQ(header(beyond, "Content-Range"), "bytes */4");
    EXPECT_EQ(header(beyond, "Vary"), "Accept-Encoding");
}

TEST_F(static_variants, caches_are_told_of_files_that_are_there) {
    const std::vector<std::pair<std::string, std::string>> add{{"cache-control", "max-age=5"},
                                                               {"X-More", "1"}};
    site.cache_control = "public, max-age=31536000, immutable";
    site.add_headers = &add;
    const static_answer whole = get("/app.js", "");
    EXPECT_EQ(header(whole, "Cache-Control"), site.cache_control);
    EXPECT_EQ(header(whole, "cache-control"), "(none)");
    EXPECT_EQ(header(whole, "X-More"), "1");
    const auto unchanged = get("/app.js", request({{known::if_none_match, header(whole, "ETag")}}));
    EXPECT_EQ(unchanged.status, 304U);
    EXPECT_EQ(header(unchanged, "Cache-Control"), site.cache_control);
    for (const char* elsewhere : {"/nothing.js", "/folder.js.br"}) {
        const static_answer answer = get(elsewhere, "");
        EXPECT_NE(answer.status, 200U);
        EXPECT_EQ(header(answer, "Cache-Control"), "(none)") << elsewhere;
        EXPECT_EQ(header(answer, "cache-control"), "max-age=5") << elsewhere;
    }
}

TEST_F(static_variants, what_stands_in_for_a_session_is_never_stored) {
    const std::vector<std::pair<std::string, std::string>> add{{"Cache-Control", "max-age=5"}};
    site.cache_control = "public, max-age=31536000";
    site.add_headers = &add;
    site.stands_in = true;
    const std::string tag = header(get("/app.js", ""), "ETag");
    const static_answer answers[] = {
        get("/app.js", "br"),
        get("/nothing", ""),
        get("/folder.js.br", ""),
        get("/app.js", request({{known::if_none_match, tag}})),
        get("/app.js", request({{known::if_match, "\"x\""}})),
        get("/app.js", request({{known::range, "bytes=99-"}})),
        get("/app.js", request({}, method::post)),
    };
    const unsigned statuses[] = {200, 404, 301, 304, 412, 416, 405};
    for (std::size_t i = 0; i < std::size(answers); ++i) {
        EXPECT_EQ(answers[i].status, statuses[i]);
        EXPECT_EQ(header(answers[i], "Cache-Control"), "no-store") << answers[i].status;
        EXPECT_EQ(answers[i].head.find("max-age"), std::string::npos) << answers[i].status;
    }
}

} // namespace
} // namespace postern::edge
