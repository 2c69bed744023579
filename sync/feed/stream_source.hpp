// A remote table as the feeds read it: its change stream, in shards, and its rows. DynamoDB behind
// it in life, a script in tests. The terms are DynamoDB Streams' (API reference, "GetRecords",
// "DescribeStream"). Calls block.
#pragma once

#include "base/error.hpp"
#include "sync/feed/row.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::sync {

/// What a feed has to tell apart; everything else that fails is the source's own business and
/// `store_error::unavailable` or `invalid`.
enum class feed_error {
    expired_iterator = 1, // older than 15 min: ask for another behind the last sequence number
    trimmed,              // the position is older than the stream's 24 h
    gone,                 // no such shard, or no such stream
    throttled,            // also: more than two readers of one shard
};
[[nodiscard]] const boost::system::error_category& feed_error_category() noexcept;
[[nodiscard]] inline boost::system::error_code make_error_code(feed_error e) noexcept {
    return {static_cast<int>(e), feed_error_category()};
}

struct shard_description {
    std::string id;
    std::string parent; // empty: none
    bool is_closed = false;
};

struct stream_description {
    std::string arn; // another one after the stream was switched off and on, or the table remade
    bool is_enabled = false;
    std::vector<shard_description> shards; // all pages of them, as DescribeStream says: stale
                                           // views and missing parents occur
};

struct stream_record {
    std::string sequence; // a decimal number of 21 to 40 digits; grows within a shard
    row_change change;    // by the images: no new image, removed; whatever the event is called
};

struct records_page {
    std::vector<stream_record> records;
    std::string next;     // empty: the shard is closed, and this was its last page
    bool is_full = false; // cut short by its size in bytes: more may follow at once. A page of
                          // `count_max` records counts as full anyway
};

struct scan_page {
    std::vector<row_change> rows; // each with `now`
    std::string next;             // empty: the segment's last page
};

enum class iterator_at { latest, trim_horizon, after_sequence };

/// Every call's errors: those that it names, throttled, `unavailable` and `invalid`. Each call may
/// be several to the remote side (all pages of a description), paced as that wants it.
/// Thread-safe: segments of a scan are read by several threads.
class stream_source {
  public:
    virtual ~stream_source() = default;
    /// The table's stream of now. Errors: gone, when the table has none.
    [[nodiscard]] virtual base::result<stream_description> describe() = 0;
    /// Children of a finished shard only, where the source can; else all there is.
    [[nodiscard]] virtual base::result<stream_description>
    describe_children(std::string_view arn, std::string_view shard) = 0;
    /// Errors: expired_iterator never; trimmed; gone, when the stream has no such shard;
    /// store_error::invalid, when the shard cannot have had this sequence number. An empty answer:
    /// the shard is closed and has nothing there.
    [[nodiscard]] virtual base::result<std::string> iterator(std::string_view arn,
                                                             std::string_view shard,
                                                             iterator_at where,
                                                             std::string_view sequence) = 0;
    /// Errors: expired_iterator, trimmed, gone.
    [[nodiscard]] virtual base::result<records_page> records(std::string_view iterator,
                                                             std::size_t count_max) = 0;
    /// A strongly consistent page: all that was acknowledged before the call is in it.
    [[nodiscard]] virtual base::result<scan_page> scan(std::size_t segment, std::size_t segments,
                                                       std::string_view from,
                                                       std::size_t count_max) = 0;
};

} // namespace postern::sync

template <>
struct boost::system::is_error_code_enum<postern::sync::feed_error> : std::true_type {};
