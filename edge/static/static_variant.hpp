// Which representation of a file is sent: the file itself, or a compressed sibling that lies beside
// it (app.js.br, app.js.gz).
#pragma once

#include "edge/http/field.hpp"
#include "edge/static/open_beneath.hpp"
#include "edge/static/static_lookup.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace postern::edge {

struct static_variant {
    opened_file file;
    std::string_view type;   // Content-Type, the plain file's
    std::string_view coding; // Content-Encoding; empty: the plain file
    bool varies = false;     // another Accept-Encoding could have got another one
    /// nginx's: modification second and size, in hex; with the coding, where there is one.
    [[nodiscard]] std::string etag() const;
    /// For Last-Modified: not in the future (RFC 9110 8.8.2.1).
    [[nodiscard]] std::int64_t modified_s() const;
};

/// Of `found` and its siblings the one that `fields` likes best; brotli before gzip before the
/// plain file where it does not care. Siblings are looked for only with `precompressed`, and only
/// of types that are worth it. One that is older than the plain file is of an earlier version, and
/// not sent.
[[nodiscard]] static_variant choose_variant(int root, static_lookup found, const field_list& fields,
                                            bool precompressed);

} // namespace postern::edge
