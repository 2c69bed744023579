// Content-Type by file name: what the web is made of, as IANA registers it.
#pragma once

#include <string_view>

namespace postern::edge {

/// The Content-Type for a file, by the extension after its name's last dot, without case. Text says
/// that it is UTF-8, which is what site builders write. Unknown or no extension:
/// application/octet-stream.
[[nodiscard]] std::string_view media_type_of(std::string_view file_name) noexcept;

/// Whether files of this type are worth compressing: text, and what is like it. Pictures, films and
/// archives are compressed already.
[[nodiscard]] bool compresses_well(std::string_view media_type) noexcept;

} // namespace postern::edge
