// The feed's checkpoint in the table's header: two copies, so that a death while one is written
// leaves the other.
#pragma once

#include "cache/layout.hpp"

#include <string>
#include <string_view>

namespace postern::cache {

/// Writes over the older copy. Requires: at most checkpoint_bytes_max bytes; one writer.
void write_checkpoint(file_header& header, std::string_view text) noexcept;
/// The newest undamaged copy's text; empty when there is none.
[[nodiscard]] std::string read_checkpoint(file_header& header);
/// Damages both copies on purpose: the data they stand for can no longer be trusted to be there.
void forget_checkpoint(file_header& header) noexcept;

/// How many copies have been written and are damaged: 0 to 2. A forgotten copy is not damaged.
[[nodiscard]] int damaged_checkpoints(file_header& header);

} // namespace postern::cache
