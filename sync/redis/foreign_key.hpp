// Keys of ours that somebody else has written to: Redis answers WRONGTYPE, and not where.
#pragma once

#include "sync/redis/scripts.hpp"

namespace postern::sync::redis {

/// A sentence on the first key that is of another type than feeders make it; empty: there is none.
/// Errors: the server's.
[[nodiscard]] base::result<std::string> foreign_key_in(server& redis, const table_keys& keys);

/// What a call failed by; where that is the type of a key, which one and what to do (foreign_key).
[[nodiscard]] base::failure explained(const base::failure& why, server& redis,
                                      const table_keys& keys);

} // namespace postern::sync::redis
