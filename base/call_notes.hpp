// What is said of one failed call, and differs from that of the next which fails alike.
#pragma once

#include <string>
#include <string_view>

namespace postern::base {

/// " (4 attempts, request ID)", for the end of a sentence; nothing of one attempt without an id.
[[nodiscard]] std::string notes_of(unsigned attempts, std::string_view request_id);

/// A sentence without them, for whoever shows it for as long as calls fail: support asks for the
/// ids, and the log has them.
[[nodiscard]] std::string without_notes(std::string_view sentence);

} // namespace postern::base
