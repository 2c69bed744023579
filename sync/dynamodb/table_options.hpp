// Which remote tables there are, and how they are read and followed: what conf says.
#pragma once

#include "base/text_template.hpp"
#include "sync/aws/account.hpp"
#include "sync/dynamodb/attribute_map.hpp"
#include "sync/redis/server_options.hpp"
#include "sync/replica/replica.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace postern::sync::dynamodb {

struct table_options {
    enum class feed_kind {
        streams, // the table's change stream
        poll,    // a scan, again and again
        redis,   // what feeders publish of the stream
    };

    std::string table;
    attribute_map attributes;
    std::optional<container_map> containers; // as `attributes.has_containers` says
    base::text_template route_key;
    aws::account_options account;
    std::string replica_path;
    feed_kind feed = feed_kind::streams;
    std::chrono::milliseconds poll_interval{30'000}; // from the beginning of a scan to the next
    /// What the session id is in a session's route key; empty: it does not follow from that.
    base::text_template id_in_key;
    std::chrono::milliseconds look_timeout{2'000}; // of the calls that look for one session
    redis::server_options redis;
    unsigned feeders = 2; // with redis: hosts that read the stream at one time; 0: others do
    unsigned activity_threads = 8; // how many sessions' activity is written at one time
};

/// `calls`: where the tables are. Two processes that look at the same tables in the same way make
/// the same of it.
[[nodiscard]] replica_options replica_options_of(const table_options& options,
                                                 const aws::client& calls);

} // namespace postern::sync::dynamodb
