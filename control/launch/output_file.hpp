// What a session's program printed: one file a session, bounded, and its last lines for people.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postern::control {

inline constexpr std::size_t output_bytes_max =
    1024 * 1024; // past it all but the last lines are cut away
inline constexpr std::size_t output_bytes_kept = 32 * 1024; // what stays then
inline constexpr std::size_t output_line_bytes_max = 200;   // of one line shown to people

/// DIRECTORY/NAME.log, with every byte of the session id that is not [A-Za-z0-9._~-] as %XX; long
/// ids end in a hash.
[[nodiscard]] std::string output_path_of(std::string_view directory, std::string_view session_id);

/// Makes room for a new launch: the output of the one before stays beside it as PATH.1.
void set_output_aside(const std::string& path) noexcept;

/// Cuts the file down to its tail when it has grown past the bound. What the program writes in that
/// moment may be lost.
void cap_output(const std::string& path) noexcept;

/// The last lines that are not empty, oldest first, without colours and control bytes, as valid
/// UTF-8, each cut to `output_line_bytes_max`. Empty when there is no file.
[[nodiscard]] std::vector<std::string> last_output_lines(const std::string& path,
                                                         std::size_t count_max);

/// The text without terminal escapes and control bytes; bytes that are no UTF-8 become '?'.
[[nodiscard]] std::string plain_text(std::string_view raw);

} // namespace postern::control
