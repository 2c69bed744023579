// What one snapshot has met: which keys the stream touched since its beginning, and which keys the
// remote table has.
#pragma once

#include "base/log.hpp"

#include <boost/unordered/unordered_flat_set.hpp>

#include <cstdint>
#include <string_view>

namespace postern::sync {

/// The stream beats the scan: a page may have been read before a change that the stream brought
/// since, so a key that the stream has touched in this generation is the stream's, there or
/// removed. Keys are kept as 64-bit hashes, 12 to 18 bytes each. Not thread-safe.
class generation {
  public:
    /// The stream says that the key is there, or removed.
    void touch(std::string_view key, bool is_there);
    /// A page has the key. Returns whether its row may be put.
    [[nodiscard]] bool takes(std::string_view key);
    /// At the end: the remote table has the key.
    [[nodiscard]] bool keeps(std::string_view key) const;
    /// How many keys the remote table has.
    [[nodiscard]] std::uint64_t kept() const noexcept { return there_.size(); }

  private:
    boost::unordered_flat_set<std::uint64_t> touched_; // what is in it and not there: a tombstone
    boost::unordered_flat_set<std::uint64_t> there_;
};

/// A snapshot that would remove more than half of the rows and more than a hundred is not believed
/// before the next one shows the same: the wrong table, region or role, or a half-restored table,
/// looks like that.
class sweep_brake {
  public:
    [[nodiscard]] bool holds(std::uint64_t rows, std::uint64_t kept, base::log& log);
    void forget() noexcept { was_held_ = false; }

  private:
    bool was_held_ = false;
};

} // namespace postern::sync
