// The static origin on a local root: which file a request means, and what its answer's head says. Sending the bytes is the
// caller's (sendfile).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.hpp"
#include "edge/request/request_head.hpp"

namespace postern::edge {

/// What to answer: the complete head is in `head`, then `length` bytes of `file` from `offset` (none for HEAD, 304, errors
/// with `body`).
struct static_answer {
    unsigned status = 404;
    std::string head;          // complete, with its empty line
    std::string body;          // short bodies that are no file (redirects)
    base::unique_fd file;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    bool not_found = false;    // no such file, and the root has no 404.html: the caller shows its own 404 page
};

/// Answers GET and HEAD (others: 405 with Allow). `rest` is the raw path below the location: it is percent-decoded here,
/// once; dot segments, NUL, and anything that leaves the root (also by symlink: openat2 RESOLVE_BENEATH) is 404. A directory
/// is redirected to its slash (301, keeping `prefix` and query) and answered by an index file. Astro's
/// and others' "about" → "about.html" or "about/index.html" is found as well (nginx: try_files $uri $uri.html $uri/).
/// ETag, Last-Modified, If-None-Match, If-Modified-Since, If-Range, single and multiple ranges (416; more than one
/// range: the whole file), types by extension. `close`: write Connection: close.
[[nodiscard]] static_answer answer_static(const std::string& root, std::string_view prefix,
                                          std::string_view rest,
                                          const std::vector<std::string>& index,
                                          const request_head& head, bool close);

} // namespace postern::edge
