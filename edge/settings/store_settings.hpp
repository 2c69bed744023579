// Where sessions are kept for good, as conf says it.
#pragma once

#include "base/text_template.hpp"
#include "edge/settings/limits_settings.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace postern::edge {

/// What `map` can give another attribute. Sync knows the same names (sync/dynamodb/attribute_map);
/// a test compares them.
inline constexpr std::string_view mapped_fields[] = {
    "sessionId", "clientId",         "userId", "threadId",     "status",
    "taskArn",   "containerIp",      "port",   "containerId",  "startedAt",
    "createdAt", "lastActivityAt",   "ttl",    "branch",       "lastCommit",
    "isDirty",   "instruction",      "reason", "requestCount", "bytesTransferred",
    "version",   "accessGeneration",
};

struct redis_settings {
    std::string host; // empty: socket_path
    std::uint16_t port = 6379;
    std::string socket_path;
    bool is_tls = false;
    std::string ca_file;
    unsigned database = 0;
    std::string user, password, password_file;
    unsigned feeders = 2; // hosts that may read the table's stream at one time
};

struct dynamodb_settings {
    struct key {
        std::string attribute;
        std::string value; // "SESSION#{sessionId}"
    };
    struct mapping {
        std::string field;
        std::string attribute;
        std::string form; // of a time: iso, seconds, milliseconds; or empty
    };
    struct containers_table {
        std::string table;
        std::string key = "containerId", ip = "containerIp", port = "port";
    };

    /// Requests for sessions that are not known here: the store is asked for each.
    struct unknown_keys {
        bool on = true;
        base::text_template session_id; // made of names of the route key
        milliseconds within{2'000};     // a request waits for it
        rate_limit reads{100, milliseconds{1'000}, 100};
        unsigned calls = 4;       // at one time
        std::uint32_t held = 256; // requests that wait for it at one time, of each worker
    };

    std::string table;
    std::string region, profile, endpoint, streams_endpoint; // empty: as AWS's tools find them
    std::vector<key> keys;                                   // hash, range; empty: sessionId
    std::vector<mapping> maps;
    std::uint16_t port = 4321; // of targets whose item says none
    std::optional<containers_table> containers;
    bool feed_polls = false;
    std::optional<redis_settings> redis; // the feed, where there is one
    milliseconds poll_interval{30'000};
    milliseconds call_timeout{5'000};
    unknown_keys look_through;
};

struct store_settings {
    enum class kind { sqlite, dynamodb } which = kind::sqlite;
    std::string path; // sqlite
    dynamodb_settings dynamodb;
    milliseconds flush{5'000}; // activity written back, coalesced
    milliseconds poll{250};
    std::string source;
    /// Whether a session that is not known here is asked for in the store.
    [[nodiscard]] bool looks_through() const noexcept {
        return which == kind::dynamodb && dynamodb.look_through.on;
    }
};

} // namespace postern::edge
