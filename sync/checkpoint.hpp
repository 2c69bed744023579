// What stands beside the table: which store its routes are from, and up to where. Text, so that
// `postern table dump` shows it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::sync {

/// A table is resumed only where all but `position` agree with what sync would write now.
struct checkpoint {
    std::string store;    // store::identity
    std::string position; // store::feed_position
    /// Added to the store's versions: the table never takes an older or equal version, but a
    /// snapshot must be taken, also one of another store or an older copy, with small versions.
    std::uint64_t version_base = 0;
    std::chrono::milliseconds route_ttl{}; // resume_until of inactive routes was worked out with it
    bool operator==(const checkpoint&) const = default;
};

/// "sync1 STORE POSITION BASE ROUTE_TTL_MS", below 1 KiB.
[[nodiscard]] std::string text_of(const checkpoint& written);
/// Nothing for anything else, the empty text among it.
[[nodiscard]] std::optional<checkpoint> checkpoint_of(std::string_view text);

} // namespace postern::sync
