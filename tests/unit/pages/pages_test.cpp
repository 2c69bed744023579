// The built-in pages: complete, small, self-contained; values are escaped wherever they stand;
// files replace them.
#include "edge/pages/pages.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace postern::edge {
namespace {

constexpr page all_pages[] = {page::loading,      page::resume,    page::failed,
                              page::reconnecting, page::not_found, page::error};

std::string rendered(page which, const page_values& values = {}) {
    std::string out;
    page_set{}.render(which, values, out);
    return out;
}

bool has(const std::string& html, std::string_view text) {
    return html.find(text) != std::string::npos;
}

TEST(pages, are_whole_small_and_self_contained) {
    for (const page which : all_pages) {
        const std::string html = rendered(which);
        EXPECT_TRUE(html.starts_with("<!doctype html>"));
        EXPECT_TRUE(has(html, "</html>"));
        EXPECT_LT(html.size(), 8U * 1024);
        EXPECT_FALSE(has(html, "{{")) << html.substr(html.find("{{"), 40);
        for (const char* outside : {"http://", "https://", "src=", "@import", "url("})
            EXPECT_FALSE(has(html, outside)) << outside;
        EXPECT_TRUE(has(html, "<html lang="));
        EXPECT_TRUE(has(html, "prefers-color-scheme:dark"));
        EXPECT_TRUE(has(html, "prefers-reduced-motion"));
    }
}

TEST(pages, that_wait_work_without_a_script_and_those_that_wake_ask_by_post) {
    for (const page which : {page::loading, page::reconnecting})
        EXPECT_TRUE(has(rendered(which), "<noscript><meta http-equiv=\"refresh\""));
    for (const page which : {page::resume, page::failed}) {
        const std::string html = rendered(which, {.prefix = "/session/x"});
        EXPECT_FALSE(has(html, "http-equiv=\"refresh\""));
        EXPECT_TRUE(has(html, "<form method=\"post\" action=\"/session/x/.postern/wake\">"));
    }
    for (const page which : {page::not_found, page::error})
        EXPECT_FALSE(has(rendered(which), "<script"));
}

TEST(pages, show_their_values) {
    const page_values values{.session_id = "acme-1",
                             .prefix = "/session/1",
                             .reason = "exited with status 1",
                             .status = 502,
                             .wake = wake_mode::button,
                             .waited_ms = 1234};
    const std::string failed = rendered(page::failed, values);
    EXPECT_TRUE(has(failed, "data-prefix=\"/session/1\""));
    EXPECT_TRUE(has(failed, "data-wake=\"button\""));
    EXPECT_TRUE(has(failed, "data-waited=\"1234\""));
    EXPECT_TRUE(has(failed, ">exited with status 1</pre>"));
    EXPECT_TRUE(has(failed, ">acme-1</p>"));
    EXPECT_TRUE(has(rendered(page::error, values), "502"));
    EXPECT_TRUE(has(rendered(page::resume, {.wake = wake_mode::auto_}), "data-wake=\"auto\""));
    EXPECT_TRUE(has(rendered(page::resume, {.wake = wake_mode::off}), "data-wake=\"off\""));
}

TEST(pages, escape_what_is_put_in) {
    const std::string evil = "\"><script>alert('&')</script>";
    for (const page which : all_pages) {
        const std::string html =
            rendered(which, {.session_id = evil, .prefix = evil, .reason = evil});
        EXPECT_FALSE(has(html, "<script>alert"));
        EXPECT_FALSE(has(html, evil));
        EXPECT_TRUE(has(html, "&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;"));
    }
}

TEST(pages, have_no_value_inside_a_script) {
    // A mark that needs no escaping: it may stand before the script, never in it.
    const std::string mark = "MARK";
    for (const page which : all_pages) {
        const std::string html =
            rendered(which, {.session_id = mark, .prefix = mark, .reason = mark});
        const std::size_t script = html.find("<script>");
        if (script == std::string::npos)
            continue;
        const std::size_t end = html.find("</script>", script);
        EXPECT_GT(html.find(mark, script), end);
        EXPECT_FALSE(has(html.substr(script, end - script), mark));
    }
}

class page_file : public testing::Test {
  protected:
    std::string write(std::string_view content) const {
        std::ofstream{path_} << content;
        return path_;
    }
    void TearDown() override { std::remove(path_.c_str()); }
    std::string path_ = (std::filesystem::temp_directory_path() /
                         ("postern_page_" + std::to_string(::getpid()) + ".html"))
                            .string();
};

TEST_F(page_file, replaces_one_page) {
    page_set pages;
    ASSERT_TRUE(pages.load(
        page::loading, write("{{session_id}}{{ session_id }} {{status}}{{other}}{{{{reason}}")));
    std::string out = "before ";
    pages.render(page::loading, {.session_id = "<s>", .reason = "r", .status = 503}, out);
    EXPECT_EQ(out, "before &lt;s&gt;{{ session_id }} 503{{other}}{{r");
    out.clear();
    pages.render(page::resume, {}, out);
    EXPECT_TRUE(out.starts_with("<!doctype html>"));
}

TEST_F(page_file, may_be_empty_or_end_in_a_brace) {
    page_set pages;
    ASSERT_TRUE(pages.load(page::error, write("")));
    std::string out;
    pages.render(page::error, {}, out);
    EXPECT_EQ(out, "");
    ASSERT_TRUE(pages.load(page::error, write("a{{status}}{{")));
    pages.render(page::error, {.status = 7}, out);
    EXPECT_EQ(out, "a7{{");
}

TEST_F(page_file, that_cannot_be_read_changes_nothing) {
    page_set pages;
    EXPECT_FALSE(pages.load(page::error, path_ + ".missing"));
    EXPECT_FALSE(pages.load(page::error, write(std::string(1024 * 1024 + 1, 'x'))));
    std::string out;
    pages.render(page::error, {}, out);
    EXPECT_TRUE(out.starts_with("<!doctype html>"));
}

} // namespace
} // namespace postern::edge
