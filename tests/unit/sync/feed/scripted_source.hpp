// A table with a change stream, in memory: DynamoDB as it behaves on its bad days. The test writes
// to the table, turns the clock and says what fails; a feed reads it as a stream_source.
#pragma once

#include "sync/feed/stream_source.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace postern::sync {

/// Thrown by a call to say that the process dies there.
struct crash {};

/// A row whose value is one number.
[[nodiscard]] row_change scripted_row(std::string key, std::uint64_t value);
[[nodiscard]] std::optional<std::uint64_t> value_of(const row_change& one);

/// What the table had, when.
class table_history {
  public:
    void note(const std::string& key, std::int64_t at_ms, std::optional<std::uint64_t> value) {
        of_[key].push_back({at_ms, value});
    }
    [[nodiscard]] bool had(const std::string& key, std::uint64_t value) const;
    /// At some time from `since_ms` to now the key had this value (nothing: was not there).
    [[nodiscard]] bool had_since(const std::string& key, std::optional<std::uint64_t> value,
                                 std::int64_t since_ms) const;
    [[nodiscard]] std::string of(const std::string& key) const; // in words

  private:
    struct entry {
        std::int64_t at_ms;
        std::optional<std::uint64_t> value;
    };
    std::map<std::string, std::vector<entry>> of_;
};

class scripted_source final : public stream_source {
  public:
    struct temper {
        double failing = 0;    // share of calls that fail
        double throttling = 0; // share of calls that are throttled
        double empty_pages =
            0; // share of a new iterator's first pages that are empty before records
        std::size_t page_max = 1'000; // records and rows; pages cut by it say that they are full
        std::int64_t stream_delay_ms = 0;   // longest, from a write to its record
        std::int64_t describe_delay_ms = 0; // longest, from a change of shards to descriptions
        enum { children_only, everything, nothing, refused } children = children_only;
        std::int64_t latency_ms = 0; // longest, of a call's way there and of its way back
    };

    explicit scripted_source(std::uint64_t seed);

    temper mood;
    std::int64_t now_ms = 1'700'000'000'000;
    std::function<void()> before_call;         // the world goes on in between
    std::function<void(std::int64_t)> advance; // turns the test's clock
    std::uint64_t crash_at = 0;                // the call with this number ends the process
    table_history history;
    std::map<std::string, std::uint64_t> table;

    void put(const std::string& key);
    void erase(const std::string& key);
    /// The open shard with this number (modulo) ends, and one or two children go on.
    void roll(std::size_t which, bool splits);
    /// Off, and on again as another stream.
    void switch_stream(bool on);
    [[nodiscard]] bool is_on() const { return is_on_; }
    void forget_old(); // what is older than the stream keeps
    [[nodiscard]] const std::string& stream_arn() const { return arn_; }
    [[nodiscard]] std::vector<std::string> open_shards() const;
    /// Calls that no limit allows, in words.
    [[nodiscard]] const std::vector<std::string>& excesses() const { return excesses_; }
    /// A new process cannot know when the one before it called.
    void forget_calls();
    std::vector<std::string> hidden; // shards that descriptions leave out
    std::string arn_for_describe;    // instead of the true one
    /// What was called, the last first of a kind: "iterator shard-2 TRIM_HORIZON".
    std::vector<std::string> calls;
    std::uint64_t calls_made = 0;
    /// Answers the next call of a kind ("records", "scan", ...) with this.
    std::map<std::string, std::deque<base::error_code>> next_errors;

    base::result<stream_description> describe() override;
    base::result<stream_description> describe_children(std::string_view arn,
                                                       std::string_view shard) override;
    base::result<std::string> iterator(std::string_view arn, std::string_view shard,
                                       iterator_at where, std::string_view sequence) override;
    base::result<records_page> records(std::string_view iterator, std::size_t count_max) override;
    base::result<scan_page> scan(std::size_t segment, std::size_t segments, std::string_view from,
                                 std::size_t count_max) override;

  private:
    struct record {
        std::string sequence;
        std::int64_t written_ms;
        std::int64_t visible_ms;
        row_change change;
    };
    struct shard_state {
        std::string id;
        std::string parent;
        std::uint32_t low, high; // of keys' hashes, high excluded
        std::vector<record> records;
        std::size_t first = 0; // before it: trimmed
        std::int64_t closed_ms = -1;
        std::int64_t listed_ms = 0, closed_listed_ms = 0;
        std::vector<std::int64_t> polls; // those that count
        bool was_full = false;
    };

    [[nodiscard]] std::optional<base::failure> enter(const std::string& kind);
    void leave(); // the answer takes its time as well
    [[nodiscard]] bool chance(double share) {
        return share > 0 && std::uniform_real_distribution<>{0, 1}(random_) < share;
    }
    [[nodiscard]] std::int64_t up_to(std::int64_t most) {
        return most <= 0 ? 0 : std::uniform_int_distribution<std::int64_t>{0, most}(random_);
    }
    void open_shard(std::string parent, std::uint32_t low, std::uint32_t high);
    void write(const std::string& key, std::optional<std::uint64_t> value);
    [[nodiscard]] shard_state* find(std::string_view id);
    [[nodiscard]] bool is_gone(const shard_state& one) const;
    [[nodiscard]] stream_description described(std::string_view children_of);
    void count(std::vector<std::int64_t>& times, std::size_t per_second, const std::string& what);

    std::mt19937_64 random_;
    bool is_on_ = true;
    std::string arn_;
    int streams_ = 0;
    std::deque<shard_state> shards_;
    std::uint64_t shards_made_ = 0;
    std::uint64_t values_ = 0;
    std::uint64_t sequence_ = 100;
    std::int64_t entered_ms_ = 0; // when the call on its way began
    std::vector<std::int64_t> describes_;
    std::vector<std::string> excesses_;
};

} // namespace postern::sync
