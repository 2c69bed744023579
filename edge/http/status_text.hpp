// Reason phrases of answers.
#pragma once

#include <string_view>

namespace postern::edge {

/// The reason phrase of a status ("Not Found"); empty for one without.
[[nodiscard]] std::string_view status_text(unsigned status) noexcept;

} // namespace postern::edge
