// After a change of the store: the sync process of a running postern is told to look at it now.
#pragma once

#include <string>

namespace postern::edge {

/// Rings the sync process that writes the table at `table_path`. Nothing happens where there is
/// none, or where it cannot be reached (another user's, another container's): its next look at the
/// store, within `poll`, finds the change as well.
void ring_sync(const std::string& table_path);

} // namespace postern::edge
