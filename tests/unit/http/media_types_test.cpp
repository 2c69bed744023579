#include "edge/http/media_types.hpp"

#include <gtest/gtest.h>

namespace postern::edge {
namespace {

TEST(media_types, by_extension) {
    const struct {
        const char* name;
        const char* type;
    } rows[] = {
        {"index.html", "text/html; charset=utf-8"},
        {"a/b/INDEX.HTML", "text/html; charset=utf-8"},
        {"app.js", "text/javascript; charset=utf-8"},
        {"app.mjs", "text/javascript; charset=utf-8"},
        {"app.css", "text/css; charset=utf-8"},
        {"app.js.map", "application/json"},
        {"x.json", "application/json"},
        {"x.svg", "image/svg+xml"},
        {"x.webp", "image/webp"},
        {"x.avif", "image/avif"},
        {"x.woff2", "font/woff2"},
        {"x.wasm", "application/wasm"},
        {"x.pdf", "application/pdf"},
        {"x.mp4", "video/mp4"},
        {"feed.xml", "text/xml; charset=utf-8"},
        {"site.webmanifest", "application/manifest+json"},
        {"x.tar.gz", "application/gzip"},
        {"robots.txt", "text/plain; charset=utf-8"},
        {"7z.7z", "application/x-7z-compressed"}, // first and last of the table
        {"z.zst", "application/zstd"},
        {"README", "application/octet-stream"},
        {"x.", "application/octet-stream"},
        {"", "application/octet-stream"},
        {".", "application/octet-stream"},
        {"a.html/b", "application/octet-stream"},
        {"x.nosuchtype", "application/octet-stream"},
        {"x.htmlx", "application/octet-stream"},
        {"x.htmlhtmlhtmlhtmlhtmlhtmlhtml", "application/octet-stream"},
        {".html", "text/html; charset=utf-8"},
    };
    for (const auto& row : rows)
        EXPECT_EQ(media_type_of(row.name), row.type) << row.name;
}

} // namespace
} // namespace postern::edge
