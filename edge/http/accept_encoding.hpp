// Which content codings a client takes (RFC 9110 12.5.3).
#pragma once

#include "edge/http/field.hpp"

namespace postern::edge {

/// How much a client wants each coding that postern can send, in thousandths; 0: not at all.
struct coding_weights {
    unsigned brotli = 0;
    unsigned gzip = 0;
    unsigned identity = 1; // least of all that is acceptable, unless the client says otherwise
    bool operator==(const coding_weights&) const = default;
};

/// Reads all Accept-Encoding fields. Without any, only identity: the standard allows every coding
/// then, but tools that do not ask for a coding cannot undo it. `*` stands for what is not named;
/// a member with a malformed weight does not count.
[[nodiscard]] coding_weights coding_weights_of(const field_list& fields) noexcept;

} // namespace postern::edge
