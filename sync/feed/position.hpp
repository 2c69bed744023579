// Where a feed stands in a stream, as the text that is kept beside the rows.
#pragma once

#include "sync/feed/stream_source.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::sync {

/// Text: `streams1 ARN TIME COUNT {ID PARENT PLACE}... FINISHED`, words with one space between
/// them. PARENT is `-` for none; PLACE is a sequence number, `T` (from the shard's beginning) or
/// `L` (opened at its end, and nothing read: cannot be resumed); FINISHED is `-` or the shards'
/// hashes, 16 hex digits each.
struct stream_position {
    struct shard {
        std::string id;
        std::string parent; // empty: none
        iterator_at place = iterator_at::trim_horizon;
        std::string last; // sequence number of the last record that is in the replica; with
                          // after_sequence
        bool operator==(const shard&) const = default;
    };
    std::string arn;
    std::int64_t at_ms = 0; // wall clock: what the stream had then is in the replica
    std::vector<shard> open;
    std::vector<std::uint64_t> finished; // shard_hash of shards that were read to their end
    bool operator==(const stream_position&) const = default;
};

/// In the place of a position while the replica is filled: nothing to go on from.
inline constexpr std::string_view loading_position = "streams1-loading";

[[nodiscard]] std::string text_of(const stream_position& written);
/// Nothing: the text is none of ours, in whatever way.
[[nodiscard]] std::optional<stream_position> stream_position_of(std::string_view text);
/// Why the feed of the stream `arn` cannot go on from this text at `now_ms`, a part of a sentence;
/// empty: it can.
[[nodiscard]] std::string resume_obstacle(std::string_view text, std::string_view arn,
                                          std::int64_t now_ms, std::chrono::milliseconds within);

/// The same in every build: positions outlive the program.
[[nodiscard]] std::uint64_t shard_hash(std::string_view id) noexcept;
/// Sequence numbers of one shard: decimal numbers of any length.
[[nodiscard]] bool is_after(std::string_view sequence, std::string_view other) noexcept;

} // namespace postern::sync
