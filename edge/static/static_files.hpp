// The static origin on a local root: which file a request means, and what its answer's head says.
// Sending the bytes is the caller's (sendfile).
#pragma once

#include "base/unique_fd.hpp"
#include "edge/http/request_head.hpp"
#include "edge/static/root_folders.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::edge {

/// Files (and ranges) up to this size are read into `body`: one write of head and body together
/// costs less than a write and a sendfile, and the client is woken once.
inline constexpr std::size_t static_body_bytes_max = 16 * 1024;

/// What to answer: the complete head is in `head`, then `body`, then `length` bytes of `file` from
/// `offset` (none for HEAD, 304, and whatever is in `body`).
struct static_answer {
    unsigned status = 404;
    std::string head; // complete, with its empty line
    std::string body; // what is short: small files, redirects, refusals; empty for HEAD
    base::unique_fd file;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    bool not_found = false; // no such file, and the root has no 404.html: `head` is empty, the
                            // caller shows its own page
};

/// What a location says about its files. Views outlive the call.
struct static_site {
    const std::vector<std::string>& index;
    bool precompressed = false;     // app.js.br and app.js.gz beside app.js are used
    std::string_view cache_control; // of files that are there (200, 206, 304); empty: none
    bool stands_in = false;         // for a session, or the URL is secret: no answer may be stored
    const std::vector<std::pair<std::string, std::string>>* add_headers = nullptr;
    std::string_view own_lines; // whole lines for every answer
};

/// Answers GET and HEAD (others: 405 with Allow). `rest` is the raw path below the location: it is
/// percent-decoded here, once; dot segments, encoded slashes, backslashes, control bytes, and
/// anything that leaves the root (also by symlink: openat2 RESOLVE_BENEATH) are 404, and so are
/// FIFOs, devices and files that this process may not read. A spelling that a location in front of
/// this one would not recognise ("//x", "/%70rivate") is redirected to the plain one. Files whose
/// names start with a dot are served, as nginx does: what must stay private does not belong below a
/// static root.
///
/// A folder is redirected to its slash (301, keeping `prefix` and query) and answered by an index
/// file. Astro's and others' "about" is found as "about", "about.html" or "about/index.html"
/// (nginx: try_files $uri $uri.html $uri/). ETag, Last-Modified, conditions (304, 412), If-Range,
/// single ranges (206, 416; more than one range: the whole file), types by extension; all of them
/// of the representation that Accept-Encoding chooses (static_variant.hpp). A missing file is
/// answered with the root's 404.html, if it has one. `close`: write Connection: close.
/// `add_headers` stand in every answer, but for a Cache-Control where the site says another.
/// Redirects are not cached: the same URL may be a session's the next minute. Errors: a file that
/// exists but cannot be opened is 503 (no descriptors, no memory) or 500.
[[nodiscard]] static_answer answer_static(root_folders& folders, const std::string& root,
                                          const static_site& site, std::string_view prefix,
                                          std::string_view rest, const request_head& head,
                                          bool close);

} // namespace postern::edge
