#include "sync/feed/generation.hpp"

#include <functional>

namespace postern::sync {
namespace {

constexpr std::uint64_t held_removals_min = 100;

std::uint64_t hash_of(std::string_view key) noexcept {
    return std::hash<std::string_view>{}(key);
}

} // namespace

void generation::touch(std::string_view key, bool is_there) {
    const std::uint64_t hash = hash_of(key);
    touched_.insert(hash);
    if (is_there)
        there_.insert(hash);
    else
        there_.erase(hash);
}

bool generation::takes(std::string_view key) {
    const std::uint64_t hash = hash_of(key);
    if (touched_.contains(hash))
        return false;
    there_.insert(hash);
    return true;
}

bool generation::keeps(std::string_view key) const {
    return there_.contains(hash_of(key));
}

bool sweep_brake::holds(std::uint64_t rows, std::uint64_t kept, base::log& log) {
    const std::uint64_t removals = rows > kept ? rows - kept : 0;
    if (removals <= held_removals_min || removals <= rows / 2) {
        was_held_ = false;
        return false;
    }
    if (was_held_) {
        log.warn("a second snapshot of the remote table shows the same: {} of {} rows are removed",
                 removals, rows);
        was_held_ = false;
        return false;
    }
    log.warn("the snapshot of the remote table would remove {} of {} rows: nothing is removed "
             "before another snapshot shows the same",
             removals, rows);
    was_held_ = true;
    return true;
}

} // namespace postern::sync
