// A session record as people and programs read it.
#pragma once

#include "sync/store/store.hpp"

#include <string>

namespace postern::edge {

/// One JSON object on one line; the names are those of the session API, times are epoch ms.
[[nodiscard]] std::string json_of(const sync::session& record);
/// "name: value" lines, without what is not set.
[[nodiscard]] std::string text_of(const sync::session& record);
/// "10.0.0.7:4321" or "-".
[[nodiscard]] std::string target_text(const sync::session& record);

} // namespace postern::edge
