// How many files a worker may have open.
#pragma once

#include "edge/settings/settings.hpp"

#include <optional>
#include <string>

namespace postern::edge {

/// Raises the soft limit as far as this conf's workers may need it and the hard one lets it.
void raise_open_files_limit(const settings& conf);

/// Why the hard limit is too low for worker_connections, a sentence; nothing where it is not.
[[nodiscard]] std::optional<std::string> doubt_open_files(const settings& conf);

} // namespace postern::edge
