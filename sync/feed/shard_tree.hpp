// Which shards of a stream are read, which were, and which wait for their parent. Pure:
// descriptions come in, shards to read come out.
#pragma once

#include "base/clock.hpp"
#include "sync/feed/position.hpp"
#include "sync/feed/shard_pace.hpp"
#include "sync/feed/stream_source.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace postern::sync {

/// A shard that is read, or is to be opened.
struct shard {
    std::string id;
    std::string parent;
    iterator_at place = iterator_at::trim_horizon; // where to open it, now or again
    std::string last;                              // see stream_position
    std::int64_t current_at_ms = 0;                // wall clock: what it had then is in the replica
    std::string iterator;                          // empty: to be opened
    int failures = 0; // in a row, of calls for it that said neither what nor where the fault is
    shard_pace pace;
};

struct tree_limits {
    pace_limits pace;
    /// How long a finished shard is remembered after descriptions last had it: one that came back
    /// in a later description would be read again, after its children.
    std::chrono::milliseconds forget_after = std::chrono::hours{24};
    /// Children of a finished shard: asked for again so long after the first was seen, since that
    /// answer may lack the other; no longer waited for after so long.
    std::chrono::milliseconds ask_again_after{1'000};
    std::chrono::milliseconds give_up_after = std::chrono::minutes{5};
};

/// A shard is open, finished, waiting (for its parent) or unknown. Parents are read before their
/// children; a parent that is neither open nor described counts as finished. Not thread-safe.
class shard_tree {
  public:
    /// A finished shard whose children may not all be known.
    struct rollover {
        base::steady_time ended_at{};
        base::steady_time ask_at{}; // when to ask for children
        int asked = 0;
        base::steady_time child_at{};   // when the first child was seen; none: not yet
        std::int64_t current_at_ms = 0; // of the shard; its children go on from there
        /// False: what its children bring may be older than what the replica has.
        bool is_settled = true;
    };
    using shards = std::map<std::string, shard, std::less<>>;

    shard_tree(const tree_limits& limits, std::uint64_t seed) : limits_{limits}, seed_{seed} {}

    /// Before a snapshot: what is closed is of the past, what is open is read from its end.
    void begin(const stream_description& seen, std::int64_t now_ms, base::steady_time now);
    /// Goes on from a kept position.
    void resume(const stream_position& kept, const stream_description& seen, base::steady_time now);
    /// The whole stream as it was described after `asked_at`. Returns how many finished shards are
    /// given up: no child of theirs was ever described.
    std::size_t add(const stream_description& seen, base::steady_time asked_at);
    /// An answer that need not have more than the children of one finished shard.
    void add_children(std::string_view of, const stream_description& seen, base::steady_time now);
    /// The shard was read to its end. Children of it that are known are opened.
    void finish(std::string_view id, base::steady_time now);

    [[nodiscard]] shards& open() noexcept { return open_; }
    [[nodiscard]] const shards& open() const noexcept { return open_; }
    [[nodiscard]] const std::map<std::string, rollover, std::less<>>& rollovers() const noexcept {
        return rollovers_;
    }
    /// Wall clock: what all shards had then is in the replica.
    [[nodiscard]] std::int64_t current_at_ms() const noexcept;
    /// Nothing that is older than what the replica has is being read.
    [[nodiscard]] bool is_settled() const noexcept;
    [[nodiscard]] stream_position position(std::string_view arn) const;
    [[nodiscard]] bool is_finished(std::string_view id) const {
        return finished_.count(shard_hash(id)) != 0;
    }

  private:
    using by_id = std::unordered_map<std::string_view, const shard_description*>;

    [[nodiscard]] bool is_known(std::string_view id) const {
        return open_.find(id) != open_.end() || is_finished(id);
    }
    void read(const shard_description& one, iterator_at place, std::int64_t current_at_ms);
    void finish_ancestors(const by_id& seen, base::steady_time now);
    void await_children(const stream_description& seen, base::steady_time now);
    void note_child(const shard_description& child, base::steady_time now);
    [[nodiscard]] std::size_t settle_rollovers(base::steady_time asked_at);
    void remember(const stream_description& seen, base::steady_time now);

    tree_limits limits_;
    std::uint64_t seed_;
    std::int64_t floor_ms_ = 0; // what all had before, for a time without any shard
    shards open_;
    std::unordered_map<std::uint64_t, base::steady_time> finished_;      // when last described
    std::multimap<std::string, shard_description, std::less<>> waiting_; // by parent
    std::map<std::string, rollover, std::less<>> rollovers_; // "": the stream, at its first look
};

} // namespace postern::sync
