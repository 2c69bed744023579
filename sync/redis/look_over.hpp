// A table in Redis looked over by whoever sets it up: what may be done there, and how far it is.
#pragma once

#include "sync/redis/scripts.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace postern::sync::redis {

struct table_look {
    struct lease {
        unsigned slot = 0;
        std::string holder; // as its feeder calls itself
        std::chrono::milliseconds left{0};
    };
    std::vector<lease> leases; // that are held
    bool is_whole = false;     // a snapshot is published to its end
    std::uint64_t rows = 0;
    std::uint64_t number = 0; // of the last change; 0: there was none
    /// How long ago, by Redis's clock. Nothing: not known.
    std::optional<std::chrono::milliseconds> since_change, since_current;
};

/// Does all that hosts, and where one `feeds` feeders too, do with the keys of a table, in a way
/// that leaves them as they are. Errors: the server's, where one of it is refused; foreign_key.
[[nodiscard]] base::result<table_look> look_over(server& redis, const table_keys& keys, bool feeds);

} // namespace postern::sync::redis
