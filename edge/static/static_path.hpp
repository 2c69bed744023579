// From the raw path of a URL to the name of a file below a static root: decoded once, and only
// where that is safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postern::edge {

/// Invariant: `file` has no empty, "." or ".." segment, no control byte and no backslash; it does
/// not start or end with '/'.
struct static_path {
    std::string file;        // decoded, relative to the root; empty: the root itself
    bool is_folder = false;  // the path ended in '/'
    bool is_renamed = false; // the same file has a plainer spelling, `canonical`
    std::string canonical;   // raw path in normal form: starts with exactly one '/', and only what
                             // must be is encoded
};

/// Reads a raw path ("/a%20b/", or empty for the root itself). Nothing when no file can be meant: a
/// bad escape, a dot segment, an encoded slash, a backslash or a control byte, however they are
/// spelled.
///
/// is_renamed: locations are found by comparing raw bytes, so "/%70rivate/x" and "//private/x" miss
/// a location /private/. Whoever serves files must redirect such a spelling to `canonical`, where
/// that location is seen, and not open it.
[[nodiscard]] std::optional<static_path> static_path_of(std::string_view raw);

/// Appends `text` with everything but RFC 3986's pchar and '/' percent-encoded.
void append_encoded_path(std::string& out, std::string_view text);

} // namespace postern::edge
