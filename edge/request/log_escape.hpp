// Bytes that a peer chose, made fit for a log line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern::edge {

/// Appends `text` as nginx's `log_format ... escape=default` does: '"', '\', control bytes and
/// bytes above 126 as \xNN. At most `bytes_max` bytes are appended (at least 8); what does not fit
/// is left out behind "...".
void append_escaped_default(std::string& out, std::string_view text, std::size_t bytes_max);

/// Appends `text` as the inside of a JSON string (RFC 8259 7). Bytes that are no UTF-8 become
/// U+FFFD; the result is always valid UTF-8, also where it was cut. `bytes_max` as above.
void append_escaped_json(std::string& out, std::string_view text, std::size_t bytes_max);

} // namespace postern::edge
