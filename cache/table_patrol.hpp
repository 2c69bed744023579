// sync's round over a table in use: finds bytes that nobody of ours wrote and puts them right, a
// little at a time. README.md, "Damage in use", has the times.
#pragma once

#include "base/clock.hpp"
#include "base/error.hpp"
#include "cache/segment_map.hpp"
#include "cache/table_writer.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace postern::cache {

/// Paces: at any size of the table below 0.5 % of a processor.
inline constexpr std::uint64_t patrol_buckets_per_s = 40'000;
inline constexpr std::uint64_t patrol_places_per_s = 48'000;
inline constexpr std::chrono::milliseconds patrol_gap{100}; // between two steps, at least

/// Goes round the index and, slower, round the routes. Once something is found, or readers have met
/// damaged slots, everything is looked at in one step. Not thread-safe; the references outlive it.
class table_patrol {
  public:
    table_patrol(const segment& mapped, table_writer& writer, std::string path);

    /// The next step; nothing when the last one was a moment ago. The work follows from the time
    /// that has passed, and is a second's at most. Errors: error::replaced; those of bringing a
    /// file that was cut back to its size. The table cannot be kept up then.
    [[nodiscard]] base::result<mended> step(base::steady_time now);

    // What sync writes into the header, kept so that it can be put right.
    void set_synced_at(std::uint64_t ms) noexcept;
    /// Requires: as write_checkpoint.
    void set_checkpoint(std::string_view text);

  private:
    struct round {
        std::uint64_t length;
        std::uint64_t per_s;
        std::uint64_t at = 0;
        std::uint64_t rest = 0; // of a unit: thousandths
    };
    /// How many units of the round are due after `passed`, at most all.
    static std::uint64_t due(round& of, std::chrono::milliseconds passed) noexcept;
    [[nodiscard]] base::result<bool> mend_size();
    [[nodiscard]] mended mend_header();
    [[nodiscard]] mended mend_everything();
    [[nodiscard]] mended walk(round& of, std::uint64_t count,
                              mended (table_writer::*look)(std::uint64_t, std::uint64_t));
    /// Damaged slots that all processes but sync have met.
    [[nodiscard]] std::uint64_t met_by_readers() const noexcept;

    const segment& mapped_;
    const table_view& table_;
    table_writer& writer_;
    std::string path_;
    std::uint64_t synced_at_ms_;
    std::uint64_t sync_pid_;
    std::array<std::uint64_t, 2> boot_id_;
    std::string checkpoint_;
    round index_;
    round routes_;
    base::steady_time stepped_at_{}; // none: not yet
    std::uint64_t met_ = 0;
};

} // namespace postern::cache
